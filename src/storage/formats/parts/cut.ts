/** Files that were cut short: how far their tables say that they go, and what is read of what is not there. */

import type { ByteSource } from '../../byte-source.ts';
import { BehindEndError, FormatError } from '../../errors.ts';
import { counted, viewOf } from './table.ts';

/** Tables are looked through at once, and no more of them: of a larger disk it is found out while it is read. */
const MAX_TABLE_BYTES = 2 ** 20;
const PIECE_BYTES = 64 * 1024;

/**
 * How far a file goes by a table of `entries`: `endOf` says where what an entry tells of ends, 0 where that is nothing. The
 * table itself may be what is not there.
 */
export async function tableReach(
  source: ByteSource,
  { at, entries, entryBytes }: { readonly at: number; readonly entries: number; readonly entryBytes: number },
  endOf: (view: DataView, at: number, index: number) => number,
): Promise<number> {
  const end = at + Math.min(entries * entryBytes, MAX_TABLE_BYTES - (MAX_TABLE_BYTES % entryBytes));
  let most = end;
  for (let from = at; from < Math.min(end, source.sizeBytes); ) {
    const there = Math.min(PIECE_BYTES, Math.min(end, source.sizeBytes) - from);
    const piece = new Uint8Array(there - (there % entryBytes));
    if (piece.length === 0) break;
    try {
      await source.read(from, piece);
    } catch (cause) {
      if (cause instanceof BehindEndError) break; // in an archive that was cut short, which says so itself
      throw cause;
    }
    const view = viewOf(piece);
    for (let within = 0; within < piece.length; within += entryBytes) {
      most = Math.max(most, endOf(view, within, (from - at + within) / entryBytes));
    }
    from += piece.length;
  }
  return most;
}

/** Of a file of that format, as a sentence. */
export const cutSentence = (what: string, there: number, claimed: number): string =>
  `the ${what} has ${counted(there)} bytes, its tables tell of ${counted(claimed)}`;

/** `sizeBytes` bytes from `offset` on, of which the last may not be there: who reads them is told so. */
export function windowOfCut(source: ByteSource, offset: number, sizeBytes: number): ByteSource {
  return {
    sizeBytes,
    read(at, into) {
      if (offset + at + into.length > source.sizeBytes) throw new BehindEndError(source.sizeBytes);
      return source.read(offset + at, into);
    },
  };
}

/**
 * What is in a format, read-only, where some of it may be damaged: that is `lost`, a place like a bad sector, and all else is as
 * it is.
 */
export function withLosses(content: ByteSource, lost: (cause: FormatError) => Error): ByteSource {
  const told = (cause: unknown): never => {
    throw cause instanceof FormatError && cause.code === 'EUCLEAN' ? lost(cause) : cause;
  };
  return {
    sizeBytes: content.sizeBytes,
    ...(content.zerosAt && { zerosAt: content.zerosAt.bind(content) }),
    read(offset, into) {
      try {
        const reading = content.read(offset, into);
        return reading instanceof Promise ? reading.catch(told) : reading;
      } catch (cause) {
        return told(cause);
      }
    },
  };
}
