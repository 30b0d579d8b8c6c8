/**
 * Where the data of a sparse file belong: the map of old GNU tar, and of its pax formats 0.0, 0.1 and 1.0 (GNU tar's manual, D.2). For
 * whoever reads a tar as it comes and for whoever reads it where it lies: `next` gives the block behind the one before.
 */

import { decimal, type PaxRecord } from './extended.ts';
import { numberOf, TAR_BLOCK } from './header.ts';
import { type Raw, rawOf } from './raw.ts';

/** A run of data: so many bytes that belong at `offset` of the file. */
export interface Run {
  readonly offset: number;
  readonly bytes: number;
}

export interface SparseMap {
  /** Of the file with its holes. */
  readonly realSize: number;
  readonly runs: readonly Run[];
  /** The map lies before the data and counts among them. */
  readonly isInData: boolean;
}

/** Why a map cannot be used. */
export class SparseError extends Error {
  override readonly name = 'SparseError';
}

/** A block of 512 bytes; fewer where there are no more. */
export type NextBlock = () => Promise<Uint8Array>;

/** As long as a map may be. */
const MAX_RUNS = 2 ** 20;

const damaged = () => new SparseError('the map of its holes is damaged');
const cutShort = () => new SparseError('the map of its holes is cut short');

/** Numbers as maps have them: an offset, a length, an offset … Runs are apart, in order and inside of the file. */
function runsOf(numbers: readonly number[], realSize: number): Run[] {
  if (!Number.isSafeInteger(realSize) || realSize < 0) throw new SparseError('its size without holes is damaged');
  const runs: Run[] = [];
  let end = 0;
  for (let index = 0; index + 1 < numbers.length; index += 2) {
    const [offset = Number.NaN, bytes = Number.NaN] = [numbers[index], numbers[index + 1]];
    const isRun = Number.isSafeInteger(offset) && Number.isSafeInteger(bytes) && offset >= end && bytes >= 0;
    if (!isRun || offset + bytes > realSize) throw damaged();
    end = offset + bytes;
    runs.push({ offset, bytes });
  }
  return runs;
}

/** struct oldgnu_header: four runs in the header, then 21 in each block behind it. */
export async function oldGnuMap(header: Uint8Array, next: NextBlock): Promise<SparseMap> {
  const realSize = numberOf(header, 483, 12);
  const numbers: number[] = [];
  const take = (from: Uint8Array, start: number, count: number) => {
    for (let run = 0; run < count; run += 1) {
      const here = start + 24 * run;
      if ((from[here + 12] ?? 0) === 0) return;
      numbers.push(numberOf(from, here, 12), numberOf(from, here + 12, 12));
    }
  };
  take(header, 386, 4);
  for (let more = (header[482] ?? 0) !== 0; more; ) {
    const block = await next();
    if (block.length < TAR_BLOCK || numbers.length > 2 * MAX_RUNS) throw cutShort();
    take(block, 0, 21);
    more = (block[504] ?? 0) !== 0;
  }
  return { realSize, runs: runsOf(numbers, realSize), isInData: false };
}

/** `records` are those of the entry alone, in order. Undefined where they tell of no holes. */
export async function paxSparseMap(
  pax: ReadonlyMap<Raw, Uint8Array>,
  records: readonly PaxRecord[],
  next: NextBlock,
): Promise<SparseMap | undefined> {
  const realSize = decimal(pax.get('GNU.sparse.realsize') ?? pax.get('GNU.sparse.size'));
  if (realSize === undefined) return undefined;
  if (decimal(pax.get('GNU.sparse.major')) === 1)
    return { realSize, runs: runsOf(await numbersBeforeData(next), realSize), isInData: true };
  const map = pax.get('GNU.sparse.map');
  const numbers = map
    ? rawOf(map)
        .split(',')
        .filter((text) => text !== '')
        .map(Number)
    : records
        .filter(({ key }) => /^GNU\.sparse\.(offset|numbytes)$/.test(key))
        .map(({ value }) => Number(rawOf(value)));
  return { realSize, runs: runsOf(numbers, realSize), isInData: false };
}

/** In decimal lines: how many runs, then each of their numbers. */
async function numbersBeforeData(next: NextBlock): Promise<number[]> {
  const numbers: number[] = [];
  let wanted = 1;
  let line = '';
  while (numbers.length < wanted) {
    const block = await next();
    if (block.length < TAR_BLOCK) throw cutShort();
    for (const char of rawOf(block)) {
      if (char !== '\n') line += char;
      else if (numbers.length < wanted) {
        if (!/^\d{1,19}$/.test(line)) throw damaged();
        numbers.push(Number(line));
        line = '';
        if (numbers.length === 1) wanted = 1 + 2 * (numbers[0] ?? 0);
        if (wanted > 2 * MAX_RUNS) throw new SparseError(`it has more than ${MAX_RUNS} holes`);
      }
    }
  }
  return numbers.slice(1);
}
