/** The table of a VHDX's blocks ([MS-VHDX] 2.5): where the entry of each is, and what it says. */

const MIB = 2 ** 20;
const LITTLE = true;
/** Sectors that the bitmap of one chunk of blocks tells of. */
const CHUNK_SECTORS = 2 ** 23;

export const ENTRY_BYTES = 8;

/** States of a block ([MS-VHDX] 2.5.1.1). */
export const NOT_PRESENT = 0;
/** This and the next are nobody's. */
export const RESERVED = 4;
export const PRESENT = 6;
export const PARTLY_PRESENT = 7;

/** After so many blocks the table has the entry of a bitmap. */
export const chunkBlocks = (sectorBytes: number, blockBytes: number): number =>
  (CHUNK_SECTORS * sectorBytes) / blockBytes;

export const indexOfBlock = (block: number, perChunk: number): number => block + Math.floor(block / perChunk);

/** So many entries a table of `blocks` has at least: where nothing is partly there the last bitmap may be missing. */
export const entriesFor = (blocks: number, perChunk: number): number =>
  blocks + Math.floor(Math.max(0, blocks - 1) / perChunk);

export interface BatEntry {
  readonly state: number;
  /** Where the block or bitmap begins in the file. */
  readonly at: number;
}

/** 44 bits of MiB above 20 bits, the lowest 3 of which are the state. */
export function readEntry(view: DataView, at: number): BatEntry {
  const low = view.getUint32(at, LITTLE);
  return { state: low & 7, at: (view.getUint32(at + 4, LITTLE) * 2 ** 12 + (low >>> 20)) * MIB };
}

/** Of a block that is there, at a whole MiB of the file. */
export function putPresent(view: DataView, at: number, place: number): void {
  const mib = place / MIB;
  view.setUint32(at, ((mib % 2 ** 12) * 2 ** 20 + PRESENT) >>> 0, LITTLE);
  view.setUint32(at + 4, Math.floor(mib / 2 ** 12), LITTLE);
}
