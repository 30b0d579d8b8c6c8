/** The log of a VHDX file: what was to be written when the host went away, put over the file as it is read ([MS-VHDX] 2.3). */

import { concat } from '../../../bytes/concat.ts';
import type { MaybePromise } from '../../block-device.ts';
import { type ByteSource, checkBytes } from '../../byte-source.ts';
import { BehindEndError, FormatError } from '../../errors.ts';
import type { FormatContext } from '../format.ts';
import { startsAt } from '../parts/search.ts';
import { little64, readBytes, viewOf } from '../parts/table.ts';
import { crc32c } from './crc32c.ts';
import { guid, type Header, text, VHDX } from './header.ts';

const SECTOR = 4096;
const ENTRY_HEADER_BYTES = 64;
const DESCRIPTOR_BYTES = 32;
/** Entries lie one behind another, but for one that was not written to its end: all of them are no longer than twice the log. */
const MOST_OF_LOG = 2;
/** Ranges that it clears: tools write some for what a guest discarded. */
const MAX_CLEARED = 16_384;

interface Entry {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly sequence: bigint;
  /** Where the oldest entry that is still wanted begins. */
  readonly tail: number;
  readonly flushedBytes: number;
  readonly lastBytes: number;
}

/** What replaying changes: blocks of 4 KiB by their number, over ranges of zeros. */
interface Patches {
  readonly blocks: Map<number, Uint8Array>;
  readonly zeros: Range[];
}

interface Range {
  readonly at: number;
  readonly end: number;
}

/**
 * The file as it is after its log was replayed, and how long it was at least. The file itself is not touched. The log, 1 MiB as
 * tools make it, is held in memory.
 */
export async function replayed(
  source: ByteSource,
  { log }: Header,
  context: Pick<FormatContext, 'mustFit'>,
): Promise<{ readonly source: ByteSource; readonly flushedBytes: number }> {
  if (log === undefined) return { source, flushedBytes: 0 };
  context.mustFit(VHDX, 'a log', log.bytes);
  if (log.bytes % SECTOR !== 0 || log.at % SECTOR !== 0) throw new FormatError(VHDX, 'its log is not aligned');
  const bytes = await readBytes(VHDX, source, log.at, log.bytes);
  const sequence = newestSequence(bytes, log.id);
  const last = sequence.at(-1);
  if (last === undefined) throw new FormatError(VHDX, 'it was not closed, and its log is damaged');
  const patches: Patches = { blocks: new Map(), zeros: [] };
  for (const entry of sequence) apply(entry, patches);
  const { flushedBytes } = last;
  const isCut = flushedBytes > source.sizeBytes;
  return { source: patched(source, patches, Math.max(source.sizeBytes, last.lastBytes), isCut), flushedBytes };
}

/** How long the entry at an offset of the log says that it is. Undefined where there is none. */
function lengthAt(log: Uint8Array, at: number, id: string): number | undefined {
  const head = log.subarray(at, at + ENTRY_HEADER_BYTES);
  if (text(head, 0, 4) !== 'loge' || guid(viewOf(head), 32) !== id) return undefined;
  const length = viewOf(head).getUint32(8, true);
  return length >= SECTOR && length % SECTOR === 0 && length <= log.length ? length : undefined;
}

/** The entry there, of a log that is a ring. Undefined where it is not whole. */
function entryAt(log: Uint8Array, at: number, length: number): Entry | undefined {
  const first = log.subarray(at, at + length);
  const bytes = first.length === length ? first : concat([first, log.subarray(0, length - first.length)]);
  const view = viewOf(bytes);
  if (view.getUint32(4, true) !== crc32c(bytes, 4)) return undefined;
  return {
    at,
    bytes,
    sequence: view.getBigUint64(16, true),
    tail: view.getUint32(12, true),
    flushedBytes: little64(view, 48),
    lastBytes: little64(view, 56),
  };
}

/** The run of entries with consecutive numbers, from the tail of its last one on, whose last number is the highest. */
function newestSequence(log: Uint8Array, id: string): Entry[] {
  let newest: Entry[] = [];
  const seen = new Map<number, Entry | undefined>();
  let leftBytes = MOST_OF_LOG * log.length;
  const entry = (at: number): Entry | undefined => {
    if (seen.has(at)) return seen.get(at);
    const length = lengthAt(log, at, id);
    leftBytes -= length ?? 0;
    if (leftBytes < 0) throw new FormatError(VHDX, 'the entries of its log lie in each other');
    const found = length === undefined ? undefined : entryAt(log, at, length);
    seen.set(at, found);
    return found;
  };
  const ended = new Set<number>();
  for (let begin = 0; begin < log.length; begin += SECTOR) {
    if (ended.has(begin)) continue; // within a run that was looked at
    const run: Entry[] = [];
    for (let at = begin, next = entry(at); next !== undefined && run.length < log.length / SECTOR; next = entry(at)) {
      const before = run.at(-1);
      if (before !== undefined && next.sequence !== before.sequence + 1n) break;
      run.push(next);
      if (at !== begin) ended.add(at);
      at = (at + next.bytes.length) % log.length;
    }
    const last = run.at(-1);
    if (last === undefined || last.sequence <= (newest.at(-1)?.sequence ?? -1n)) continue;
    const tail = run.findIndex(({ at }) => at === last.tail);
    if (tail >= 0) newest = run.slice(tail);
  }
  return newest;
}

function apply({ bytes, sequence }: Entry, patches: Patches): void {
  const view = viewOf(bytes);
  const count = view.getUint32(24, true);
  const descriptorsEnd = Math.ceil((ENTRY_HEADER_BYTES + count * DESCRIPTOR_BYTES) / SECTOR) * SECTOR;
  const damaged = (): FormatError => new FormatError(VHDX, 'an entry of its log is damaged');
  if (descriptorsEnd > bytes.length) throw damaged();
  let dataAt = descriptorsEnd;
  for (let index = 0; index < count; index += 1) {
    const at = ENTRY_HEADER_BYTES + index * DESCRIPTOR_BYTES;
    const fileAt = little64(view, at + 16);
    if (view.getBigUint64(at + 24, true) !== sequence || fileAt % SECTOR !== 0) throw damaged();
    switch (text(bytes, at, 4)) {
      case 'zero':
        clear(patches, fileAt, fileAt + little64(view, at + 8));
        break;
      case 'desc': {
        const data = bytes.subarray(dataAt, dataAt + SECTOR);
        dataAt += SECTOR;
        if (data.length < SECTOR || text(data, 0, 4) !== 'data' || sequenceOf(data) !== sequence) throw damaged();
        const block = data.slice();
        // What the marks of the sector stand on is in the descriptor.
        block.set(bytes.subarray(at + 8, at + 16), 0);
        block.set(bytes.subarray(at + 4, at + 8), SECTOR - 4);
        patches.blocks.set(fileAt / SECTOR, block);
        break;
      }
      default:
        throw damaged();
    }
  }
}

const sequenceOf = (data: Uint8Array): bigint => {
  const view = viewOf(data);
  return (BigInt(view.getUint32(4, true)) << 32n) | BigInt(view.getUint32(SECTOR - 4, true));
};

function clear({ blocks, zeros }: Patches, at: number, end: number): void {
  if (zeros.length === MAX_CLEARED) throw new FormatError(VHDX, `its log clears more than ${MAX_CLEARED} ranges`);
  for (const number of blocks.keys()) if (number * SECTOR >= at && number * SECTOR < end) blocks.delete(number);
  zeros.push({ at, end });
}

/** The same, ascending and none in another. */
function apart(ranges: readonly Range[]): Range[] {
  const merged: { at: number; end: number }[] = [];
  for (const { at, end } of ranges.toSorted((one, other) => one.at - other.at)) {
    const last = merged.at(-1);
    if (last && at <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ at, end });
  }
  return merged;
}

/** Behind the end of `source` are zeros, unless it `isCut`. */
function patched(source: ByteSource, { blocks, zeros }: Patches, sizeBytes: number, isCut: boolean): ByteSource {
  const cleared = apart(zeros);
  const starts = Float64Array.from(cleared, ({ at }) => at);
  const patch = (offset: number, into: Uint8Array): void => {
    const end = offset + into.length;
    for (let next = startsAt(starts, starts.length, offset); ; next += 1) {
      const range = cleared[next];
      if (range === undefined || range.at >= end) break;
      if (range.end > offset) into.fill(0, Math.max(0, range.at - offset), range.end - offset);
    }
    for (let number = Math.floor(offset / SECTOR); number * SECTOR < end; number += 1) {
      const block = blocks.get(number);
      if (block === undefined) continue;
      const from = Math.max(offset, number * SECTOR);
      const part = block.subarray(from - number * SECTOR, end - number * SECTOR);
      into.set(part, from - offset);
    }
  };
  return {
    sizeBytes,
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      if (isCut && offset + into.length > source.sizeBytes) throw new BehindEndError(source.sizeBytes);
      const there = Math.max(0, Math.min(into.length, source.sizeBytes - offset));
      into.fill(0, there); // what the log makes longer
      const reading: MaybePromise<void> = there > 0 ? source.read(offset, into.subarray(0, there)) : undefined;
      return reading instanceof Promise ? reading.then(() => patch(offset, into)) : patch(offset, into);
    },
  };
}
