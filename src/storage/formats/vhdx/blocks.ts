/** Blocks of a VHDX that is written: appended, then told of in its table, one entry of 64 bits at a time, which no disk tears. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { type Blocks, growTo } from '../parts/growing.ts';
import { blocksApart, readTable } from '../parts/written-table.ts';
import { ENTRY_BYTES, entriesFor, indexOfBlock, PRESENT, putPresent, readEntry } from './bat.ts';
import { changedHeader, type Header, type Region, VHDX } from './header.ts';

const MIB = 2 ** 20;

export interface WrittenVhdx {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** After so many blocks the table has the entry of a bitmap. */
  readonly blocksPerChunk: number;
  readonly header: Header;
  readonly bat: Region;
  readonly metadata: Region;
}

/** Rejects with a FormatError where the table is damaged. */
export async function vhdxBlocks(source: ByteSource, disk: WrittenVhdx): Promise<Blocks> {
  const { sizeBytes, blockBytes, blocksPerChunk, header, bat, metadata } = disk;
  const blocks = Math.ceil(sizeBytes / blockBytes);
  const table = await readTable(VHDX, source, bat.at, 2 * entriesFor(blocks, blocksPerChunk));
  const entryAt = (block: number) => ENTRY_BYTES * indexOfBlock(block, blocksPerChunk);
  const placeOf = (block: number): number | undefined => {
    const { state, at } = readEntry(table, entryAt(block));
    return state === PRESENT ? at : undefined;
  };
  const regions: readonly Region[] = [{ at: 0, bytes: MIB }, header.logRegion, bat, metadata];
  if (regions.some(({ at, bytes }) => at + bytes > source.sizeBytes))
    throw new FormatError(VHDX, 'a region lies behind the end of its file');
  const used: number[] = [];
  for (let block = 0; block < blocks; block += 1) {
    const place = placeOf(block);
    if (place === undefined) continue;
    if (regions.some(({ at, bytes }) => place < at + bytes && place + blockBytes > at))
      throw new FormatError(VHDX, 'its table is damaged: a block lies where something else is');
    used.push(place);
  }
  const from = Math.max(...regions.map(({ at, bytes }) => at + bytes));
  const last = blocksApart(VHDX, used, blockBytes, { from: MIB, to: Math.ceil(source.sizeBytes / MIB) * MIB });
  let end = Math.max(from, last);
  let isTold = false;

  /** That its data are others: once, and each of both headers when the other one is durable. */
  async function tellChange(): Promise<void> {
    if (isTold) return;
    isTold = true;
    let current = header;
    for (let copy = 0; copy < 2; copy += 1) {
      const next = changedHeader(current, copy);
      await source.write?.(next.at, next.bytes);
      await source.flush?.();
      current = next.header;
    }
  }

  return {
    name: VHDX,
    sizeBytes,
    blockBytes,
    placeOf,
    touch: tellChange,
    async append() {
      await tellChange();
      const place = Math.ceil(end / MIB) * MIB;
      await growTo(VHDX, source, place + blockBytes);
      end = place + blockBytes;
      return place;
    },
    async commit(added) {
      for (const [block, place] of added) {
        const word = new DataView(new ArrayBuffer(ENTRY_BYTES));
        putPresent(word, 0, place);
        await source.write?.(bat.at + entryAt(block), new Uint8Array(word.buffer));
      }
      await source.flush?.();
    },
  };
}
