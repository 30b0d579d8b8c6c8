/** How a file with holes is cut into chunks of one size, so that EROFS knows which of them are holes. */

import type { Extent } from '../node.ts';
import { BLOCK_BITS, NULL_CHUNK } from './layout.ts';

/** Entries of a table: more, and chunks get larger, of which some have data and zeros. */
const MAX_CHUNKS = 2 ** 17;
/** Linux shifts a 32-bit number by it. */
const MAX_CHUNK_BITS = 31;

export interface Chunks {
  /** log2 of a chunk's bytes. */
  readonly bits: number;
  readonly count: number;
}

/** As large as the places where data begin and end allow, and no smaller than the table's length does. */
export function chunksOf(sizeBytes: number, extents: readonly Extent[]): Chunks {
  let bits = MAX_CHUNK_BITS;
  const align = (value: number) => {
    while (bits > BLOCK_BITS && value % 2 ** bits !== 0) bits -= 1;
  };
  for (const { offset, bytes } of extents) {
    align(offset);
    if (offset + bytes < sizeBytes) align(offset + bytes);
  }
  while (sizeBytes / 2 ** bits > MAX_CHUNKS) bits += 1;
  return { bits, count: Math.ceil(sizeBytes / 2 ** bits) };
}

/** The block of each chunk, for a file whose bytes begin at `firstBlock`; NULL_CHUNK where there is only a hole. */
export function* chunkBlocks(
  { bits, count }: Chunks,
  extents: readonly Extent[],
  firstBlock: number,
): Iterable<number> {
  let next = 0;
  for (let chunk = 0; chunk < count; chunk += 1) {
    const [start, end] = [chunk * 2 ** bits, (chunk + 1) * 2 ** bits];
    for (let extent = extents[next]; extent && extent.offset + extent.bytes <= start; extent = extents[next]) next += 1;
    const extent = extents[next];
    yield extent && extent.offset < end ? firstBlock + chunk * 2 ** (bits - BLOCK_BITS) : NULL_CHUNK;
  }
}
