/** LZMA2: chunks of LZMA and of data as it is, as xz and 7z have them. */

import { concat } from '../../../bytes/concat.ts';
import { byteReader } from '../../byte-reader.ts';
import type { Bytes } from '../../decompress.ts';
import { LzmaCoder, MAX_DICTIONARY_BYTES, mustFit } from './lzma-coder.ts';

/** By the byte that tells it. */
export function dictionaryBytesOf(byte: number): number {
  if (byte > 40) throw new Error('a dictionary of a size that there is not');
  return (2 | (byte & 1)) * 2 ** (Math.floor(byte / 2) + 11);
}

/** The longest header of a chunk. */
const HEADER_BYTES = 6;

/** `sizeBytes`: as much is there at most; `windowBytes`: what the host has for a dictionary. */
export async function* unlzma2(
  source: Bytes,
  dictionary: number,
  { sizeBytes = Number.MAX_SAFE_INTEGER, windowBytes = MAX_DICTIONARY_BYTES } = {},
): Bytes {
  const bytes = Math.min(dictionaryBytesOf(dictionary), sizeBytes);
  mustFit(bytes, windowBytes);
  const input = byteReader(source);
  const made: Uint8Array[] = [];
  const coder = new LzmaCoder(bytes, (piece) => made.push(piece.slice()));
  try {
    for (;;) {
      const header = await input.take(HEADER_BYTES);
      const length = chunkBytes(header);
      if (length === 0) return;
      const rest = await input.take(Math.max(0, length - header.length));
      const chunk = concat([header, rest]);
      if (chunk.length > length) input.unread(chunk.subarray(length));
      lzma2Chunk(chunk.subarray(0, length), coder);
      coder.flush();
      yield* made.splice(0);
    }
  } finally {
    await input.close();
  }
}

const u16 = (bytes: Uint8Array, at: number) => (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);

/** How many bytes the chunk has that `bytes` begins with; 0 for the end. */
function chunkBytes(bytes: Uint8Array): number {
  const [control] = bytes;
  if (control === undefined) throw new Error('it ends too early');
  if (control === 0) return 0;
  if (control < 0x80) return 3 + u16(bytes, 1) + 1;
  return (control >= 0xc0 ? 6 : 5) + u16(bytes, 3) + 1;
}

/** Undo the chunk that `bytes` begins with, and answer how many of them it has. */
export function lzma2Chunk(bytes: Uint8Array, coder: LzmaCoder): number {
  const length = chunkBytes(bytes);
  if (length === 0) return 0;
  if (length > bytes.length) throw new Error('it ends too early');
  const control = bytes[0] ?? 0;
  if (control < 0x80) {
    if (control > 2) throw new Error('corrupt');
    if (control === 1) coder.resetWindow();
    coder.copy(bytes.subarray(3, length));
    return length;
  }
  const unpacked = (control & 0x1f) * 65_536 + u16(bytes, 1) + 1;
  const reset = (control >> 5) & 3;
  if (reset === 3) coder.resetWindow();
  if (reset >= 2) coder.setProperties(bytes[5] ?? 0);
  else if (reset === 1) coder.resetState();
  const packed = bytes.subarray(reset >= 2 ? 6 : 5, length);
  coder.begin(packed);
  const end = coder.made + unpacked;
  coder.decode(packed.subarray(5), { end });
  if (coder.made !== end) throw new Error('corrupt');
  return length;
}
