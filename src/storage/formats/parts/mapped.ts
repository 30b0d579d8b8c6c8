/** A disk whose bytes lie in pieces elsewhere: zeros, ranges of sources, and chunks that must be unpacked. */

import type { MaybePromise } from '../../block-device.ts';
import { type ByteSource, checkBytes } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { recentlyUsed } from './recently-used.ts';
import { behindEnd, counted } from './table.ts';

/** What is at one place of a disk. */
export type Piece =
  | { readonly kind: 'zeros'; readonly bytes: number }
  | { readonly kind: 'bytes'; readonly bytes: number; readonly source: ByteSource; readonly at: number }
  /** Bytes of what `unpack` answers, from `from` on. `key` is another for each chunk; a chunk is kept for a while. */
  | {
      readonly kind: 'packed';
      readonly bytes: number;
      readonly key: number;
      readonly from: number;
      readonly unpack: () => MaybePromise<Uint8Array>;
    };

export const zeros = (bytes: number): Piece => ({ kind: 'zeros', bytes });

/** A disk as a format maps it. Writing will be one more function here: what allocates. */
export interface Mapping {
  /** The format, for errors. */
  readonly name: string;
  readonly sizeBytes: number;
  /** What is at `offset`, for at least one byte and as far as one look at the tables tells. */
  find(offset: number): MaybePromise<Piece>;
}

/** Unpacked chunks that are kept, whatever their size. */
const UNPACKED_BYTES = 8 * 2 ** 20;

/** A piece of what is beneath a disk: where that ends first, zeros follow, as in every format that builds on other files. */
export const beneath = (source: ByteSource | undefined, offset: number, bytes: number): Piece =>
  source === undefined || offset >= source.sizeBytes
    ? zeros(bytes)
    : { kind: 'bytes', bytes: Math.min(bytes, source.sizeBytes - offset), source, at: offset };

export function mapped({ name, sizeBytes, find }: Mapping): ByteSource {
  const unpacked = recentlyUsed<MaybePromise<Uint8Array>>(UNPACKED_BYTES);

  /** Never rejects for another's failure twice: what could not be unpacked is not kept. */
  const chunk = ({ key, unpack }: Extract<Piece, { kind: 'packed' }>): MaybePromise<Uint8Array> => {
    const known = unpacked.get(key);
    if (known !== undefined) return known;
    const found = unpack();
    if (!(found instanceof Promise)) {
      unpacked.set(key, found, found.length);
      return found;
    }
    const kept = found.then(
      (bytes) => {
        unpacked.set(key, bytes, bytes.length);
        return bytes;
      },
      (cause) => {
        unpacked.delete(key);
        throw cause;
      },
    );
    unpacked.set(key, kept, 0);
    return kept;
  };

  const fill = (piece: Piece, into: Uint8Array): MaybePromise<void> => {
    if (piece.kind === 'zeros') return void into.fill(0);
    if (piece.kind === 'bytes') {
      const { source, at } = piece;
      if (at < 0 || at + into.length > source.sizeBytes) {
        throw behindEnd(name, `data at ${counted(at)} lies`, source);
      }
      return source.read(at, into);
    }
    const copy = (bytes: Uint8Array): void => {
      const part = bytes.subarray(piece.from, piece.from + into.length);
      if (part.length !== into.length) throw new FormatError(name, 'a compressed chunk is shorter than it should be');
      into.set(part);
    };
    const bytes = chunk(piece);
    return bytes instanceof Promise ? bytes.then(copy) : copy(bytes);
  };

  return {
    sizeBytes,
    async zerosAt(offset) {
      const piece = await find(offset);
      if (piece.kind === 'zeros') return Math.max(0, Math.min(piece.bytes, sizeBytes - offset));
      if (piece.kind !== 'bytes' || piece.at < 0 || piece.at >= piece.source.sizeBytes) return 0;
      return Math.min((await piece.source.zerosAt?.(piece.at)) ?? 0, piece.bytes, sizeBytes - offset);
    },
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      const filling: Promise<void>[] = [];
      let run: Piece | undefined;
      let runAt = 0;
      /** What `run` stands for, all of it at once. */
      const flush = (end: number): void => {
        if (run === undefined) return;
        const filled = fill(run, into.subarray(runAt, end));
        if (filled instanceof Promise) {
          filled.catch(() => {}); // it is awaited below, perhaps after another has failed
          filling.push(filled);
        }
      };
      const step = (piece: Piece, at: number): number => {
        if (run === undefined || !follows(run, piece, at - runAt)) {
          flush(at);
          run = piece;
          runAt = at;
        }
        if (piece.bytes <= 0) throw new FormatError(name, 'its tables lead nowhere');
        return at + piece.bytes;
      };
      const walk = (from: number): MaybePromise<void> => {
        for (let at = from; at < into.length; ) {
          const piece = find(offset + at);
          if (piece instanceof Promise) {
            const here = at;
            return piece.then((found) => walk(step(found, here)));
          }
          at = step(piece, at);
        }
        flush(into.length);
        return filling.length > 0 ? settle(filling) : undefined;
      };
      let walking: MaybePromise<void>;
      try {
        walking = walk(0);
      } catch (cause) {
        if (filling.length === 0) throw cause;
        walking = Promise.reject(cause);
      }
      if (!(walking instanceof Promise)) return undefined;
      return walking.catch(async (cause) => {
        await Promise.allSettled(filling); // nothing is written to `into` any more once this has settled
        throw cause;
      });
    },
  };
}

/** Whether `next` goes on where `run` is after `bytes`. */
function follows(run: Piece, next: Piece, bytes: number): boolean {
  if (run.kind === 'zeros') return next.kind === 'zeros';
  if (run.kind === 'bytes') return next.kind === 'bytes' && next.source === run.source && next.at === run.at + bytes;
  return next.kind === 'packed' && next.key === run.key && next.from === run.from + bytes;
}

async function settle(filling: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(filling)) if (result.status === 'rejected') throw result.reason;
}
