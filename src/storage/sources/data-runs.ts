/** What of a source is not zeros, run by run: for copies that keep holes, whoever knows of them. */

import { isZero } from '../../bytes/zeros.ts';
import type { ByteSource } from '../byte-source.ts';

/** Bytes from `at` on, a whole number of blocks or up to the end. Good until the next one is asked for. */
export interface DataRun {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Read at a time, while those before are looked at. */
const PIECE_BYTES = 2 ** 20;

/** Runs of blocks of `blockBytes` (a power of two up to 1 MiB) that have anything but zeros, in their order. */
export async function* dataRuns(source: ByteSource, blockBytes: number): AsyncGenerator<DataRun> {
  for await (const piece of readPieces(source, blockBytes)) {
    const { at, bytes } = piece;
    for (let begin = 0; begin < bytes.length; ) {
      let end = begin;
      while (end < bytes.length && !isZeroBlock(bytes, end, blockBytes)) end += blockBytes;
      if (end > begin) yield { at: at + begin, bytes: bytes.subarray(begin, Math.min(end, bytes.length)) };
      begin = end + blockBytes;
    }
  }
}

function isZeroBlock(bytes: Uint8Array, at: number, blockBytes: number): boolean {
  const block = bytes.subarray(at, at + blockBytes);
  const words = block.length - (block.length % 8);
  return isZero(block.subarray(0, words)) && block.subarray(words).every((byte) => byte === 0);
}

/** All of a source but what is known to be zeros; the next piece is on its way while one is looked at. */
async function* readPieces(source: ByteSource, blockBytes: number): AsyncGenerator<DataRun> {
  const buffers = [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)];
  let turn = 0;
  const read = (at: number): { readonly at: number; readonly done: Promise<Uint8Array> } => {
    const buffer = buffers[turn % 2] ?? new Uint8Array(PIECE_BYTES);
    turn += 1;
    const into = buffer.subarray(0, Math.min(PIECE_BYTES - (at % PIECE_BYTES), source.sizeBytes - at));
    const done = (async () => {
      await source.read(at, into);
      return into;
    })();
    done.catch(() => {}); // awaited below, unless whoever asked has gone
    return { at, done };
  };
  let at = await nextData(source, 0, blockBytes);
  let pending = at < source.sizeBytes ? read(at) : undefined;
  while (pending) {
    const piece = pending;
    const bytes = await piece.done;
    at = await nextData(source, piece.at + bytes.length, blockBytes);
    pending = at < source.sizeBytes ? read(at) : undefined;
    try {
      yield { at: piece.at, bytes };
    } finally {
      // Whoever goes meanwhile does not leave a read behind that writes to what is not his any more.
      await pending?.done.catch(() => {});
    }
  }
}

/** The begin of the first block from `from` on, which is one, that is not known to be zeros, or the end. */
export async function nextData(source: ByteSource, from: number, blockBytes: number): Promise<number> {
  let at = from;
  for (;;) {
    if (at >= source.sizeBytes) return source.sizeBytes;
    const zeros = (await source.zerosAt?.(at)) ?? 0;
    if (zeros <= 0) return at - (at % blockBytes);
    at += zeros;
  }
}
