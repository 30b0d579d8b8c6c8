/** Cuts a zstd file into its frames (RFC 8878, section 3), for a decoder that takes one at a time. */

import { type ByteReader, byteReader } from './byte-reader.ts';

const MAGIC = 0xfd2fb528;
/** The low four bits of a skippable frame's magic number are free. */
const SKIPPABLE_MAGIC = 0x184d2a50;

/**
 * Frames in order, skippable ones left out. Take all of one before asking for the next. One that makes its decoder remember
 * more than `maxWindowBytes` is an error that tells both numbers.
 */
export async function* zstdFrames(
  source: AsyncIterable<Uint8Array>,
  maxWindowBytes: number,
): AsyncIterable<AsyncIterable<Uint8Array>> {
  const input = byteReader(source);
  try {
    for (let frames = 0; ; frames += 1) {
      const magic = await input.take(4);
      if (magic.length === 0) return;
      const number = littleEndian(magic);
      if (magic.length < 4 || (number !== MAGIC && (number & 0xfffffff0) >>> 0 !== SKIPPABLE_MAGIC)) {
        throw new Error(
          frames > 0
            ? 'something that is no frame follows a whole one: cut it off, and that is read'
            : 'no zstd frame where one should begin',
        );
      }
      if (number === MAGIC) yield frame(input, magic, maxWindowBytes);
      else for await (const _ of input.pass(littleEndian(await input.take(4)))); // user data
    }
  } finally {
    await input.close();
  }
}

/** One frame, `magic` included. If the stream ends inside it, so does the frame: the decoder knows. */
async function* frame(input: ByteReader, magic: Uint8Array, maxWindowBytes: number): AsyncIterable<Uint8Array> {
  yield magic;
  const descriptor = await input.take(1);
  yield descriptor;
  const flags = descriptor[0] ?? 0;
  const singleSegment = (flags & 0x20) !== 0;
  const window = await input.take(singleSegment ? 0 : 1);
  const dictionaryId = await input.take([0, 1, 2, 4][flags & 3] ?? 0);
  const contentSize = await input.take([singleSegment ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0);
  const windowBytes = singleSegment ? littleEndian(contentSize) : windowOf(window[0] ?? 0);
  if (windowBytes > maxWindowBytes) {
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new Error(`it needs a window of ${mib(windowBytes)}, and this host has ${mib(maxWindowBytes)} for it`);
  }
  yield* [window, dictionaryId, contentSize];
  for (;;) {
    const header = await input.take(3);
    if (header.length === 0) return;
    yield header;
    const word = littleEndian(header);
    const runLength = ((word >> 1) & 3) === 1; // one byte, repeated
    yield* input.pass(runLength ? 1 : word >> 3);
    if ((word & 1) === 1) break; // the last block
  }
  const checksumBytes = (flags & 4) === 0 ? 0 : 4;
  yield* input.pass(checksumBytes);
}

/** RFC 8878, 3.1.1.1.2: an exponent and a mantissa of three bits. */
const windowOf = (descriptor: number): number => 2 ** (10 + (descriptor >> 3)) * (1 + (descriptor & 7) / 8);

const littleEndian = (bytes: Uint8Array): number => bytes.reduce((value, byte, at) => value + byte * 2 ** (8 * at), 0);
