/** All bytes of a source in their order, zeros too. */

import type { ByteSource } from '../byte-source.ts';

const PIECE_BYTES = 2 ** 20;

/** Pieces are good until the next one is asked for. What is known to be zeros is not read. */
export async function* sourceStream(
  source: ByteSource,
): AsyncGenerator<{ readonly at: number; readonly bytes: Uint8Array }> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (let at = 0; at < source.sizeBytes; ) {
    const bytes = buffer.subarray(0, Math.min(PIECE_BYTES, source.sizeBytes - at));
    if (((await source.zerosAt?.(at)) ?? 0) >= bytes.length) bytes.fill(0);
    else await source.read(at, bytes);
    yield { at, bytes };
    at += bytes.length;
  }
}
