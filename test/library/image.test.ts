/** Images opened through the library: whatever holds them, names that are no text, many calls at once. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type ImageSource, openImage } from '../../src/library/index.ts';
import { memorySource } from '../../src/storage/byte-source.ts';
import { type Entry, fixtureDevice, fixtureListing, stackDevice } from '../fixtures/load.ts';
import { rowsOfListing, rowsOfTar } from '../kernel/tar-listing.ts';
import { fixtureBytes, withFolder } from './images.ts';

const HELLO = 'b9620ae1 0000';

/** Serves `bytes` as a web server does, with ranges unless `whole`. */
async function served<T>(bytes: Buffer, whole: boolean, use: (url: URL) => Promise<T>): Promise<T> {
  const answer: RequestListener = (request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')?.map(Number) ?? [];
    if (whole || first === undefined || last === undefined) {
      response.end(bytes);
      return;
    }
    const end = Math.min(last + 1, bytes.length);
    response.writeHead(206, { 'content-range': `bytes ${first}-${end - 1}/${bytes.length}`, etag: '"1"' });
    response.end(bytes.subarray(first, end));
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/disk.img`));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function hello(source: ImageSource): Promise<string> {
  await using image = await openImage(source);
  return image.readFile('/hello.txt', 'utf8');
}

describe('an image', () => {
  it('is opened from memory, a Blob, a source of bytes or sectors, compressed or not', async () => {
    const bytes = await fixtureBytes('ext4');
    const sources: ImageSource[] = [
      bytes,
      new Uint8Array(bytes).buffer,
      new Blob([new Uint8Array(bytes)]),
      memorySource(bytes),
      await fixtureDevice('ext4'),
      gzipSync(bytes),
      new Blob([new Uint8Array(zstdCompressSync(bytes))]),
    ];
    for (const source of sources) expect(await hello(source)).toBe(HELLO);
  });

  it('is opened from a path or a file: URL, compressed or not', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'disk image.img');
      writeFileSync(path, await fixtureBytes('ext4'));
      expect(await hello(path)).toBe(HELLO);
      expect(await hello(new URL(`file://${path.replaceAll(' ', '%20')}`))).toBe(HELLO);
      execFileSync('xz', ['-k', path]);
      expect(await hello(`${path}.xz`)).toBe(HELLO);
    });
  });

  it.each([
    ['ranges', false, false],
    ['whole files', true, false],
    ['compressed files', false, true],
  ])('is opened from a web server that gives %s', async (_, whole, compressed) => {
    const bytes = await fixtureBytes('ext4');
    await served(compressed ? gzipSync(bytes) : bytes, whole, async (url) => expect(await hello(url)).toBe(HELLO));
  });

  it.each([
    ['a path that is not there', '/nonexistent/disk.img', { code: 'ENOENT', syscall: 'open' }],
    ['a directory', '/', { code: 'EISDIR' }],
    ['bytes without a file system', new Uint8Array(1 << 20), { code: 'ERR_NO_FILE_SYSTEM' }],
    ['nothing', null as unknown as ImageSource, { code: 'ERR_INVALID_ARG_TYPE' }],
    ['a source of no size', { sizeBytes: -5, read() {} }, { code: 'ERR_INVALID_ARG_VALUE' }],
    ['a device of no size', { sectors: Number.NaN, read() {} }, { code: 'ERR_INVALID_ARG_VALUE' }],
    ['a source that cannot be read', { sectors: 2048 } as ImageSource, { code: 'ERR_INVALID_ARG_TYPE' }],
    ['another kind of URL', new URL('ftp://localhost/disk.img'), { code: 'ERR_INVALID_ARG_VALUE' }],
  ])('is not %s', async (_, source, error) => {
    await expect(openImage(source)).rejects.toMatchObject(error);
  });

  it('of several partitions is opened at one that is named', async () => {
    const device = await fixtureDevice('disk-gpt-several');
    await expect(openImage(device)).rejects.toMatchObject({ code: 'ERR_SEVERAL_FILE_SYSTEMS' });
    for (const [partition, type] of [
      [2, 'ext4'],
      ['usr', 'erofs'],
    ] as const) {
      await using image = await openImage(device, { partition });
      expect(image.type).toBe(type);
    }
    await using image = await openImage(device, { partition: 2 });
    const info = await image.info();
    expect(info.partitions.map(({ number, fileSystem }) => [number, fileSystem?.type])).toEqual([
      [1, 'vfat'],
      [2, 'ext4'],
      [3, undefined],
      [4, 'erofs'],
    ]);
  });

  it('gives names that are not UTF-8 as buffers, and takes them', async () => {
    await using image = await openImage(await fixtureDevice('ext4'));
    const listing = (await fixtureListing('ext4')).filter((entry): entry is Entry => !('error' in entry));
    const names = await image.readdir('/', { encoding: 'buffer', recursive: true });
    expect(names.map((name) => name.toString('latin1')).sort()).toEqual(
      listing
        .map(({ path }) => Buffer.from(path).toString('latin1'))
        .filter((path) => path !== '.')
        .sort(),
    );
    for (const { path, type, mtimeNs, size } of listing) {
      const stat = await image.lstat(Buffer.from(path), { bigint: true });
      expect(stat.mtimeNs).toBe(mtimeNs);
      if (type === 'file') expect(stat.size).toBe(BigInt(size));
    }
    expect(await image.readlink('/links/bytes', 'buffer')).toEqual(Buffer.from('bmV3CmxpbmUg//4=', 'base64'));
  });

  it('is read by many calls at once', async () => {
    await using image = await openImage(await fixtureDevice('ext4'));
    const entries = await image.readdir('/', { recursive: true, withFileTypes: true, encoding: 'buffer' });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => Buffer.concat([parentPath, Buffer.from('/'), name]));
    const oneByOne: Buffer[] = [];
    for (const path of files) oneByOne.push(await image.readFile(path));
    const all = Array.from({ length: 4 }, () => files).flat();
    const atOnce = await Promise.all(all.map((path) => image.readFile(path)));
    expect(atOnce.every((bytes, i) => bytes.equals(oneByOne[i % files.length] ?? Buffer.alloc(0)))).toBe(true);
    expect(files.length).toBeGreaterThan(300);
  });

  it('has streams of its files and of its tree', async () => {
    await using image = await openImage(await fixtureDevice('ext4'));
    const whole = await image.readFile('/large.bin');
    expect((await buffer(image.createReadStream('/large.bin'))).equals(whole)).toBe(true);
    expect(
      (await buffer(image.createReadStream('/large.bin', { start: 70_000, end: 200_000 }))).equals(
        whole.subarray(70_000, 200_001),
      ),
    ).toBe(true);
    expect(await text(image.createReadStream('/hello.txt', 'utf8'))).toBe(HELLO);
    await expect(buffer(image.createReadStream('/nothing'))).rejects.toMatchObject({
      code: 'ENOENT',
      path: '/nothing',
    });
    const tar = image.tar();
    const rows = await rowsOfTar(await buffer(Readable.fromWeb(tar as Parameters<typeof Readable.fromWeb>[0])));
    expect(rows).toEqual(rowsOfListing(await fixtureListing('ext4')));
    expect((await tar.report).errorCount).toBe(0);
    await expect(image.tar({ path: '/nothing' }).report).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('lets a tar go whose reader has seen enough, and reads on', async () => {
    await using image = await openImage(await fixtureDevice('ext4'));
    const tar = image.tar();
    for await (const _ of tar) break;
    await expect(tar.report).rejects.toBeDefined();
    expect(await image.readFile('/hello.txt', 'utf8')).toBe(HELLO);
  });

  it('has extended attributes, and what statfs tells', async () => {
    await using image = await openImage(await fixtureDevice('ext4'));
    const listing = (await fixtureListing('ext4')).filter((entry): entry is Entry => !('error' in entry));
    let seen = 0;
    for (const { path, xattrs } of listing) {
      const found = await image.lxattrs(Buffer.from(path));
      expect([...found].sort()).toEqual([...xattrs].map(([name, value]) => [name, Buffer.from(value)]).sort());
      seen += found.size;
    }
    expect(seen).toBeGreaterThan(3);
    expect(await image.statfs()).toMatchObject({ type: 0xef53, namelen: 255 });
    expect(await image.statfs('/dir', { bigint: true })).toMatchObject({ type: 0xef53n });
  });

  it('is over when it is closed: what is under way is waited for, calls after that reject, and closing twice is once', async () => {
    const image = await openImage(await fixtureDevice('ext4'));
    const handle = await image.open('/hello.txt');
    const underWay = image.readFile('/large.bin');
    await image.close();
    await image.close();
    expect(await underWay).toHaveLength(300_007);
    await expect(image.readFile('/hello.txt')).rejects.toMatchObject({ code: 'ERR_KERNEL_HALT' });
    await expect(handle.read()).rejects.toMatchObject({ code: 'ERR_KERNEL_HALT' });
  });

  it('is never read into one buffer where a file is larger than Node reads', async () => {
    await using image = await openImage(await fixtureDevice('ext4-huge'));
    const sizes = await Promise.all(
      (await image.readdir('/', { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(
          async ({ parentPath, name }) =>
            [`${parentPath}/${name}`, (await image.stat(`${parentPath}/${name}`)).size] as const,
        ),
    );
    const huge = sizes.filter(([, size]) => size > 2 ** 31);
    expect(huge.length).toBeGreaterThan(0);
    for (const [path] of huge)
      await expect(image.readFile(path)).rejects.toMatchObject({ code: 'ERR_FS_FILE_TOO_LARGE' });
  });

  it('lets out what a source of the caller throws', async () => {
    const device = await fixtureDevice('ext4');
    const mine = new Error('my own');
    let failing = false;
    await using image = await openImage({
      sectors: device.sectors,
      read(sector, into) {
        if (failing) throw mine;
        device.read(sector, into);
      },
    });
    failing = true;
    await expect(image.readFile('/large.bin')).rejects.toBe(mine);
  });

  it('lets other work of the process have turns while it is read', async () => {
    await using image = await openImage(await fixtureDevice('ext4'));
    await image.readFile('/hello.txt');
    let turns = 0;
    let over = false;
    const count = () => {
      turns += 1;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    for (let i = 0; i < 1000; i += 1) await image.readFile('/hello.txt');
    const whileRead = turns;
    let bytes = 0;
    for await (const chunk of image.tar()) bytes += chunk.length;
    over = true;
    expect(whileRead).toBeGreaterThan(10);
    expect(bytes).toBeGreaterThan(0);
  });

  it('stops a read whose signal is aborted', async () => {
    await using image = await openImage(await fixtureDevice('ext4'));
    await expect(image.readFile('/large.bin', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await expect(buffer(image.createReadStream('/large.bin', { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('what is stacked on disks', () => {
  it('is opened by a passphrase, bytes, several, or by asking', async () => {
    const device = await stackDevice('luks1');
    const bytes = new TextEncoder().encode('correct horse');
    for (const passphrase of ['correct horse', bytes, ['no', 'correct horse'], () => 'correct horse'] as const) {
      await using image = await openImage(device, { passphrase });
      expect(await image.readFile('/etc/hostname', 'utf8')).toBe('luks1\n');
    }
    await expect(openImage(device)).rejects.toMatchObject({ code: 'ERR_PASSPHRASE_NEEDED' });
    await expect(openImage(device, { passphrase: 'no' })).rejects.toMatchObject({ code: 'ERR_WRONG_PASSPHRASE' });
  });

  it('several images are one machine', async () => {
    const [first, second] = [await stackDevice('btrfs-two-0'), await stackDevice('btrfs-two-1')];
    await using image = await openImage(first, { also: [second], subvolume: '@home' });
    expect(await image.readFile('/etc/hostname', 'utf8')).toBe('home\n');
    const { fileSystem, also } = await image.info();
    expect(fileSystem?.subvolumes?.map(({ path }) => path)).toEqual(['@home', 'deep/inner', '@home-before']);
    expect(also).toHaveLength(1);
    await expect(openImage(second)).rejects.toMatchObject({ code: 'ERR_STACK_INCOMPLETE' });
  });
});

it('readdir tells of a directory that cannot be read, and lists the others', async () => {
  await using image = await openImage(await fixtureBytes('ext4-damaged'));
  await expect(image.readdir('/', { recursive: true })).rejects.toMatchObject({ code: 'EBADMSG', path: '/dir/nested' });
  const errors: unknown[] = [];
  const names = await image.readdir('/', { recursive: true, onError: (error) => void errors.push(error) });
  expect(errors).toMatchObject([{ code: 'EBADMSG', syscall: 'scandir', path: '/dir/nested' }]);
  expect(names).toContain('xattrs/acl');
  expect(names).toContain('dir/nested');
  expect(names.filter((name) => name.startsWith('dir/nested/'))).toEqual([]);
});
