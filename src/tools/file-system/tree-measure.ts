/** How much is in a tree, and about how large a file system must be for it. */

import type { Content, Entry } from '../../tree/write/entry.ts';

export interface TreeMeasure {
  readonly entries: number;
  /** Of data, each file rounded up to blocks of 4 KiB. */
  readonly bytes: number;
  /** Of the longest target of a symlink. */
  readonly linkBytes: number;
  /** Of the attributes of one file, names and values, where they are most. */
  readonly attributeBytes: number;
}

const BLOCK = 4096;
const MIB = 2 ** 20;

/** Reads all of it, but for the content of files that tell how much it is. */
export async function measureTree(tree: AsyncIterable<Entry>): Promise<TreeMeasure> {
  let entries = 0;
  let bytes = 0;
  let linkBytes = 0;
  let attributeBytes = 0;
  for await (const entry of tree) {
    entries++;
    attributeBytes = Math.max(attributeBytes, attributesOf(entry));
    if (entry.type === 'symlink') linkBytes = Math.max(linkBytes, entry.target.length);
    if (entry.type !== 'file') continue;
    const size = entry.dataBytes ? await entry.dataBytes() : await dataOf(entry.content());
    bytes += Math.ceil(size / BLOCK) * BLOCK;
  }
  return { entries, bytes, linkBytes, attributeBytes };
}

function attributesOf({ attributes: { xattrs = new Map<string, Uint8Array>() } }: Entry): number {
  let bytes = 0;
  for (const [name, value] of xattrs) bytes += name.length + value.length;
  return bytes;
}

async function dataOf(content: Content): Promise<number> {
  let size = 0;
  for await (const piece of content) size += typeof piece === 'number' ? 0 : piece.length;
  return size;
}

/** Of journals, logs and tables that are there before the first file, in MiB, and what a byte of data takes beside itself. */
const overheads: Readonly<Record<string, readonly [mib: number, factor: number]>> = {
  xfs: [80, 1.05],
  btrfs: [120, 1.15],
  f2fs: [64, 1.2],
  exfat: [4, 1.02],
  vfat: [2, 1.02],
};

/** What should do, and is not much too large. */
export function likelyBytes(type: string, { entries, bytes }: Pick<TreeMeasure, 'entries' | 'bytes'>): number {
  const [mib, factor] = overheads[type] ?? [16, 1.07];
  return Math.ceil((mib * MIB + bytes * factor + entries * 1024) / MIB) * MIB;
}
