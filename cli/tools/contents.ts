/** What a new file system is filled with: a folder of this machine, or the tree of whatever holds one. */

import { statSync } from 'node:fs';
import { readTar, TarError } from '../../src/archive/tar/tar-reader.ts';
import { HostError } from '../../src/errors/host-error.ts';
import type { Linux } from '../../src/linux.ts';
import { hostTree } from '../../src/node/host-tree.ts';
import { IN_NO_DIRECTORY } from '../../src/storage/archives/tree.ts';
import type { ByteSource } from '../../src/storage/byte-source.ts';
import type { OpenedDisk } from '../../src/storage/open-disk.ts';
import type { Entry } from '../../src/tree/write/entry.ts';
import { settled } from '../../src/tree/write/settled.ts';
import { tarEntries } from '../../src/tree/write/tar-entries.ts';
import { treeEntries } from '../../src/tree/write/tree-entries.ts';
import { Failure } from '../failure.ts';
import { type DiskFile, mountRequest, openDiskFile, openStackFiles, tellNotes } from '../input/disk.ts';
import { type DiskOptions, defined, type MountOptions, type StackOptions } from '../options.ts';

const PIECE_BYTES = 1024 * 1024;

export interface ContentsOptions
  extends StackOptions,
    Pick<MountOptions, 'partition' | 'subvol'>,
    Pick<DiskOptions, 'format' | 'member' | 'state'> {
  /** Owners stay; else all belongs to root, when it comes of a folder. */
  readonly keepOwner?: true;
  /** Nothing is newer: nanoseconds since 1970. */
  readonly notAfterNs?: bigint | undefined;
  /** Also what was cut short: what is there of it. */
  readonly evenIfCut?: true;
}

/** The tree, its root included; may be asked for several times, one after another. */
export type Contents = () => AsyncIterable<Entry>;

/** Runs `work` with the tree at `path` and lets go of it. */
export async function withContents<T>(
  path: string,
  engine: Linux,
  options: ContentsOptions,
  work: (contents: Contents) => Promise<T>,
): Promise<T> {
  if (path !== '-') {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats) throw new Failure('usage', `${path}: there is no such file or folder`);
    if (stats.isDirectory()) {
      const ids = options.keepOwner ? { labels: true } : { uid: 0, gid: 0 };
      return work(() => settled(hostTree(Buffer.from(path), new Uint8Array(0), ids), options));
    }
  }
  const isTar = (opened: OpenedDisk) => isPlainTar(opened) && options.partition === undefined;
  // Of a tar that is read entry by entry the copy tells.
  const disk = await openDiskFile(path, options, undefined, (opened) => isTar(opened) || tellNotes(opened));
  if (isTar(disk)) return withTar(disk, options, work);
  const { partition, subvol, evenIfCut } = options;
  const stack = await openStackFiles(options);
  const request = { ...mountRequest({ ...defined({ partition, subvol, evenIfCut }) }), ...stack };
  const mounted = await engine.openTree(disk.device, request);
  try {
    return await work(() => settled(treeEntries(mounted.tree), options));
  } finally {
    await mounted.close();
  }
}

/** Not one that has the image of a container in it. */
const isPlainTar = ({ layers: [outer, ...others] }: OpenedDisk): boolean =>
  outer?.format === 'tar' && outer.note === undefined && others.length === 0;

/** Entry by entry, as `lkl tar -x` unpacks it: the same symlinks on the way, the same "..". */
async function withTar<T>(
  { device, file }: DiskFile,
  options: ContentsOptions,
  work: (contents: Contents) => Promise<T>,
): Promise<T> {
  // One that ends early is told by its reader all the same.
  const isCut = device.cut !== undefined && !device.cut.includes(IN_NO_DIRECTORY);
  if (isCut && !options.evenIfCut) throw new HostError('image-cut', device.cut);
  try {
    return await work(() => settled(tarEntries(readTar(piecesOf(file))), options));
  } catch (cause) {
    throw cause instanceof TarError ? new Failure('image', cause.message) : cause;
  }
}

async function* piecesOf(file: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.sizeBytes; at += PIECE_BYTES) {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, file.sizeBytes - at));
    await file.read(at, piece);
    yield piece;
  }
}
