/** An image's tree in this process. */

import { errnos } from '../../src/abi/errno.ts';
import { STATX_BTIME } from '../../src/abi/uapi/fs.ts';
import { KernelError } from '../../src/kernel/kernel-error.ts';
import { inNs, type Statx } from '../../src/kernel/syscalls/file.ts';
import { DamageError, isDamage } from '../../src/tree/damage-error.ts';
import { described, isLink, typeOf } from '../../src/tree/files.ts';
import type { OpenDirectory } from '../../src/tree/open-directory.ts';
import type { Tree } from '../../src/tree/tree.ts';
import { mountRequest, openDiskFile, openStackFiles } from '../disk.ts';
import { openEngine } from '../engine.ts';
import type { ImageOptions } from '../options.ts';
import { below, type FileEntry, type FileType, type ImageTree, type NamedFile } from './image-tree.ts';

interface Found {
  readonly name: Buffer;
  readonly type: number;
}

/** include/linux/fs_types.h: DT_*. */
const direntTypes: ReadonlyMap<number, FileType> = new Map([
  [1, 'fifo'],
  [2, 'char'],
  [4, 'directory'],
  [6, 'block'],
  [8, 'file'],
  [10, 'symlink'],
  [12, 'socket'],
]);

/** Large enough that what a call costs does not count. */
const PIECE_BYTES = 256 * 1024;

export async function treeHere(image: string, options: ImageOptions): Promise<ImageTree> {
  const [engine, stack, disk] = await Promise.all([
    openEngine(),
    openStackFiles(options),
    openDiskFile(image, options),
  ]);
  const { tree, type, close } = await engine.openTree(disk.device, { ...mountRequest(options), ...stack });
  return imageTreeOf(tree, type, async () => {
    disk.checkUnchanged();
    stack.checkUnchanged();
    await close();
  });
}

/** A mounted tree as verbs look at it. */
export function imageTreeOf(tree: Tree, type: string, close: () => Promise<void>): ImageTree {
  const named = <T>(path: Buffer, work: () => Promise<T>): Promise<T> => told(path, type, work);
  const stated = async (path: Buffer, name: Buffer, follow: boolean): Promise<FileEntry> => {
    const stat = await tree.stat(path, { follow });
    return entryOf(name, stat, isLink(stat) ? await tree.readlink(path) : undefined);
  };
  /** `work` on what a directory says of its files, all of it, in byte order of the names. */
  const listed = <T>(
    path: Buffer,
    work: (found: readonly Found[], directory: OpenDirectory) => Promise<T>,
  ): Promise<T> =>
    named(path, async () => {
      const directory = await tree.openDirectory(path);
      try {
        // As text of a char a byte, a million names are in order in a tenth of the time; no name has a NUL in it.
        const keys: string[] = [];
        for (let dirents = await directory.next(); dirents.length > 0; dirents = await directory.next()) {
          for (const { name, type } of dirents) {
            const text = Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1');
            keys.push(`${text}\0${String.fromCharCode(type)}`);
          }
        }
        const found = keys
          .sort()
          .map((key) => ({ name: Buffer.from(key.slice(0, -2), 'latin1'), type: key.charCodeAt(key.length - 1) }));
        return await work(found, directory);
      } finally {
        await directory.close();
      }
    });
  return {
    entry: (path, follow = true) => named(path, () => stated(path, path.subarray(path.lastIndexOf(0x2f) + 1), follow)),
    list: (path) =>
      listed(path, async (found, directory) => {
        const entries: FileEntry[] = [];
        for (const { name } of found) {
          entries.push(
            await named(below(path, name), async () => {
              const stat = await directory.stat(name);
              return entryOf(name, stat, isLink(stat) ? await directory.readlink(name) : undefined);
            }),
          );
        }
        return entries;
      }),
    names: (path) =>
      listed(path, async (found, directory) => {
        const files: NamedFile[] = [];
        for (const { name, type } of found) {
          const known = direntTypes.get(type);
          // Some file systems do not tell types in their directories.
          files.push({
            name,
            type: known ?? (await named(below(path, name), async () => typeOf(await directory.stat(name)))),
          });
        }
        return files;
      }),
    async *read(path) {
      const file = await named(path, () => tree.openFile(path));
      try {
        const { size } = await named(path, () => file.stat());
        const piece = new Uint8Array(Math.min(PIECE_BYTES, size));
        for (let at = 0; at < size; ) {
          const length = await named(path, () => file.read(at, piece.subarray(0, Math.min(piece.length, size - at))));
          if (length === 0) throw new KernelError('pread64', errnos.EIO.number, path); // it ends before its size
          yield piece.subarray(0, length);
          at += length;
        }
      } finally {
        await file.close();
      }
    },
    xattrs: (path) =>
      named(path, async () => {
        const found = await tree.xattrs(path, { follow: false });
        return new Map(found.map(({ name, value }) => [Buffer.from(name).toString(), Buffer.from(value)]));
      }),
    async use() {
      const { bsize, frsize, blocks, bfree, bavail, files, ffree } = await tree.statfs();
      const unit = frsize || bsize;
      return {
        type,
        sizeBytes: blocks * unit,
        usedBytes: (blocks - bfree) * unit,
        availableBytes: bavail * unit,
        files,
        filesFree: ffree,
      };
    },
    close,
  };
}

/** Errors of calls on handles know a name at most, not the path that led there, nor of what type the file system is. */
async function told<T>(path: Buffer, fileSystemType: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof KernelError) || cause instanceof DamageError) throw cause;
    const error = new KernelError(cause.call, cause.number, path);
    throw isDamage(error) ? new DamageError(error, { fileSystemType }) : error;
  }
}

function entryOf(name: Buffer, stat: Statx, target: Uint8Array | undefined): FileEntry {
  return {
    name,
    ...described(stat),
    target: target && Buffer.from(target),
    more: {
      inode: `${stat.devMajor}:${stat.devMinor}:${stat.ino}`,
      atimeNs: inNs(stat.atime),
      ctimeNs: inNs(stat.ctime),
      btimeNs: stat.mask & STATX_BTIME ? inNs(stat.btime) : undefined,
      allocatedBytes: stat.blocks * 512,
      device: { major: stat.rdevMajor, minor: stat.rdevMinor },
    },
  };
}
