/** The verbs that look into images, from the outside: held against what another reader says of the same image. */

import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostXattrs } from '../../../src/node/native/calls.ts';
import { unpackFixture } from '../command.ts';
import { keptLkl } from '../kept/kept.ts';

interface Listed {
  readonly path?: string;
  readonly type: string;
  readonly size?: number;
  readonly sha256?: string;
  /** In base64. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

const lkl = keptLkl();
const folder = mkdtempSync(join(tmpdir(), 'lkl-look-'));
const at = (name: string): string => join(folder, name);
const image = at('ext4.img');
const disk = at('disk-gpt-several.img');
const [{ entries, defaults }]: [{ entries: Listed[]; defaults: Listed }] = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/ext4.json', import.meta.url), 'utf8'),
);
const listing = entries.map((entry) => ({ ...defaults, ...entry }));
const names = (text: Buffer): string[] => text.toString().trimEnd().split('\n');
const told = async (args: readonly string[]) => {
  const ran = lkl(args);
  expect({ exitCode: ran.exitCode, stderr: ran.stderr }).toEqual({ exitCode: 0, stderr: '' });
  return ran.stdout;
};
const json = async (args: readonly string[]) => JSON.parse((await told([...args, '--json'])).toString());

beforeAll(async () => {
  await unpackFixture('ext4', image);
  await unpackFixture('disk-gpt-several', disk);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('ls', () => {
  it('lists the root in byte order, names that are not UTF-8 as they are', async () => {
    const stdout = await told(['ls', image]);
    const top = listing.filter(({ path }) => path !== undefined && path !== '.' && !path.includes('/'));
    expect(names(stdout)).toEqual(top.map(({ path }) => path).sort());
    const odd = await told(['ls', image, 'names']);
    expect(odd.includes(Buffer.from('caf\xe9\n', 'latin1'))).toBe(true);
  });

  it('-l and --json tell mode, owner, size, links and target', async () => {
    const [{ entries }] = await json(['ls', image, 'links']);
    expect(entries.find(({ name }: { name: string }) => name === 'absolute')).toMatchObject({ type: 'symlink' });
    const long = names(await told(['ls', '-l', image, '/'])).find((line) => line.endsWith(' hello.txt'));
    expect(long).toMatch(/^-rw-r--r-- +4 +0 +0 +13 +2023-11-14 22:13:20 +hello\.txt$/);
  });

  it('-R goes into directories, a pattern stands for names', async () => {
    const deep = (await told(['ls', '-R', image, 'dir'])).toString();
    expect(deep).toContain('dir/nested/more:\nleaf\n');
    expect(names(await told(['ls', image, '-d', 'h*.txt', 'emp*']))).toEqual(['hello.txt', 'empty']);
  });

  it('ends with 2 and the path for what is not there', async () => {
    const { exitCode, stderr } = lkl(['ls', image, 'dir/none']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: 'lkl: dir/none: no such file or directory (ENOENT)\n',
    });
  });
});

describe('cat and sha256', () => {
  it('give the bytes', async () => {
    const large = listing.find(({ path }) => path === 'large.bin');
    const stdout = await told(['cat', image, 'large.bin']);
    expect(stdout).toHaveLength(large?.size ?? -1);
    expect(await json(['sha256', image, '/large.bin'])).toEqual([{ path: '/large.bin', sha256: large?.sha256 }]);
  });

  it('sha256 -R knows every regular file', async () => {
    const lines = names(await told(['sha256', '-R', image, '/']));
    const files = listing.filter(({ type, sha256 }) => type === 'file' && sha256 !== undefined);
    const sums = new Set(lines.map((line) => line.replace(/^\\/, '').slice(0, 64)));
    for (const { sha256 } of files) expect(sums).toContain(sha256);
  });

  it('cat of a directory says so', async () => {
    expect(lkl(['cat', image, 'dir'])).toMatchObject({
      exitCode: 2,
      stderr: 'lkl: dir: is a directory (EISDIR)\n',
    });
  });
});

describe('find and tree', () => {
  it('find tells by name, kind, size and time', async () => {
    expect(names(await told(['find', image, '--name', '*.txt', '--kind', 'f']))).toContain('/hello.txt');
    expect(names(await told(['find', image, '--min-size', '300000', '--max-size', '301K']))).toContain('/large.bin');
    expect(await told(['find', image, '--newer', '2100-01-01', 'dir'])).toHaveLength(0);
    const all = names(await told(['find', image, 'dir', '--maxdepth', '1']));
    expect(all[0]).toBe('dir');
    expect(all.every((path) => path.split('/').length <= 2)).toBe(true);
  });

  it('tree draws, and counts', async () => {
    const text = (await told(['tree', image, 'dir'])).toString();
    expect(text).toContain('    └── leaf');
    expect(text).toMatch(/\n\d+ director(y|ies), \d+ files?\n$/);
  });

  it('tree as JSON has in each directory what ls tells of it, as deep as it is asked for', async () => {
    interface Node {
      readonly name: string;
      readonly entries?: readonly Node[];
    }
    const root: Node = await json(['tree', image]);
    const [{ entries }] = await json(['ls', image, '/']);
    expect(root.entries?.map(({ entries: _, ...own }) => own)).toEqual(entries);
    const text = (await told(['tree', '--json', image])).toString();
    expect(text).toBe(`${JSON.stringify(root, null, 2)}\n`);
    const flat: Node = await json(['tree', image, '--level', '1']);
    expect(flat.entries?.every((one) => one.entries === undefined)).toBe(true);
    expect(flat.entries).toHaveLength(entries.length);
  });
});

describe('info, df and stat', () => {
  it('info tells partitions with types, labels and UUIDs', async () => {
    const { partition_table, partitions } = await json(['info', disk]);
    expect(partition_table).toBe('gpt');
    expect(partitions.map(({ label }: { label: string }) => label)).toEqual(['efi', 'root', 'empty', 'usr']);
    expect(partitions[1].file_system).toMatchObject({ type: 'ext4', uuid: expect.stringMatching(/^[\da-f-]{36}$/) });
    expect((await told(['info', disk])).toString()).toContain('Linux filesystem');
  });

  it('a partition goes by number, label, UUID and as root', async () => {
    const { partitions } = await json(['info', disk]);
    const listings = await Promise.all(
      ['2', 'root', `UUID=${partitions[1].file_system.uuid}`, partitions[1].uuid].map((name) =>
        told(['ls', disk, '-p', name, '-R']).catch((cause) => `${name}: ${cause}`),
      ),
    );
    // Both file systems of the disk have the same UUID.
    const [byNumber] = listings;
    expect(listings[1]).toEqual(byNumber);
    expect(listings[3]).toEqual(byNumber);
    const { exitCode, stderr } = lkl(['ls', disk]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^lkl: partition 1 .*\(-p\)\n$/);
  });

  it('df agrees with info', async () => {
    const { file_system } = await json(['info', image]);
    expect(await json(['df', image])).toMatchObject({
      type: 'ext4',
      size_bytes: file_system.size_bytes,
      used_bytes: file_system.used_bytes,
    });
  });

  it('stat tells times to the nanosecond and attributes', async () => {
    const [found] = await json(['stat', image, 'xattrs/acl']);
    expect(found).toMatchObject({ path: 'xattrs/acl', type: 'file', mtime_ns: expect.stringMatching(/^\d{19}$/) });
    expect(found.xattrs.map(({ name }: { name: string }) => name)).toContain('system.posix_acl_access');
  });
});

describe('cp', () => {
  it('copies a tree with modes, times, links and holes, and says what it cannot', async () => {
    mkdirSync(at('out'));
    const { exitCode, stderr } = lkl(['cp', image, '/', at('out')]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 3,
      stderr: expect.stringMatching(/^lkl: \d+ devices, fifos and sockets were not copied\n$/),
    });
    expect(readFileSync(at('out/hello.txt'))).toHaveLength(13);
    expect(statSync(at('out/hello.txt'))).toMatchObject({ mtimeMs: 1_700_000_000_000, nlink: 4 });
    expect(readlinkSync(at('out/links/short'))).toBe('../hello.txt');
    expect(statSync(at('out/sparse/comb')).blocks * 512).toBeLessThan(1_048_576);
    expect(readdirSync(at('out')).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it.skipIf(process.geteuid?.() !== 0)('with owners copies devices, attributes and nanoseconds too', () => {
    mkdirSync(at('owned'));
    const { stderr } = lkl(['cp', '-o', image, '/', at('owned')]);
    const owned = (path: string) => lstatSync(at(`owned/${path}`), { bigint: true });
    expect(owned('dev/wide')).toMatchObject({
      rdev: BigInt((259 << 8) | (70_000 & 0xff) | ((70_000 & 0xfff00) << 12)),
    });
    expect(owned('dev/fifo')).toMatchObject({ nlink: 2n, ino: owned('dev/fifo-2').ino });
    expect(owned('times/link').mtimeNs).toBe(1_100_000_000_000_000_003n);
    // Not every file system has attributes.
    if (stderr !== 'lkl: a device, fifo or socket was not copied\n') return;
    for (const { path, xattrs } of listing.filter((one) => one.xattrs)) {
      const found = hostXattrs(Buffer.from(at(`owned/${path}`)), { labels: true });
      expect(
        Object.fromEntries(Array.from(found, ([key, value]) => [key, Buffer.from(value).toString('base64')])),
      ).toEqual(xattrs);
    }
  });

  it('replaces nothing unasked, and does not go through a symlink that lies there', async () => {
    writeFileSync(at('mine'), 'mine');
    mkdirSync(at('trap'));
    symlinkSync(at('mine'), at('trap/hello.txt'));
    const refused = lkl(['cp', image, 'hello.txt', at('trap')]);
    expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('is there already: -f replaces it') });
    await told(['cp', '-f', image, 'hello.txt', at('trap')]);
    expect(lstatSync(at('trap/hello.txt')).isFile()).toBe(true);
    expect(readFileSync(at('mine'), 'utf8')).toBe('mine');
    execFileSync('mkfifo', [at('fifo')]);
    const special = lkl(['cp', '-f', image, 'hello.txt', at('fifo')]);
    expect(special).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('which nothing replaces') });
    expect(lstatSync(at('fifo')).isFIFO()).toBe(true);
  });

  it('takes patterns, and a name for one file', async () => {
    await told(['cp', image, 'hello.txt', at('renamed')]);
    expect(readFileSync(at('renamed'))).toHaveLength(13);
    mkdirSync(at('some'));
    await told(['cp', image, 'links/sh*', 'emp*', at('some')]);
    expect(readdirSync(at('some')).sort()).toEqual(['empty', 'short']);
  });
});

describe('an image that was cut short', () => {
  it('is refused in words of the command, and read with --even-if-cut', async () => {
    writeFileSync(at('cut.img'), readFileSync(image).subarray(0, 4 << 20));
    const { exitCode, stderr } = lkl(['ls', at('cut.img')]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^lkl: the image has 4,194,304 bytes, .*--even-if-cut, read what is there\n$/);
    expect(names(await told(['ls', '--even-if-cut', at('cut.img')]))).toContain('hello.txt');
    expect(await json(['info', at('cut.img')])).toMatchObject({ size_bytes: 4 << 20, claimed_bytes: 16 << 20 });
  });
});

it('fs2tar takes the words of LKL, the tar behind the image', async () => {
  await told(['fs2tar', '-q', '-t', 'ext4', image, at('lkl.tar'), '--path', 'hello.txt']);
  expect(await told(['cat', at('lkl.tar'), 'hello.txt'])).toEqual(await told(['cat', image, 'hello.txt']));
});

it('cat writes a part of a file', async () => {
  const whole = await told(['cat', image, 'hello.txt']);
  expect(await told(['cat', '-r', '1-4', image, 'hello.txt'])).toEqual(whole.subarray(1, 5));
  expect(await told(['cat', '--range=-3', image, 'hello.txt'])).toEqual(whole.subarray(-3));
  expect(lkl(['cat', '-r', '1000-', image, 'hello.txt'])).toMatchObject({
    stderr: 'lkl: the file has 13 bytes\n',
  });
  expect(lkl(['cat', '-r', '4-1', image, 'hello.txt']).exitCode).toBe(1);
});

describe('what wraps an image that was cut short', () => {
  it.each(['vdi', 'gzip'])('is refused with numbers, read with --even-if-cut, and told by info: %s', async (form) => {
    const whole = at(`whole.${form}`);
    if (form === 'gzip') writeFileSync(whole, gzipSync(readFileSync(image), { level: 1 }));
    else await told(['convert', '-O', form, image, whole]);
    const bytes = readFileSync(whole);
    writeFileSync(at('half'), bytes.subarray(0, Math.floor(bytes.length * 0.7)));
    const { exitCode, stderr } = lkl(['ls', at('half')]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^lkl: the (vdi has [\d,]+ bytes, its tables|gzip is not whole \().*--even-if-cut, read what is there\n$/,
    );
    expect(names(await told(['ls', '--even-if-cut', at('half')]))).toContain('hello.txt');
    expect(await json(['info', at('half')])).toMatchObject({ cut: expect.stringMatching(/^the (vdi|gzip) /) });
    expect(lkl(['fsck', at('half')]).exitCode).toBe(2);
  });
});

it('of which the beginning is lost is not told to be empty', async () => {
  const whole = at('tables-last.qcow2');
  await told(['convert', '-O', 'qcow2', image, whole]);
  truncateSync(whole, Math.floor(statSync(whole).size * 0.7));
  for (const words of [['ls'], ['ls', '--even-if-cut'], ['fs2tar', '--on-error', 'continue']])
    expect(lkl([...words, whole])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^lkl: the qcow2 has [\d,]+ bytes, its tables tell of [\d,]+, and in what is there no file system was found: .*\n$/,
      ),
    });
});

describe('diff', () => {
  it('ends with 0 for the same tree, with 3 and the differences for another', async () => {
    await told(['diff', image, image]);
    const { exitCode, stdout } = lkl(['diff', disk, disk, '-p', '2', '--other-partition', '4', '--no-times']);
    expect(exitCode).toBe(3);
    expect(stdout.toString()).toMatch(/^- \/lost\+found$/m);
  });
});

describe('an archive', () => {
  it('is looked into like the image that it was made of, and says what it is', async () => {
    const tar = at('ext4.tar');
    expect(lkl(['fs2tar', image, '-o', tar]).exitCode).toBe(0);
    // All but the socket, which a tar cannot have.
    expect(lkl(['diff', image, tar]).stdout.toString().trim().split('\n')).toEqual([expect.stringMatching(/socket/)]);
    expect(await json(['info', tar])).toMatchObject({
      format: 'tar',
      layers: [{ format: 'tar' }],
      content: { type: 'tar', words: 'tar archive (read as erofs)' },
      file_system: { type: 'erofs' },
    });
    expect((await told(['info', tar])).toString()).toMatch(/^whole +\S+ +tar archive \(read as erofs\) /m);
    expect(await told(['ls', '-l', tar, 'links'])).toEqual(await told(['ls', '-l', image, 'links']));
  });

  it('of a container is its layers; of disks, each by its name', async () => {
    const packed = at('docker.tar.xz');
    writeFileSync(packed, readFileSync(new URL('../../../test/fixtures/archives/docker-gz.tar.xz', import.meta.url)));
    expect((await told(['cat', packed, 'etc/over'])).toString()).toBe('2');
    expect((await told(['info', packed])).toString()).toMatch(
      /^format: tar \(container image example:1, 3 layers\)\nmembers: example:1\n/,
    );
    const wrong = lkl(['ls', packed, '--member', 'other']);
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/^lkl: oci: its images are example:1 = .*: there is no "other" \(--member\)\n$/),
    ]);
  });
});

describe('directories deeper than 4,095 bytes of path', () => {
  const folders = Array.from({ length: 40 }, (_, i) => `${'d'.repeat(150)}${i}`);
  const deep = folders.join('/');
  const tar = at('deep.tar');
  const copy = at('deep-copy');
  const inDeepest = ['leaf', 'link', 'other'];
  const leaf = (path: string) => `${path}/leaf`;

  beforeAll(async () => {
    const entries: TarEntry[] = [
      { header: { name: 'leaf', type: 'symlink', linkname: deep.slice(0, 100), size: 0 } },
      { header: { name: leaf(deep), size: 5, type: 'file' }, body: 'deep\n' },
      { header: { name: `${deep}/other`, size: 0, type: 'link', linkname: leaf(deep) } },
      { header: { name: `${deep}/link`, size: 0, type: 'symlink', linkname: 'leaf' } },
    ];
    writeFileSync(tar, await packTar(entries));
    mkdirSync(copy);
  });

  it('are found, listed, read and drawn', async () => {
    expect(names(await told(['find', tar, '--name', 'leaf', '--kind', 'f']))).toEqual([leaf(`/${deep}`)]);
    expect((await told(['ls', '-R', tar])).toString()).toContain(`/${deep}:\n${inDeepest.join('\n')}\n`);
    expect((await told(['cat', tar, `${deep}/link`])).toString()).toBe('deep\n');
    expect(names(await told(['sha256', '-R', tar, '/']))).toHaveLength(2);
    expect((await told(['tree', tar])).toString()).toMatch(/40 directories, 4 files\n$/);
  });

  it('are copied out and back into an image', async () => {
    await told(['cp', tar, '/', copy]);
    const image = at('deep.ext4');
    await told(['mkfs', '--type', 'ext4', '--size', '16M', image]);
    await told(['cptofs', '-i', image, `${copy}/${folders[0]}`, '/']);
    expect((await told(['cat', image, `${deep}/other`])).toString()).toBe('deep\n');
    const [file] = await json(['stat', image, leaf(deep)]);
    expect(file).toMatchObject({ type: 'file', links: 2, size_bytes: 5 });
  });

  it('of three thousand are drawn, told and compared', async () => {
    const depth = 3000;
    const many = at('many.tar');
    writeFileSync(
      many,
      await packTar([{ header: { name: `${'d/'.repeat(depth)}leaf`, size: 0, type: 'file' }, body: '' }]),
    );
    const drawn = await told(['tree', many]);
    expect(drawn.subarray(-40).toString()).toMatch(/leaf\n\n3000 directories, 1 file\n$/);
    const tree = (await told(['tree', '--json', many])).toString();
    expect(tree.split('"entries"')).toHaveLength(depth + 2);
    expect(lkl(['diff', many, many]).exitCode).toBe(0);
  }, 300_000);

  it('what is not there is ENOENT, what leads out of a part is ENAMETOOLONG as with Linux', async () => {
    const none = lkl(['cat', tar, `${deep}/none`]);
    expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('(ENOENT)') });
    const up = lkl(['cat', tar, `${deep}${'/..'.repeat(40)}/leaf`]);
    expect(up).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('(ENAMETOOLONG)') });
  });
});
