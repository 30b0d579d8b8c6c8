/** A disk as a new VHDX (dynamic, its log clean), after [MS-VHDX] 2.2 to 2.6. */

import { StorageError } from '../../errors.ts';
import { mixedEnd, uuidBytes } from '../make/disk-id.ts';
import type { BlockLayout, Piece } from '../make/made-of-blocks.ts';
import { blockEntries, tablePages } from '../make/table-pages.ts';
import { chunkBlocks, ENTRY_BYTES, entriesFor, indexOfBlock, putPresent } from './bat.ts';
import { crc32c } from './crc32c.ts';
import { BAT, FILE_MAGIC, HEADERS_AT, METADATA, REGIONS_AT, REGIONS_BYTES } from './header.ts';
import { DISK_ID, DISK_SIZE, FILE_PARAMETERS, PHYSICAL_SECTOR_SIZE, SECTOR_SIZE, TABLE_BYTES } from './metadata.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const MAX_BYTES = 64 * TIB;
const SECTOR = 512;
/** Of flash and of disks since 2011; the sector that is addressed stays the small one. */
const PHYSICAL_SECTOR = 4096;
const HEADER_BYTES = 4 * KIB;

/** Begin and length of each, all of them whole MiB. */
const LOG = { at: MIB, bytes: MIB };
const METADATA_REGION = { at: 2 * MIB, bytes: MIB };
const BAT_AT = 3 * MIB;

/** As qemu-img chooses them: tables stay small where disks are large. */
function usualBlock(diskBytes: number): number {
  if (diskBytes > 32 * TIB) return 64 * MIB;
  if (diskBytes > 100 * GIB) return 32 * MIB;
  return diskBytes > GIB ? 16 * MIB : 8 * MIB;
}

/** What a block can have: a power of two from 1 MiB to 256 MiB. */
export const isVhdxBlock = (bytes: number): boolean =>
  bytes >= MIB && bytes <= 256 * MIB && Number.isInteger(Math.log2(bytes));

/** `blockBytes` as isVhdxBlock has it. Throws a StorageError for a disk that no VHDX can have. */
export function vhdxLayout(diskBytes: number, blockBytes: number = usualBlock(diskBytes)): BlockLayout {
  if (diskBytes > MAX_BYTES)
    throw new StorageError('EOPNOTSUPP', 'a VHDX has at most 64 TiB: VDI, qcow2 and raw have room for more');
  const sizeBytes = Math.ceil(diskBytes / SECTOR) * SECTOR;
  const perChunk = chunkBlocks(SECTOR, blockBytes);
  const entries = entriesFor(Math.ceil(sizeBytes / blockBytes), perChunk);
  const batBytes = Math.max(MIB, Math.ceil((ENTRY_BYTES * entries) / MIB) * MIB);
  const blocksAt = BAT_AT + batBytes;
  return {
    blockBytes,
    blocksAt,
    *head(there, id): Generator<Piece> {
      yield { at: 0, bytes: fileId() };
      for (const [index, at] of HEADERS_AT.entries()) yield { at, bytes: header(index, id) };
      const regions = regionTable(batBytes);
      for (const at of REGIONS_AT) yield { at, bytes: regions };
      yield { at: METADATA_REGION.at, bytes: metadata({ sizeBytes, blockBytes, id }) };
      yield* tablePages(
        { at: BAT_AT, bytes: batBytes, entryBytes: ENTRY_BYTES },
        blockEntries(
          there,
          (ordinal) => blocksAt + ordinal * blockBytes,
          (block) => indexOfBlock(block, perChunk),
        ),
        putPresent,
      );
    },
  };
}

function fileId(): Uint8Array {
  const bytes = new Uint8Array(64 * KIB);
  bytes.set(new TextEncoder().encode(FILE_MAGIC));
  bytes.set(utf16('LKL'), 8);
  return bytes;
}

/** Of two the one with the higher number counts. No log: nothing is to be replayed. */
function header(sequence: number, id: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('head'));
  view.setBigUint64(8, BigInt(sequence), true);
  for (const [index, at] of [16, 32].entries()) bytes.set(derived(id, 1 + index), at);
  view.setUint16(66, 1, true);
  view.setUint32(68, LOG.bytes, true);
  view.setBigUint64(72, BigInt(LOG.at), true);
  view.setUint32(4, crc32c(bytes, 4), true);
  return bytes;
}

function regionTable(batBytes: number): Uint8Array {
  const bytes = new Uint8Array(REGIONS_BYTES);
  const view = new DataView(bytes.buffer);
  const regions = [
    { id: BAT, at: BAT_AT, bytes: batBytes },
    { id: METADATA, ...METADATA_REGION },
  ];
  bytes.set(new TextEncoder().encode('regi'));
  view.setUint32(8, regions.length, true);
  for (const [index, region] of regions.entries()) {
    const entry = 16 + 32 * index;
    bytes.set(mixedEnd(uuidBytes(region.id)), entry);
    view.setBigUint64(entry + 16, BigInt(region.at), true);
    view.setUint32(entry + 24, region.bytes, true);
    view.setUint32(entry + 28, 1, true);
  }
  view.setUint32(4, crc32c(bytes, 4), true);
  return bytes;
}

/** An item is required, and of the disk rather than of the file. */
const [OF_DISK, REQUIRED] = [2, 4];

function metadata(disk: { readonly sizeBytes: number; readonly blockBytes: number; readonly id: Uint8Array }) {
  const items: readonly (readonly [id: string, flags: number, bytes: Uint8Array])[] = [
    [FILE_PARAMETERS, REQUIRED, little(disk.blockBytes, 0)],
    [DISK_SIZE, OF_DISK | REQUIRED, little(disk.sizeBytes % 2 ** 32, Math.floor(disk.sizeBytes / 2 ** 32))],
    [DISK_ID, OF_DISK | REQUIRED, derived(disk.id, 0)],
    [SECTOR_SIZE, OF_DISK | REQUIRED, little(SECTOR)],
    [PHYSICAL_SECTOR_SIZE, OF_DISK | REQUIRED, little(PHYSICAL_SECTOR)],
  ];
  const bytes = new Uint8Array(TABLE_BYTES + 4 * KIB);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('metadata'));
  view.setUint16(10, items.length, true);
  let at = TABLE_BYTES;
  for (const [index, [id, flags, item]] of items.entries()) {
    const entry = 32 + 32 * index;
    bytes.set(mixedEnd(uuidBytes(id)), entry);
    view.setUint32(entry + 16, at, true);
    view.setUint32(entry + 20, item.length, true);
    view.setUint32(entry + 24, flags, true);
    bytes.set(item, at);
    at += item.length;
  }
  return bytes;
}

/** One of several ids of one disk. */
function derived(id: Uint8Array, which: number): Uint8Array {
  const bytes = mixedEnd(id);
  bytes[15] = (bytes[15] ?? 0) ^ which;
  return bytes;
}

function little(...words: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * words.length));
  for (const [index, word] of words.entries()) view.setUint32(4 * index, word, true);
  return new Uint8Array(view.buffer);
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length);
  for (let at = 0; at < text.length; at += 1) bytes[2 * at] = text.charCodeAt(at);
  return bytes;
}
