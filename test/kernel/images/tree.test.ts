/** Mounted trees through their one interface: what another reader of the same image saw, and many calls at once. */

import { describe, expect, it } from 'vitest';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../../src/abi/uapi/fs.ts';
import type { KernelError } from '../../../src/kernel/kernel-error.ts';
import { inNs } from '../../../src/kernel/syscalls/file.ts';
import { linux, type MountedTree } from '../../../src/linux.ts';
import { type BlockDevice, SECTOR } from '../../../src/storage/block-device.ts';
import { ReadFailedError } from '../../../src/storage/errors.ts';
import type { OpenFile } from '../../../src/tree/open/open-file.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { type Entry, fixtureDevice, fixtureListing } from '../../fixtures/load.ts';
import { host } from '../kernel.ts';
import { kernelModule, snapshot } from '../restored.ts';

const engine = linux({
  module: kernelModule,
  snapshot,
  host,
  limits: { kernelsMib: 64, mountMib: [20], ready: 0, patienceMs: 0 },
});

const encoder = new TextEncoder();
const decoder = new TextDecoder('latin1');

async function withTree<T>(device: BlockDevice, action: (mounted: MountedTree) => Promise<T>): Promise<T> {
  const mounted = await engine.openTree(device, {});
  try {
    return await action(mounted);
  } finally {
    await mounted.close();
  }
}

async function wholeOf(file: OpenFile): Promise<Uint8Array> {
  const bytes = new Uint8Array((await file.stat()).size);
  expect(await file.read(0, bytes)).toBe(bytes.length);
  await file.close();
  return bytes;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}

const types: Readonly<Record<string, number>> = { file: S_IFREG, dir: S_IFDIR, link: S_IFLNK };

/** What the tree says of an entry, in the listing's form. */
async function seen(tree: Tree, { path, type, sha256: hash }: Entry) {
  const stat = await tree.stat(path, { follow: false });
  const xattrs = await tree.xattrs(path, { follow: false });
  return {
    path,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtimeNs: inNs(stat.mtime),
    ...(types[type] !== undefined && { type: stat.mode & S_IFMT }),
    ...(type === 'link' && { target: await tree.readlink(path) }),
    ...(hash !== undefined && {
      size: stat.size,
      sha256: await sha256(new Uint8Array(await wholeOf(await tree.openFile(path)))),
    }),
    xattrs: new Map(xattrs.map(({ name, value }) => [decoder.decode(name), value])),
  };
}

const expected = ({ path, type, mode, uid, gid, mtimeNs, target, size, sha256: hash, xattrs }: Entry) => ({
  path,
  mode,
  uid,
  gid,
  mtimeNs,
  ...(types[type] !== undefined && { type: types[type] }),
  ...(type === 'link' && { target }),
  ...(hash !== undefined && { size, sha256: hash }),
  xattrs: new Map([...xattrs].map(([name, value]) => [decoder.decode(encoder.encode(name)), value])),
});

async function namesIn(tree: Tree, path: Uint8Array | string): Promise<string[]> {
  const directory = await tree.openDirectory(path);
  const names: string[] = [];
  for (let next = await directory.next(); next.length > 0; next = await directory.next()) {
    names.push(...next.map(({ name }) => decoder.decode(name)));
  }
  await directory.close();
  return names.sort();
}

/** Of a listing: the directory with the most entries, as bytes. */
function largestDirectory(paths: readonly string[]): Uint8Array {
  const entries = new Map<string, number>();
  for (const path of paths) {
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
    entries.set(parent, (entries.get(parent) ?? 0) + 1);
  }
  const [largest = ['.']] = [...entries].sort(([, a], [, b]) => b - a);
  return Buffer.from(largest[0], 'latin1');
}

describe('a tree', () => {
  it.each(['ext4', 'xfs', 'squashfs-zstd', 'btrfs-mixed'])(
    'of %s is what another reader saw, asked for all at once',
    async (name) => {
      const listing = (await fixtureListing(name)).filter((entry): entry is Entry => !('error' in entry));
      await withTree(await fixtureDevice(name), async ({ tree }) => {
        const rows = await Promise.all(listing.map((entry) => seen(tree, entry)));
        expect(rows).toEqual(listing.map(expected));
        const below = (directory: string) =>
          listing
            .map(({ path }) => decoder.decode(path))
            .filter(
              (path) => path !== '.' && (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.') === directory,
            )
            .map((path) => path.slice(path.lastIndexOf('/') + 1))
            .sort();
        for (const { path } of listing.filter(({ type }) => type === 'dir')) {
          expect(await namesIn(tree, path)).toEqual(below(decoder.decode(path)));
        }
      });
    },
  );

  it('answers with the errnos of Linux', async () => {
    const listing = await fixtureListing('ext4');
    const file = listing.find((entry) => entry.type === 'file')?.path ?? '';
    const link = listing.find((entry) => entry.type === 'link')?.path ?? '';
    const fifo = listing.find((entry) => entry.type === 'fifo')?.path ?? '';
    await withTree(await fixtureDevice('ext4'), async ({ tree }) => {
      const errnoOf = (call: Promise<unknown>) =>
        call.then(
          () => undefined,
          (error: KernelError) => error.errno,
        );
      expect(await errnoOf(tree.stat('nothing/here'))).toBe('ENOENT');
      expect(await errnoOf(tree.stat(''))).toBe('ENOENT');
      expect(await errnoOf(tree.openDirectory(file))).toBe('ENOTDIR');
      expect(await errnoOf(tree.openFile('.'))).toBe('EISDIR');
      expect(await errnoOf(tree.openFile(fifo))).toBe('ENXIO');
      expect(await errnoOf(tree.readlink(file))).toBe('EINVAL');
      expect(await errnoOf(tree.stat('x'.repeat(300)))).toBe('ENAMETOOLONG');
      expect(await errnoOf(tree.stat(`${'x/'.repeat(3000)}`))).toBe('ENOENT');
      expect(await errnoOf(tree.readlink(link))).toBeUndefined();
    });
  });

  it('is not left by "..", nor by what a path or a symlink begins with', async () => {
    await withTree(await fixtureDevice('ext4'), async ({ tree }) => {
      const root = await tree.stat('/');
      for (const path of ['.', '..', '../..', '/..', 'lost+found/../..', './/.']) {
        expect((await tree.stat(path)).ino).toBe(root.ino);
        expect(decoder.decode(await tree.realpath(path))).toBe('/');
      }
      await expect(tree.stat('/proc/version')).rejects.toMatchObject({ errno: 'ENOENT' });
      await expect(tree.stat('../proc/version')).rejects.toMatchObject({ errno: 'ENOENT' });
    });
  });

  it('has nodes that lead on by name, and stay what they are', async () => {
    const listing = (await fixtureListing('ext4')).filter((entry): entry is Entry => !('error' in entry));
    await withTree(await fixtureDevice('ext4'), async ({ tree }) => {
      for (const entry of listing.filter(({ path }) => !decoder.decode(path).includes('/'))) {
        const root = await tree.lookup('/');
        if (decoder.decode(entry.path) !== '.') {
          const node = await root.child(entry.path);
          expect((await node.stat()).mode & 0o7777).toBe(entry.mode);
          expect((await node.xattrs()).length).toBe(entry.xattrs.size);
          if (entry.type !== 'link')
            expect(decoder.decode(await node.realpath())).toBe(`/${decoder.decode(entry.path)}`);
          if (entry.type === 'link') expect(await node.readlink()).toEqual(entry.target);
          if (entry.sha256)
            expect(await sha256(new Uint8Array(await wholeOf(await node.openFile())))).toBe(entry.sha256);
          if (entry.type === 'dir') await (await node.openDirectory()).close();
          await node.close();
        }
        for (const name of ['..', '.', 'a/b']) {
          await expect(root.child(encoder.encode(name))).rejects.toMatchObject({ errno: 'EINVAL' });
        }
        await root.close();
      }
    });
  });

  it('a file that was closed is not another one by its number', async () => {
    const listing = await fixtureListing('ext4');
    const path = listing.find((entry) => entry.type === 'file')?.path ?? '';
    await withTree(await fixtureDevice('ext4'), async ({ tree }) => {
      const closed = await tree.openFile(path);
      await closed.close();
      const other = await tree.openFile(path);
      await expect(closed.read(0, new Uint8Array(1))).rejects.toMatchObject({ errno: 'EBADF' });
      await expect(closed.close()).rejects.toMatchObject({ errno: 'EBADF' });
      await other.close();
    });
  });

  it('tells of a failing disk by its own error, and of a file that is not there by ENOENT even then', async () => {
    const device = await fixtureDevice('ext4');
    let failing = false;
    const flaky: BlockDevice = {
      sectors: device.sectors,
      read(sector, into) {
        if (failing) throw new ReadFailedError('the line is down');
        device.read(sector, into);
      },
    };
    const listing = (await fixtureListing('ext4')).filter((entry): entry is Entry => !('error' in entry));
    await withTree(flaky, async ({ tree }) => {
      await tree.stat('.');
      failing = true;
      const paths = listing.flatMap(({ path, type, size }) => (type === 'file' && size > 0 ? [path] : []));
      const results = await Promise.all(
        paths.map(async (path) =>
          wholeOf(await tree.openFile(path)).then(
            () => 'read',
            (error) => error,
          ),
        ),
      ).catch((error) => [error]);
      expect(results).toContainEqual(new ReadFailedError('the line is down'));
      failing = false;
      await expect(tree.stat('nothing')).rejects.toMatchObject({ errno: 'ENOENT' });
    });
  });

  it.each([
    'ext2',
    'ext4',
    'vfat16',
    'exfat',
    'xfs',
    'minix3',
    'udf',
    'hfsplus',
    'iso9660-rock-ridge',
    'ntfs',
    'jfs',
    'nilfs2',
    'ufs2',
  ])('of %s never lists a part of a directory as if it were all', async (name) => {
    const device = await fixtureDevice(name);
    const many = largestDirectory((await fixtureListing(name)).map(({ path }) => decoder.decode(path)));
    const reads: { readonly sector: number; readonly sectors: number }[] = [];
    const recorded: BlockDevice = {
      sectors: device.sectors,
      read(sector, into) {
        reads.push({ sector, sectors: into.length / SECTOR });
        device.read(sector, into);
      },
    };
    const [before, names] = await withTree(recorded, async ({ tree }) => {
      await tree.stat(many);
      return [reads.length, await namesIn(tree, many)] as const;
    });
    expect(names.length).toBeGreaterThan(6);
    for (const bad of reads.slice(before)) {
      const failing: BlockDevice = {
        sectors: device.sectors,
        read(sector, into) {
          const end = sector + into.length / SECTOR;
          if (sector < bad.sector + bad.sectors && end > bad.sector) throw new ReadFailedError('a bad sector');
          device.read(sector, into);
        },
      };
      const listed = await withTree(failing, ({ tree }) => namesIn(tree, many)).catch(() => 'refused');
      if (listed !== 'refused') expect(listed).toEqual(names);
    }
  });

  it('reads on while its tar is made', async () => {
    const whole: Uint8Array[] = [];
    await withTree(await fixtureDevice('ext4'), async ({ tree, tar }) => {
      const report = tar({ onError: 'stop' }, async (chunk) => {
        await tree.stat('.');
        whole.push(chunk);
      });
      await Promise.all(Array.from({ length: 50 }, () => namesIn(tree, '.')));
      expect((await report).bytes).toBe(whole.reduce((sum, { length }) => sum + length, 0));
    });
    const alone: Uint8Array[] = [];
    await engine.fs2tar(await fixtureDevice('ext4'), { onError: 'stop' }, (chunk) => void alone.push(chunk));
    expect(Buffer.concat(whole).equals(Buffer.concat(alone))).toBe(true);
  });
});
