/** LZMA2: chunks of LZMA and of data as it is, as xz and 7z have them. */

import { type ByteReader, byteReader } from '../byte-reader.ts';
import type { Bytes } from '../decompress.ts';
import { LzmaCoder, MAX_DICTIONARY_BYTES } from './lzma-coder.ts';

/** By the byte that tells the size of its dictionary. */
export async function* unlzma2(source: Bytes, dictionary: number): Bytes {
  if (dictionary > 40) throw new Error('a dictionary of a size that there is not');
  const bytes = (2 | (dictionary & 1)) * 2 ** (Math.floor(dictionary / 2) + 11);
  if (bytes > MAX_DICTIONARY_BYTES) {
    throw new Error(`its dictionary of ${bytes / 2 ** 20} MiB is larger than ${MAX_DICTIONARY_BYTES / 2 ** 20} MiB`);
  }
  const input = byteReader(source);
  const made: Uint8Array[] = [];
  const coder = new LzmaCoder(bytes, (piece) => made.push(piece.slice()));
  try {
    for (;;) {
      const [control] = await exactly(input, 1);
      if (control === undefined || control === 0) return;
      await chunk(input, coder, control);
      coder.flush();
      yield* made.splice(0);
    }
  } finally {
    await input.close();
  }
}

async function exactly(input: ByteReader, count: number): Promise<Uint8Array> {
  const bytes = await input.take(count);
  if (bytes.length < count) throw new Error('it ends too early');
  return bytes;
}

async function chunk(input: ByteReader, coder: LzmaCoder, control: number): Promise<void> {
  const [high = 0, low = 0] = await exactly(input, 2);
  const size = high * 256 + low + 1;
  if (control < 0x80) {
    if (control > 2) throw new Error('corrupt');
    if (control === 1) coder.resetWindow();
    coder.copy(await exactly(input, size));
    return;
  }
  const unpacked = (control & 0x1f) * 65_536 + size;
  const [packedHigh = 0, packedLow = 0] = await exactly(input, 2);
  const reset = (control >> 5) & 3;
  if (reset === 3) coder.resetWindow();
  if (reset >= 2) coder.setProperties((await exactly(input, 1))[0] ?? 0);
  else if (reset === 1) coder.resetState();
  const packed = await exactly(input, packedHigh * 256 + packedLow + 1);
  coder.begin(packed);
  const end = coder.made + unpacked;
  coder.decode(packed.subarray(5), { end });
  if (coder.made !== end) throw new Error('corrupt');
}
