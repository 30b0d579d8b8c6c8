/** A disk as a new VHD, dynamic or fixed (Virtual Hard Disk Image Format Specification 1.0, of Microsoft). */

import { StorageError } from '../../errors.ts';
import type { BlockLayout, Piece } from '../make/made-of-blocks.ts';
import { blockEntries, tablePages } from '../make/table-pages.ts';
import { checksum } from './vhd.ts';

const SECTOR = 512;
const BLOCK = 2 ** 21;
/** A bit for each sector of a block. */
const BITMAP_BYTES = BLOCK / SECTOR / 8;
const DYNAMIC_HEADER_BYTES = 1024;
const TABLE_AT = SECTOR + DYNAMIC_HEADER_BYTES;
/** 2040 GiB, as Hyper-V has it. */
const MAX_SECTORS = 0xff000000;
const VERSION = 0x00010000;

/** Throws a StorageError for a disk that no VHD can have. */
export function vhdLayout(diskBytes: number): BlockLayout {
  const sectors = sectorsOf(diskBytes);
  const entries = Math.ceil((sectors * SECTOR) / BLOCK);
  const tableBytes = Math.ceil((4 * entries) / SECTOR) * SECTOR;
  const blocksAt = TABLE_AT + tableBytes;
  const footerOf = (id: Uint8Array) => footer({ sectors, isFixed: false, id });
  return {
    blockBytes: BLOCK,
    bitmap: new Uint8Array(BITMAP_BYTES).fill(0xff),
    blocksAt,
    tail: footerOf,
    *head(blocks, id): Generator<Piece> {
      yield { at: 0, bytes: footerOf(id) };
      yield { at: SECTOR, bytes: dynamicHeader(entries) };
      const table = { at: TABLE_AT, bytes: tableBytes, entryBytes: 4, empty: 0xff } as const;
      const there = blockEntries(blocks, (ordinal) => (blocksAt + ordinal * (BITMAP_BYTES + BLOCK)) / SECTOR);
      yield* tablePages(table, there, (page, at, value) => page.setUint32(at, value));
    },
  };
}

/** What stands behind the bytes of a fixed one; the disk is whole sectors. */
export const fixedFooter = (diskBytes: number, id: Uint8Array): Uint8Array =>
  footer({ sectors: sectorsOf(diskBytes), isFixed: true, id });

/** Throws a StorageError for a disk that no VHD can have. */
export function sectorsOf(diskBytes: number): number {
  const sectors = Math.ceil(diskBytes / SECTOR);
  if (sectors > MAX_SECTORS)
    throw new StorageError('EOPNOTSUPP', 'a VHD has at most 2040 GiB: VHDX, qcow2 and raw have room for more');
  return sectors;
}

interface Footer {
  readonly sectors: number;
  readonly isFixed: boolean;
  readonly id: Uint8Array;
}

function footer({ sectors, isFixed, id }: Footer): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  const text = new TextEncoder();
  bytes.set(text.encode('conectix'));
  view.setUint32(8, 2); // reserved, always set
  view.setUint32(12, VERSION);
  view.setBigUint64(16, isFixed ? 2n ** 64n - 1n : BigInt(SECTOR));
  // Readers take the size of the disk from here, and not from its geometry, when they know the maker as one that means it so.
  bytes.set(text.encode('win '), 28);
  view.setUint32(32, 0x000a0000);
  bytes.set(text.encode('Wi2k'), 36);
  view.setBigUint64(40, BigInt(sectors * SECTOR));
  view.setBigUint64(48, BigInt(sectors * SECTOR));
  const { cylinders, heads, track } = geometry(sectors);
  view.setUint16(56, cylinders);
  view.setUint8(58, heads);
  view.setUint8(59, track);
  view.setUint32(60, isFixed ? 2 : 3);
  bytes.set(id, 68);
  view.setUint32(64, checksum(bytes, 64));
  return bytes;
}

function dynamicHeader(entries: number): Uint8Array {
  const bytes = new Uint8Array(DYNAMIC_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('cxsparse'));
  view.setBigUint64(8, 2n ** 64n - 1n);
  view.setBigUint64(16, BigInt(TABLE_AT));
  view.setUint32(24, VERSION);
  view.setUint32(28, entries);
  view.setUint32(32, BLOCK);
  view.setUint32(36, checksum(bytes, 36));
  return bytes;
}

/** As the specification's appendix computes it. */
function geometry(all: number): { readonly cylinders: number; readonly heads: number; readonly track: number } {
  const sectors = Math.min(all, 65_535 * 16 * 255);
  if (sectors >= 65_535 * 16 * 63) return { cylinders: Math.floor(sectors / 255 / 16), heads: 16, track: 255 };
  let [track, both] = [17, Math.floor(sectors / 17)];
  let heads = Math.max(4, Math.floor((both + 1023) / 1024));
  if (both >= heads * 1024 || heads > 16) [track, heads, both] = [31, 16, Math.floor(sectors / 31)];
  if (both >= heads * 1024) [track, heads, both] = [63, 16, Math.floor(sectors / 63)];
  return { cylinders: Math.floor(both / heads), heads, track };
}
