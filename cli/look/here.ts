/** An image's tree in this process. */

import { errnos } from '../../src/abi/errno.ts';
import { STATX_BTIME } from '../../src/abi/uapi/fs.ts';
import { toLossless } from '../../src/bytes/lossless.ts';
import { KernelError } from '../../src/kernel/kernel-error.ts';
import { inNs, type Statx } from '../../src/kernel/syscalls/file.ts';
import { rangeOf, type WantedRange } from '../../src/tree/byte-range.ts';
import { DamageError, isDamage } from '../../src/tree/damage-error.ts';
import { described, isLink, typeOf, typesOfDirents } from '../../src/tree/files.ts';
import type { OpenDirectory } from '../../src/tree/open/open-directory.ts';
import type { Tree } from '../../src/tree/tree.ts';
import { openEngine } from '../engine.ts';
import { printable } from '../failure.ts';
import { mountRequest, openDiskFile, openStackFiles } from '../input/disk.ts';
import type { ImageOptions } from '../options.ts';
import { below, type FileEntry, type ImageTree, type NamedFile, type OnTrouble } from './image-tree.ts';

interface Found {
  readonly name: Buffer;
  readonly type: number;
}

/** Large enough that what a call costs does not count. */
const PIECE_BYTES = 256 * 1024;

export async function treeHere(image: string, options: ImageOptions): Promise<ImageTree> {
  const [engine, stack, disk] = await Promise.all([
    openEngine(),
    openStackFiles(options),
    openDiskFile(image, options),
  ]);
  const { tree, type, cut, rescued, close } = await engine.openTree(disk.device, {
    ...mountRequest(options),
    ...stack,
  });
  if (rescued !== undefined) console.error(`lkl: ${printable(rescued)}`);
  return imageTreeOf(tree, { type, cut }, async () => {
    disk.checkUnchanged();
    stack.checkUnchanged();
    await close();
  });
}

/** A mounted tree as verbs look at it. */
export function imageTreeOf(
  tree: Tree,
  { type, cut }: { readonly type: string; readonly cut?: string | undefined },
  close: () => Promise<void>,
): ImageTree {
  // No repair brings back what was cut off.
  const named = <T>(path: Buffer, work: () => Promise<T>): Promise<T> =>
    told(path, cut === undefined ? type : undefined, work);
  const stated = async (path: Buffer, name: Buffer, follow: boolean): Promise<FileEntry> => {
    const stat = await tree.stat(path, { follow });
    return entryOf(name, stat, isLink(stat) ? await tree.readlink(path) : undefined);
  };
  async function* data(
    path: Buffer,
    { withHoles = false, range }: { readonly withHoles?: boolean; readonly range?: WantedRange | undefined } = {},
  ): AsyncGenerator<Uint8Array | number> {
    const file = await named(path, () => tree.openFile(path));
    try {
      const { size } = await named(path, () => file.stat());
      const part = range ? rangeOf(range, size) : { offset: 0, length: size };
      const piece = new Uint8Array(Math.min(PIECE_BYTES, part.length));
      const segments = withHoles ? await named(path, () => file.dataSegments()) : undefined;
      let at = part.offset;
      for (const { offset, length } of segments ?? [part]) {
        if (offset > at) yield offset - at;
        for (at = offset; at < offset + length; ) {
          const rest = Math.min(piece.length, offset + length - at);
          const read = await named(path, () => file.read(at, piece.subarray(0, rest)));
          if (read === 0) throw new KernelError('pread64', errnos.EIO.number, path); // it ends before its size
          yield piece.subarray(0, read);
          at += read;
        }
      }
      if (withHoles && size > at) yield size - at;
    } finally {
      await file.close();
    }
  }
  /** What a directory says of its files, in byte order of the names, and `look` at each of them. */
  async function listed<T>(
    path: Buffer,
    onTrouble: OnTrouble,
    look: (found: Found, directory: OpenDirectory) => T | Promise<T>,
  ): Promise<T[]> {
    const directory = await named(path, () => tree.openDirectory(path)).catch((cause) => onTrouble({ cause }));
    if (!directory) return [];
    try {
      // As text of a char a byte, a million names are in order in a tenth of the time; no name has a NUL in it.
      const keys: string[] = [];
      const read = async () => {
        for (let dirents = await directory.next(); dirents.length > 0; dirents = await directory.next()) {
          for (const { name, type } of dirents) {
            const text = Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1');
            keys.push(`${text}\0${String.fromCharCode(type)}`);
          }
        }
      };
      await named(path, read).catch((cause) => onTrouble({ cause }));
      const all: T[] = [];
      for (const key of keys.sort()) {
        const found = { name: Buffer.from(key.slice(0, -2), 'latin1'), type: key.charCodeAt(key.length - 1) };
        try {
          all.push(await look(found, directory));
        } catch (cause) {
          onTrouble({ cause, name: found.name, type: typesOfDirents.get(found.type) });
        }
      }
      return all;
    } finally {
      await directory.close();
    }
  }
  return {
    cut,
    entry: (path, follow = true) => named(path, () => stated(path, path.subarray(path.lastIndexOf(0x2f) + 1), follow)),
    list: (path, onTrouble = rethrown) =>
      listed(path, onTrouble, ({ name }, directory) =>
        named(below(path, name), async () => {
          const stat = await directory.stat(name);
          return entryOf(name, stat, isLink(stat) ? await directory.readlink(name) : undefined);
        }),
      ),
    names: (path, onTrouble = rethrown) =>
      listed<NamedFile>(path, onTrouble, ({ name, type }, directory) => {
        const known = typesOfDirents.get(type);
        if (known) return { name, type: known };
        // Some file systems do not tell types in their directories.
        return named(below(path, name), async () => ({ name, type: typeOf(await directory.stat(name)) }));
      }),
    async *read(path, range) {
      for await (const part of data(path, { range })) if (typeof part !== 'number') yield part;
    },
    data: (path) => data(path, { withHoles: true }),
    xattrs: (path) =>
      named(path, async () => {
        const found = await tree.xattrs(path, { follow: false });
        return new Map(
          found.map(({ name, value }) => [typeof name === 'string' ? name : toLossless(name), Buffer.from(value)]),
        );
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

const rethrown: OnTrouble = ({ cause }) => {
  throw cause;
};

/** Errors of calls on handles know a name at most, not the path that led there, nor of what type the file system is. */
async function told<T>(path: Buffer, fileSystemType: string | undefined, work: () => Promise<T>): Promise<T> {
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
