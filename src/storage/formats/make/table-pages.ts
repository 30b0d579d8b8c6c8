/** A table of entries of a file that is made, page by page: one of many entries is never held whole. */

import type { BlockRuns } from './block-runs.ts';
import type { Piece } from './made-of-blocks.ts';

const PAGE_BYTES = 64 * 1024;

export interface TableForm {
  /** Where it begins, and how long it is. */
  readonly at: number;
  readonly bytes: number;
  readonly entryBytes: number;
  /** What each byte of an entry is that says nothing: of zeros pages of nothing else are left out. */
  readonly empty?: 0 | 0xff;
}

export interface Entry {
  readonly index: number;
  readonly value: number;
}

/** Of each block that is there, by how manieth it is; the table has it at the block's own place unless `indexOf` says otherwise. */
export function* blockEntries(
  blocks: BlockRuns,
  entryOf: (ordinal: number) => number,
  indexOf: (block: number) => number = (block) => block,
): Generator<Entry> {
  for (const { block, ordinal } of blocks.numbered()) yield { index: indexOf(block), value: entryOf(ordinal) };
}

/** Entries are in their order. `put` writes a value at a place of a page. */
export function* tablePages(
  { at, bytes, entryBytes, empty = 0 }: TableForm,
  entries: Iterable<Entry>,
  put: (page: DataView, at: number, value: number) => void,
): Generator<Piece> {
  const pageOf = (number: number) => {
    const length = Math.min(PAGE_BYTES, bytes - number * PAGE_BYTES);
    return new DataView(new Uint8Array(length).fill(empty).buffer);
  };
  const pieceOf = (number: number, page: DataView): Piece => ({
    at: at + number * PAGE_BYTES,
    bytes: new Uint8Array(page.buffer),
  });
  let number = 0;
  let page: DataView | undefined;
  for (const { index, value } of entries) {
    const place = index * entryBytes;
    const its = Math.floor(place / PAGE_BYTES);
    if (its !== number) {
      if (page) yield pieceOf(number, page);
      else if (empty) yield pieceOf(number, pageOf(number));
      for (number += 1; number < its; number += 1) if (empty) yield pieceOf(number, pageOf(number));
      [number, page] = [its, undefined];
    }
    page ??= pageOf(number);
    put(page, place % PAGE_BYTES, value);
  }
  if (page) {
    yield pieceOf(number, page);
    number += 1;
  }
  if (empty) for (; number * PAGE_BYTES < bytes; number += 1) yield pieceOf(number, pageOf(number));
}
