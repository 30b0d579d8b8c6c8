/** Whether what is on a disk has something behind a place, by what its own first blocks tell. */

import type { ByteSource } from '../../byte-source.ts';
import { erofsBytes, extGeometry, gptAlternate, type Numbers, squashfsBytes } from '../../superblock-sizes.ts';
import { viewOf } from '../parts/table.ts';

/** Undefined: it is nothing of which that is known here. */
export async function usesBehind(disk: ByteSource, end: number): Promise<boolean | undefined> {
  if (disk.sizeBytes < 8192) return undefined;
  const head = new Uint8Array(8192);
  await disk.read(0, head);
  const at = (offset: number) => numbersOf(viewOf(head.subarray(offset)));
  if (at(0).u32(0) === 0x73717368) return squashfsBytes(at(0)) > end;
  if (at(1024).u32(0) === 0xe0f5e1e2) return erofsBytes(at(1024)) > end;
  for (const sector of [512, 4096]) {
    // "EFI PART"
    if (at(sector).u32(0) === 0x20494645 && at(sector).u32(4) === 0x54524150)
      return gptAlternate(at(sector)) * sector >= end;
  }
  return at(1024).u16(56) === 0xef53 ? ext4UsesBehind(disk, at(1024), end) : undefined;
}

const numbersOf = (view: DataView): Numbers => ({
  u8: (at) => view.getUint8(at),
  u16: (at) => view.getUint16(at, true),
  u32: (at) => view.getUint32(at, true),
  u64: (at) => Number(view.getBigUint64(at, true)),
});

const META_BG = 0x10;
const BIGALLOC = 0x200;
const BLOCK_UNINIT = 2;
/** 512 GiB in blocks of 4 KiB: their descriptors are looked at all at once. */
const MAX_GROUPS = 4096;

/** By the bitmaps of its blocks. Tables of inodes need not have been written: those of which none is in use never were. */
async function ext4UsesBehind(disk: ByteSource, superblock: Numbers, end: number): Promise<boolean | undefined> {
  const { isWide, blockBytes, blocks } = extGeometry(superblock);
  const [firstBlock, perGroup, incompat] = [superblock.u32(20), superblock.u32(32), superblock.u32(96)];
  const wide = (view: DataView, low: number, high: number) =>
    view.getUint32(low, true) + (isWide ? view.getUint32(high, true) * 2 ** 32 : 0);
  const groups = Math.ceil((blocks - firstBlock) / perGroup);
  const sized = isWide ? superblock.u16(254) : 32;
  const isPlain = blockBytes <= 65_536 && perGroup > 0 && perGroup <= blockBytes * 8 && sized >= (isWide ? 64 : 32);
  if (!isPlain || groups > MAX_GROUPS || (incompat & META_BG) !== 0 || (superblock.u32(100) & BIGALLOC) !== 0)
    return undefined;
  const at = (firstBlock + 1) * blockBytes;
  if (at + groups * sized > end || blocks * blockBytes > disk.sizeBytes) return true;
  const table = new Uint8Array(groups * sized);
  await disk.read(at, table);
  const descriptors = Array.from({ length: groups }, (_, group) => viewOf(table.subarray(group * sized)));
  const inodeTables = descriptors.map((view) => wide(view, 8, 40));
  const tableBlocks = Math.ceil((superblock.u32(40) * superblock.u16(88)) / blockBytes);
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
