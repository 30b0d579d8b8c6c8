/** Trees copied into images of many kinds: what a fresh mount then shows is what was copied. */

import { describe, expect, it } from 'vitest';
import { AT_FDCWD, O_DIRECTORY, O_PATH } from '../../../src/abi/uapi/fs.ts';
import { CLOCK } from '../../../src/abi/uapi/socket.ts';
import { concat } from '../../../src/bytes/concat.ts';
import { latin1 } from '../../../src/bytes/latin1.ts';
import { fromLossless, toLossless } from '../../../src/bytes/lossless.ts';
import { openWritable } from '../../../src/image/mounting/writable-image.ts';
import { openat } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import { clockGettime } from '../../../src/kernel/syscalls/time.ts';
import { type BlockDevice, SECTOR } from '../../../src/storage/block-device.ts';
import { ReadFailedError } from '../../../src/storage/errors.ts';
import { memoryDevice } from '../../../src/storage/memory.ts';
import { Aliases } from '../../../src/tree/write/aliases.ts';
import { copyTree } from '../../../src/tree/write/copy-tree.ts';
import type { Entry } from '../../../src/tree/write/entry.ts';
import { TreeWriter } from '../../../src/tree/write/tree-writer.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { archive } from '../archive.ts';
import { newKernel } from '../kernel.ts';
import { type ReadEntry, readTar } from '../read-tar.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const S = 1_000_000_000n;

/** A fixture as a disk that can be written. */
async function writable(name: string): Promise<BlockDevice> {
  const packed = await fixtureDevice(name);
  const device = memoryDevice(packed.sectors);
  const all = new Uint8Array(packed.sectors * SECTOR);
  packed.read(0, all);
  device.write(0, all);
  return device;
}

async function* content(...pieces: (Uint8Array | number)[]) {
  yield* pieces;
}

/** Every type, a name that is not UTF-8, a hole, a set-id bit, times before 1970 and after 2038. */
const dataContent = () => content(bytes('begin'), 1_000_000, bytes('middle'), 70_000);

const data: Entry = {
  type: 'file',
  path: bytes('new/data'),
  attributes: { mode: 0o4755, uid: 1000, gid: 100, mtimeNs: 1_900_000_000n * S },
  content: dataContent,
};

const tree: readonly Entry[] = [
  { type: 'directory', path: bytes('new'), attributes: { mode: 0o750, uid: 7, gid: 8, mtimeNs: 5n * S } },
  data,
  { type: 'hardlink', path: bytes('new/again'), attributes: {}, target: bytes('new/data') },
  { type: 'symlink', path: bytes('new/link'), attributes: { mtimeNs: 9n * S }, target: bytes('../x\xff') },
  { type: 'fifo', path: bytes('new/pipe'), attributes: { mode: 0o622 } },
  { type: 'char', path: bytes('new/null'), attributes: { mode: 0o666 }, device: { major: 1, minor: 3 } },
  {
    type: 'file',
    path: Uint8Array.of(...bytes('new/'), 0xff, 0x0a),
    attributes: {
      mode: 0o600,
      xattrs: new Map([
        ['user.note', bytes('kept')],
        [toLossless(Uint8Array.of(...bytes('user.'), 0xff)), bytes('bytes')],
      ]),
    },
    content: () => content(),
  },
];

async function* entries(list: readonly Entry[]): AsyncGenerator<Entry> {
  yield* list;
}

async function copyInto(device: BlockDevice, list: readonly Entry[], root = '/mnt') {
  const image = await openWritable(newKernel, device, {});
  const writer = await TreeWriter.open(image.task, root);
  const report = await copyTree(writer, entries(list));
  await writer.close();
  await image.commit();
  return report;
}

const types = { file: '0', hardlink: '1', symlink: '2', char: '3', block: '4', directory: '5', fifo: '6', socket: '' };

/** What a tar should say of an entry; a hard link is told under the first of its names in order. */
async function expected(entry: Entry) {
  const { mode, uid = 0, gid = 0, mtimeNs } = entry.attributes;
  const pieces: Uint8Array[] = [];
  if (entry.type === 'file') {
    for await (const piece of entry.content()) pieces.push(typeof piece === 'number' ? new Uint8Array(piece) : piece);
  }
  return {
    typeflag: types[entry.type],
    path: concat([bytes('./'), entry.path, bytes(entry.type === 'directory' ? '/' : '')]),
    uid,
    gid,
    ...(mode !== undefined && { mode }),
    ...(mtimeNs !== undefined && { mtimeNs }),
    ...('device' in entry && { device: [entry.device.major, entry.device.minor] }),
    ...(entry.type === 'symlink' && { linkPath: entry.target }),
    ...(entry.type === 'file' && { content: concat(pieces) }),
    xattrs: new Map(Array.from(entry.attributes.xattrs ?? [], ([key, value]) => [latin1(fromLossless(key)), value])),
  };
}

/** A file with its holes filled in. */
function whole({ extents, data, size }: ReadEntry): Uint8Array {
  const filled = new Uint8Array(size);
  let at = 0;
  for (const [offset, length] of extents) {
    filled.set(data.subarray(at, at + length), offset);
    at += length;
  }
  return filled;
}

const named = (entries: readonly ReadEntry[], path: Uint8Array) =>
  entries.find((entry) => Buffer.compare(entry.path, path) === 0);

describe.each(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'jfs'])('on %s', (name) => {
  it('a tree of every type is there whole after a clean unmount', async () => {
    const device = await writable(name);
    const before = readTar((await archive(device)).tar).length;
    const report = await copyInto(device, tree);
    expect(report).toMatchObject({ entries: tree.length, bytes: 11, losses: [] });
    const all = readTar((await archive(device)).tar);
    expect(all.length).toBe(before + tree.length);
    for (const entry of tree) {
      // "again" sorts before "data", so it is the one with the content.
      if (entry.path === data.path || entry.type === 'hardlink') continue;
      const found = named(all, (await expected(entry)).path);
      expect(found && { ...found, content: whole(found) }).toMatchObject(await expected(entry));
    }
    const first = named(all, bytes('./new/again'));
    const { path: _, ...wanted } = await expected(data);
    expect(first && { ...first, content: whole(first) }).toMatchObject(wanted);
    expect(named(all, bytes('./new/data'))).toMatchObject({ typeflag: '1', linkPath: bytes('./new/again') });
  });
});

it('what a file system has no place for is counted, and the rest is there', async () => {
  const device = await writable('vfat32');
  const links: readonly Entry[] = [
    { type: 'hardlink', path: bytes('new/again'), attributes: {}, target: bytes('new/data'), content: dataContent },
    { type: 'symlink', path: bytes('new/link'), attributes: {}, target: bytes('data') },
    { type: 'fifo', path: bytes('new/pipe'), attributes: {} },
    { type: 'file', path: bytes('new/1960'), attributes: { mtimeNs: -315_619_200n * S }, content: () => content() },
    { type: 'file', path: bytes('new/store'), attributes: { mtimeNs: S }, content: () => content() },
  ];
  const { losses } = await copyInto(device, [...tree.slice(0, 2), ...links]);
  const counts = Object.fromEntries(losses.map(({ kind, count }) => [kind, count]));
  expect(counts).toMatchObject({ hardlink: 1, symlink: 1, special: 1, times: 1 });
  expect(counts.owner).toBeGreaterThan(1);
  const all = readTar((await archive(device)).tar);
  for (const path of ['./new/data', './new/again']) {
    const found = named(all, bytes(path));
    expect(found && whole(found)).toEqual((await expected(data)).content);
  }
});

it.each(['vfat16', 'exfat'])(
  'what %s takes for another name of the copy is left out and told, and replaces what was there before',
  async (name) => {
    const device = await writable(name);
    const file = (path: string, text = path): Entry => ({
      type: 'file',
      path: bytes(path),
      attributes: {},
      content: () => content(bytes(text)),
    });
    const folder = (path: string): Entry => ({ type: 'directory', path: bytes(path), attributes: {} });
    const first = [folder('n'), file('n/A Name.txt'), file('n/b'), folder('n/dir'), file('n/dir/x')];
    expect((await copyInto(device, first)).losses).toEqual([]);
    const { losses } = await copyInto(device, [
      ...[
        folder('n'),
        file('n/...'),
        file('n/ends..'),
        file('n/a name.TXT'),
        file('n/a name.txt', 'lost'),
        file('n/a name.txt.', 'lost'),
      ],
      ...[file('n/b', 'new'), file('n/b', 'newest'), folder('n/dir'), folder('n/Dir'), file('n/Dir/x', 'lost')],
    ]);
    expect(losses.map(({ kind, count }) => [kind, count])).toEqual([
      ['name', 2],
      ['dots', 1],
      ['alias', 3],
    ]);
    const all = readTar((await archive(device)).tar);
    const texts = all
      .filter(({ path }) => Buffer.from(path).toString().startsWith('./n/'))
      .map((one) => `${Buffer.from(whole(one))}`);
    expect(texts.sort()).toEqual(['', '', 'n/a name.TXT', 'n/dir/x', 'n/ends..', 'newest']);
  },
);

it('names beyond those that are known are taken for others, unless the directory lists them so', async () => {
  const image = await openWritable(newKernel, await writable('vfat16'), {});
  const { task } = image;
  const made = ['A longer name.txt', 'b', 'c'].map(bytes);
  const writer = await TreeWriter.open(task, '/mnt');
  for (const path of [bytes('BEFORE'), ...made])
    await writer.add({ type: 'file', path, attributes: {}, content: () => content() });
  const dirfd = await openat(task, AT_FDCWD, '/mnt', O_PATH | O_DIRECTORY);
  const buffer = await mapBuffer(task, 65_536);
  const others = async (mostNames?: number) => {
    const aliases = await Aliases.of(task, '/mnt', buffer, mostNames);
    for (const path of made) aliases?.made(path, path);
    const names = ['a longer NAME.txt', 'ALONGE~1.TXT', 'before', 'BEFORE', 'b', 'B'];
    const found: string[] = [];
    for (const name of names) if (await aliases?.isOther({ dirfd, name: bytes(name) }, bytes(name))) found.push(name);
    return found;
  };
  expect(await others()).toEqual(['a longer NAME.txt', 'ALONGE~1.TXT', 'B']);
  expect(await others(2)).toEqual(['a longer NAME.txt', 'ALONGE~1.TXT', 'before', 'B']);
  image.abandon();
});

it('nilfs2 has no attributes, which is told', async () => {
  const { losses } = await copyInto(await writable('nilfs2'), tree);
  expect(losses).toMatchObject([{ kind: 'xattr', count: 2, errno: 'EOPNOTSUPP' }]);
});

it('a hard link to what is not there is an error that names both', async () => {
  const link: Entry = { type: 'hardlink', path: bytes('link'), attributes: {}, target: bytes('no/such') };
  await expect(copyInto(await writable('ext4'), [link])).rejects.toMatchObject({
    errno: 'ENOENT',
    path: 'link',
    message: expect.stringContaining('a hard link to no/such, which is not there'),
  });
});

it('a copy over what is there replaces files, keeps directories, and never a full directory by a file', async () => {
  const device = await writable('ext4');
  await copyInto(device, tree);
  await copyInto(device, tree);
  const file = (path: string): Entry => ({
    type: 'file',
    path: bytes(path),
    attributes: {},
    content: () => content(bytes('x')),
  });
  await copyInto(device, [file('new/link'), file('new/pipe')]);
  const all = readTar((await archive(device)).tar);
  expect(named(all, bytes('./new/link'))).toMatchObject({ typeflag: '0', size: 1 });
  expect(named(all, bytes('./new/pipe'))).toMatchObject({ typeflag: '0', size: 1 });
  await expect(copyInto(device, [file('new')])).rejects.toMatchObject({ errno: 'ENOTEMPTY' });
});

it('a hostile symlink on the way does not lead out of the image', async () => {
  const device = await writable('ext4');
  await copyInto(device, [
    { type: 'symlink', path: bytes('trap'), attributes: {}, target: bytes('/../../proc/sys/kernel') },
  ]);
  const copied = copyInto(device, [
    { type: 'file', path: bytes('trap/hostname'), attributes: {}, content: () => content(bytes('evil')) },
  ]);
  await expect(copied).rejects.toMatchObject({ errno: 'ENOENT' });
});

it.each(['ext4', 'xfs', 'btrfs'])(
  'on %s nothing inherits the default ACL of a directory that comes with it',
  async (name) => {
    const device = await writable(name);
    // Version 2; the owner may all, user 1000 may all, the group, the mask, and others nothing.
    const acl = Uint8Array.from(
      [
        [2, 0],
        [1, 7, -1],
        [2, 7, 1000],
        [4, 0, -1],
        [16, 7, -1],
        [32, 0, -1],
      ].flatMap(([tag = 0, bits = 0, id]) =>
        id === undefined ? [tag, 0, 0, 0] : [tag, 0, bits, 0, ...new Uint8Array(Uint32Array.of(id >>> 0).buffer)],
      ),
    );
    const xattrs = new Map([['system.posix_acl_default', acl]]);
    const mtimeNs = 5n * S;
    await copyInto(device, [
      { type: 'directory', path: bytes('team'), attributes: { mode: 0o750, mtimeNs, xattrs } },
      { type: 'directory', path: bytes('team/sub'), attributes: { mode: 0o755 } },
      { type: 'file', path: bytes('team/file'), attributes: { mode: 0o640 }, content: () => content(bytes('x')) },
      { type: 'fifo', path: bytes('other'), attributes: {} },
      { type: 'fifo', path: bytes('team/late'), attributes: { mode: 0o600 } },
    ]);
    const all = readTar((await archive(device)).tar);
    expect(named(all, bytes('./team/'))?.mtimeNs).toBe(mtimeNs);
    // XFS tells an ACL by a name of its own, too.
    const held = ['team/', 'team/sub/', 'team/file', 'team/late'].map((path) =>
      [...(named(all, bytes(`./${path}`))?.xattrs.keys() ?? [])].filter((key) => key !== 'trusted.SGI_ACL_DEFAULT'),
    );
    expect(held).toEqual([['system.posix_acl_default'], [], [], []]);
    expect(named(all, bytes('./team/file'))?.mode).toBe(0o640);
  },
);

it('a directory that is come back to has its times in the end, whatever path led to it', async () => {
  const device = await writable('ext4');
  const directory = (path: string, seconds: bigint): Entry => ({
    type: 'directory',
    path: bytes(path),
    attributes: { mtimeNs: seconds * S },
  });
  const file = (path: string): Entry => ({ type: 'file', path: bytes(path), attributes: {}, content: () => content() });
  await copyInto(device, [directory('old', 9n)]);
  await copyInto(device, [
    directory('a', 5n),
    directory('a/in', 4n),
    file('a/in/1'),
    directory('b', 6n),
    directory('a/in/late', 3n),
    file('b/2'),
    { type: 'symlink', path: bytes('to'), attributes: {}, target: bytes('b') },
    { type: 'directory', path: bytes('to'), implied: true, attributes: {} },
    file('to/3'),
    file('a/4'),
    directory('c', 7n),
    file('c/5'),
    directory('c', 8n),
    file('old/6'),
  ]);
  const all = readTar((await archive(device)).tar);
  const times = ['a/', 'a/in/', 'a/in/late/', 'b/', 'c/', 'old/'].map(
    (path) => (named(all, bytes(`./${path}`))?.mtimeNs ?? 0n) / S,
  );
  expect(times.slice(0, 5)).toEqual([5n, 4n, 3n, 6n, 8n]);
  // Nobody said anything of that one.
  expect(times[5]).not.toBe(9n);
});

it('a file that is larger than what is left of a FAT is no full directory', async () => {
  const device = await writable('vfat32');
  const hole: Entry = { type: 'file', path: bytes('hole'), attributes: {}, content: () => content(4_000_000_000) };
  const full = copyInto(device, [hole]);
  await expect(full).rejects.toMatchObject({ name: 'KernelError', errno: 'ENOSPC', call: 'ftruncate64' });
});

it('a full image is ENOSPC, names the file, and has nothing of it', async () => {
  const device = await writable('ext4');
  async function* endless() {
    for (let i = 0; i < 1000; i++) yield new Uint8Array(2 ** 20).fill(i + 1);
  }
  const image = await openWritable(newKernel, device, {});
  const writer = await TreeWriter.open(image.task, image.mountPoint);
  const full = writer.add({ type: 'file', path: bytes('full'), attributes: {}, content: endless });
  await expect(full).rejects.toMatchObject({
    name: 'KernelError',
    errno: 'ENOSPC',
    path: 'full',
    said: expect.stringMatching(/^no space left: of its [\d,]{9,} bytes [\d,]{7,} are free without this$/),
  });
  await writer.close();
  await image.commit();
  expect(named(readTar((await archive(device)).tar), bytes('./full'))).toBeUndefined();
});

it('a device that cannot be written is refused before a kernel is asked', async () => {
  const { sectors, read } = await writable('ext4');
  await expect(openWritable(newKernel, { sectors, read }, {})).rejects.toMatchObject({ kind: 'read-only-device' });
});

it('a write that fails behind the page cache is an error of the commit', async () => {
  const device = await writable('ext2');
  let failing = false;
  const { write } = device;
  const image = await openWritable(
    newKernel,
    {
      ...device,
      write: (sector, from) => {
        if (failing) throw new ReadFailedError('the disk is gone');
        return write?.(sector, from);
      },
    },
    {},
  );
  const writer = await TreeWriter.open(image.task, image.mountPoint);
  await writer.add({ type: 'file', path: bytes('late'), attributes: {}, content: () => content(bytes('x')) });
  failing = true;
  await writer.close();
  await expect(image.commit()).rejects.toThrow('the disk is gone');
});

it.each([
  ['vfat16', 19],
  ['ext4', 0],
])('of %s a tick passes from name to name, as Linux makes short names of FAT by its clock', async (name, ticks) => {
  const image = await openWritable(newKernel, await writable(name), {});
  const writer = await TreeWriter.open(image.task, image.mountPoint);
  const now = async () => {
    const { seconds, ns } = await clockGettime(image.task, CLOCK.MONOTONIC);
    return seconds * 1e9 + ns;
  };
  const before = await now();
  for (let i = 0; i < 20; i++)
    await writer.add({ type: 'file', path: bytes(`begins alike ${i}`), attributes: {}, content: () => content() });
  expect(Math.floor(((await now()) - before) / 1e6)).toBe(ticks);
  await writer.close();
  await image.commit();
});
