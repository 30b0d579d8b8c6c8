/** Whether what is on a disk has something behind a place, by what its own first blocks tell. */

import type { ByteSource } from '../../byte-source.ts';
import { viewOf } from '../parts/table.ts';

/** Undefined: it is nothing of which that is known here. */
export async function usesBehind(disk: ByteSource, end: number): Promise<boolean | undefined> {
  if (disk.sizeBytes < 8192) return undefined;
  const head = viewOf(new Uint8Array(8192));
  await disk.read(0, new Uint8Array(head.buffer));
  const word = (at: number) => head.getUint32(at, true);
  if (word(0) === 0x73717368) return Number(head.getBigUint64(40, true)) > end;
  if (word(1024) === 0xe0f5e1e2) return word(1024 + 36) * 2 ** head.getUint8(1024 + 12) > end;
  for (const sector of [512, 4096]) {
    // GPT: "EFI PART", and where its copy is, at the disk's end.
    if (word(sector) === 0x20494645 && word(sector + 4) === 0x54524150)
      return Number(head.getBigUint64(sector + 32, true)) * sector >= end;
  }
  if (head.getUint16(1024 + 56, true) === 0xef53) return ext4UsesBehind(disk, new DataView(head.buffer, 1024), end);
  return undefined;
}

const META_BG = 0x10;
const HAS_64_BIT = 0x80;
const BIGALLOC = 0x200;
const BLOCK_UNINIT = 2;
/** 512 GiB in blocks of 4 KiB: their descriptors are looked at all at once. */
const MAX_GROUPS = 4096;

/** By the bitmaps of its blocks. Tables of inodes need not have been written: those of which none is in use never were. */
async function ext4UsesBehind(disk: ByteSource, superblock: DataView, end: number): Promise<boolean | undefined> {
  const word = (at: number) => superblock.getUint32(at, true);
  const [logBlock, perGroup, incompat] = [word(24), word(32), word(96)];
  const isWide = (incompat & HAS_64_BIT) !== 0;
  const wide = (view: DataView, low: number, high: number) =>
    view.getUint32(low, true) + (isWide ? view.getUint32(high, true) * 2 ** 32 : 0);
  const blockBytes = 1024 * 2 ** logBlock;
  const [blocks, firstBlock] = [wide(superblock, 4, 336), word(20)];
  const groups = Math.ceil((blocks - firstBlock) / perGroup);
  const sized = isWide ? superblock.getUint16(254, true) : 32;
  const isPlain = logBlock <= 6 && perGroup > 0 && perGroup <= blockBytes * 8 && sized >= (isWide ? 64 : 32);
  if (!isPlain || groups > MAX_GROUPS || (incompat & META_BG) !== 0 || (word(100) & BIGALLOC) !== 0) return undefined;
  const at = (firstBlock + 1) * blockBytes;
  if (at + groups * sized > end || blocks * blockBytes > disk.sizeBytes) return true;
  const table = new Uint8Array(groups * sized);
  await disk.read(at, table);
  const descriptors = Array.from({ length: groups }, (_, group) => viewOf(table.subarray(group * sized)));
  const inodeTables = descriptors.map((view) => wide(view, 8, 40));
  const tableBlocks = Math.ceil((word(40) * superblock.getUint16(88, true)) / blockBytes);
  const behind = Math.ceil(end / blockBytes);
  for (let group = Math.max(0, Math.floor((behind - firstBlock) / perGroup)); group < groups; group += 1) {
    const descriptor = descriptors[group];
    if (descriptor === undefined || descriptor.getUint16(18, true) & BLOCK_UNINIT) continue;
    const bitmapAt = wide(descriptor, 0, 32) * blockBytes;
    if (bitmapAt + blockBytes > end) return true;
    const bitmap = new Uint8Array(blockBytes);
    await disk.read(bitmapAt, bitmap);
    const start = firstBlock + group * perGroup;
    for (let bit = Math.max(0, behind - start); bit < Math.min(perGroup, blocks - start); bit += 1) {
      const isUsed = ((bitmap[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
      const isTable = (first: number) => start + bit >= first && start + bit < first + tableBlocks;
      if (isUsed && !inodeTables.some(isTable)) return true;
    }
  }
  return false;
}
