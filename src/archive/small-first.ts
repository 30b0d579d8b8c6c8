/** What is small is undone at once: to make a host's stream for it costs a millisecond, and a file of 1 MB may have 100,000 members. */

import { concat } from '../bytes/concat.ts';
import type { ByteReader } from './byte-reader.ts';
import { inflateRaw as ownInflateRaw } from './decoders/inflate.ts';
import type { InflateRaw } from './decoders/inflated.ts';
import type { Bytes } from './decompress.ts';

/** Of what is compressed. */
const SMALL_BYTES = 4096;

/** It is not small, or damaged: the host's own decoder reads it from its first byte on, and says what is wrong. */
class NotSmall extends Error {}

/** By our own decoder what ends within `SMALL_BYTES` and stands for little, all else by `host`. */
export const inflateSmallFirst = (host: InflateRaw): InflateRaw =>
  async function* (input) {
    const taken: Uint8Array[] = [];
    const small = await inflateSmall(recorded(input, taken));
    if (small) {
      yield* small;
      return;
    }
    for (const piece of taken.reverse()) input.unread(piece);
    yield* host(input);
  };

/** `input`, of which no more than is small can be taken. What is given back is no part of `taken` any more. */
function recorded(input: ByteReader, taken: Uint8Array[]): ByteReader {
  let left = SMALL_BYTES;
  return {
    ...input,
    async some(bytes) {
      if (left === 0) throw new NotSmall();
      const piece = await input.some(Math.min(bytes, left));
      left -= piece.length;
      if (piece.length > 0) taken.push(piece);
      return piece;
    },
  };
}

async function inflateSmall(input: ByteReader): Promise<Uint8Array[] | undefined> {
  const made: Uint8Array[] = [];
  try {
    for await (const piece of ownInflateRaw(input)) {
      // It passes on what it has no room for, or the end.
      if (made.length > 0) return undefined;
      made.push(piece);
    }
    return made;
  } catch {
    return undefined;
  }
}

/** What a small frame may stand for. */
const SMALL_FRAME_BYTES = 256 * 1024;

/** `whole` undoes a frame that is held, of at most so many bytes, and throws where it cannot; all else is read by `host`. */
export async function* zstdSmallFirst(
  frame: Bytes,
  whole: (frame: Uint8Array, maxBytes: number) => Uint8Array,
  host: (frame: Bytes) => Bytes,
): Bytes {
  const pieces = frame[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let next = await pieces.next();
  for (let bytes = 0; !next.done && bytes + next.value.length <= SMALL_BYTES; next = await pieces.next()) {
    bytes += next.value.length;
    held.push(next.value);
  }
  const small = next.done ? wholeFrame(concat(held), whole) : undefined;
  if (small) {
    if (small.length > 0) yield small;
    return;
  }
  const rest = async function* (): Bytes {
    yield concat(held);
    for (; !next.done; next = await pieces.next()) yield next.value;
  };
  yield* host(gathered(rest()));
}

/** The same bytes in fewer pieces: blocks of nothing are three bytes each, and a decoder is written many of them at once. */
export async function* gathered(pieces: Bytes): Bytes {
  const held: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    held.push(piece);
    bytes += piece.length;
    if (bytes < SMALL_BYTES) continue;
    yield concat(held.splice(0));
    bytes = 0;
  }
  if (bytes > 0) yield concat(held);
}

function wholeFrame(frame: Uint8Array, whole: (frame: Uint8Array, maxBytes: number) => Uint8Array) {
  try {
    return whole(frame, SMALL_FRAME_BYTES);
  } catch {
    return undefined;
  }
}
