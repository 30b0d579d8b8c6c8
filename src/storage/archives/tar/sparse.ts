/** Where the data of a sparse file lie: the map of old GNU tar, and of its pax formats 0.0, 0.1 and 1.0 (GNU tar's manual, D.2). */

import type { Extent, Raw } from '../node.ts';
import { rawOf } from '../node.ts';
import type { HeaderReader } from '../reader.ts';
import { numberOf, TAR_BLOCK } from './header.ts';
import { decimal, type PaxRecord } from './pax.ts';

export interface Sparse {
  readonly realSize: number;
  readonly extents: readonly Extent[];
  /** Where the next header may lie at the earliest: the maps between take room that the size does not count. */
  readonly dataAt: number;
}

/** Why a map cannot be used. */
export class SparseError extends Error {
  override readonly name = 'SparseError';
}

/** As long as a map may be. */
const MAX_RUNS = 2 ** 20;

/** Numbers as maps have them: an offset, a length, an offset … */
export function runs(numbers: readonly number[], realSize: number, dataAt: number, archived: number): Extent[] {
  if (!Number.isSafeInteger(realSize) || realSize < 0) throw new SparseError('its size without holes is damaged');
  const extents: Extent[] = [];
  let end = 0;
  let at = dataAt;
  for (let index = 0; index + 1 < numbers.length; index += 2) {
    const [offset = Number.NaN, bytes = Number.NaN] = [numbers[index], numbers[index + 1]];
    const isRun = Number.isSafeInteger(offset) && Number.isSafeInteger(bytes) && offset >= end && bytes >= 0;
    if (!isRun || offset + bytes > realSize) throw new SparseError('the map of its holes is damaged');
    end = offset + bytes;
    if (bytes > 0) extents.push({ offset, bytes, at });
    // Each run fills whole blocks.
    at += Math.ceil(bytes / TAR_BLOCK) * TAR_BLOCK;
  }
  if (at - dataAt >= archived + TAR_BLOCK) throw new SparseError('the map of its holes has more data than there are');
  return extents;
}

/** struct oldgnu_header: four runs in the header, then 21 in each block behind it. */
export async function oldGnuSparse(
  reader: HeaderReader,
  block: Uint8Array,
  at: number,
  archived: number,
): Promise<Sparse> {
  const realSize = numberOf(block, 483, 12);
  const numbers: number[] = [];
  const take = (from: Uint8Array, start: number, count: number) => {
    for (let run = 0; run < count; run += 1) {
      const here = start + 24 * run;
      if ((from[here + 12] ?? 0) === 0) return;
      numbers.push(numberOf(from, here, 12), numberOf(from, here + 12, 12));
    }
  };
  take(block, 386, 4);
  let next = at + TAR_BLOCK;
  for (let more = (block[482] ?? 0) !== 0; more; next += TAR_BLOCK) {
    const map = await reader.read(next, TAR_BLOCK);
    if (map.length < TAR_BLOCK || numbers.length > 2 * MAX_RUNS)
      throw new SparseError('the map of its holes is cut short');
    take(map, 0, 21);
    more = (map[504] ?? 0) !== 0;
  }
  return { realSize, extents: runs(numbers, realSize, next, archived), dataAt: next };
}

/** Undefined where the records tell of no holes. */
export async function paxSparse(
  reader: HeaderReader,
  pax: ReadonlyMap<Raw, Uint8Array>,
  records: readonly PaxRecord[],
  dataAt: number,
  archived: number,
): Promise<Sparse | undefined> {
  const realSize = decimal(pax.get('GNU.sparse.realsize') ?? pax.get('GNU.sparse.size'));
  if (realSize === undefined) return undefined;
  if (decimal(pax.get('GNU.sparse.major')) === 1) return sparse10(reader, realSize, dataAt, archived);
  const map = pax.get('GNU.sparse.map');
  const numbers = map
    ? rawOf(map).split(',').map(Number)
    : records
        .filter(({ key }) => /^GNU\.sparse\.(offset|numbytes)$/.test(key))
        .map(({ value }) => Number(rawOf(value)));
  return { realSize, extents: runs(numbers, realSize, dataAt, archived), dataAt };
}

/** The map is in front of the data, in decimal lines: how many runs, then each of their numbers. */
async function sparse10(reader: HeaderReader, realSize: number, dataAt: number, archived: number): Promise<Sparse> {
  const numbers: number[] = [];
  let wanted = 1;
  let line = '';
  let at = dataAt;
  while (numbers.length < wanted) {
    const block = await reader.read(at, TAR_BLOCK);
    at += TAR_BLOCK;
    if (block.length < TAR_BLOCK || at > dataAt + archived + TAR_BLOCK)
      throw new SparseError('the map of its holes is cut short');
    for (const char of rawOf(block)) {
      if (char !== '\n') line += char;
      else if (numbers.length < wanted) {
        if (!/^\d{1,19}$/.test(line)) throw new SparseError('the map of its holes is damaged');
        numbers.push(Number(line));
        line = '';
        if (numbers.length === 1) wanted = 1 + 2 * (numbers[0] ?? 0);
        if (wanted > 2 * MAX_RUNS) throw new SparseError(`it has more than ${MAX_RUNS} holes`);
      }
    }
  }
  return { realSize, extents: runs(numbers.slice(1), realSize, at, archived - (at - dataAt)), dataAt };
}
