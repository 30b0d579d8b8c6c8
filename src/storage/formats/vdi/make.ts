/** A disk as a new VDI (dynamic, version 1.1), as VirtualBox and QEMU make them. */

import { StorageError } from '../../errors.ts';
import type { BlockLayout, Piece } from '../make/made-of-blocks.ts';
import { blockEntries, tablePages } from '../make/table-pages.ts';

const SECTOR = 512;
const BLOCK = 2 ** 20;
const HEADER_BYTES = 512;
/** QEMU reads no more. */
const MAX_BLOCKS = 0x1fffff80;
const TEXT = '<<< Virtual Disk Image of LKL >>>\n';

/** Throws a StorageError for a disk that no VDI can have. */
export function vdiLayout(diskBytes: number): BlockLayout {
  const entries = Math.ceil(diskBytes / BLOCK);
  if (entries > MAX_BLOCKS)
    throw new StorageError('EOPNOTSUPP', 'a VDI has at most 512 TiB: VHDX has less, raw has more');
  const tableBytes = Math.ceil((4 * entries) / SECTOR) * SECTOR;
  const blocksAt = Math.ceil((HEADER_BYTES + tableBytes) / BLOCK) * BLOCK;
  return {
    blockBytes: BLOCK,
    blocksAt,
    *head(blocks, id): Generator<Piece> {
      yield { at: 0, bytes: header({ diskBytes, entries, blocksAt, allocated: blocks.count, id }) };
      const table = { at: HEADER_BYTES, bytes: tableBytes, entryBytes: 4, empty: 0xff } as const;
      const there = blockEntries(blocks, (ordinal) => ordinal);
      yield* tablePages(table, there, (page, at, value) => page.setUint32(at, value, true));
    },
  };
}

function header(disk: {
  readonly diskBytes: number;
  readonly entries: number;
  readonly blocksAt: number;
  readonly allocated: number;
  readonly id: Uint8Array;
}): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const numbers: readonly (readonly [at: number, value: number])[] = [
    [64, 0xbeda107f],
    [68, 0x00010001],
    [72, 400], // of the header from here on
    [76, 1], // dynamic
    [340, HEADER_BYTES],
    [344, disk.blocksAt],
    [360, SECTOR],
    [376, BLOCK],
    [384, disk.entries],
    [388, disk.allocated],
  ];
  bytes.set(new TextEncoder().encode(TEXT));
  for (const [at, value] of numbers) view.setUint32(at, value, true);
  view.setBigUint64(368, BigInt(Math.ceil(disk.diskBytes / SECTOR) * SECTOR), true);
  // Of the image, and of its last change: VirtualBox wants both, and different ones.
  bytes.set(disk.id, 392);
  bytes.set(disk.id, 408);
  bytes[423] = (bytes[423] ?? 0) ^ 1;
  return bytes;
}
