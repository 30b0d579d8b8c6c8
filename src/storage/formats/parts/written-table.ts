/** The table of a file whose blocks are written: read whole, and looked at before anything is written by it. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { readBytes } from './table.ts';

/** 64 MiB: a disk of 16 TiB in blocks of 1 MiB. */
const MAX_ENTRIES = 2 ** 24;

export async function readTable(name: string, source: ByteSource, at: number, entries: number): Promise<DataView> {
  if (entries > MAX_ENTRIES) throw new FormatError(name, `its table has ${entries} entries, too many to write it`);
  return new DataView((await readBytes(name, source, at, 4 * entries)).buffer);
}

/** Writes one entry of a table, or another number of 32 bits. */
export function write32(source: ByteSource, at: number, value: number, littleEndian = false): void | Promise<void> {
  const word = new DataView(new ArrayBuffer(4));
  word.setUint32(0, value, littleEndian);
  return source.write?.(at, new Uint8Array(word.buffer));
}

/** Where the last block ends, or `from`. A FormatError where blocks lie in each other or outside of the file: writing one would damage another. */
export function blocksApart(
  name: string,
  begins: number[],
  unitBytes: number,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  let end = from;
  for (const begin of begins.sort((a, b) => a - b)) {
    if (begin < end) throw new FormatError(name, 'its table is damaged: two of its blocks lie in the same place');
    end = begin + unitBytes;
  }
  if (end > to) throw new FormatError(name, 'a block lies behind the end of its file: it is cut short or damaged');
  return end;
}

/** Why it is not written, where its table is damaged; other errors are thrown. */
export function damageOf(cause: unknown): string {
  if (cause instanceof FormatError) return cause.message.replace(/^\w+: /, '');
  throw cause;
}
