/** A source of bytes as a stream. */

import type { ByteSource } from '../byte-source.ts';

const CHUNK_BYTES = 1024 * 1024;

export async function* chunksOf(source: ByteSource, chunkBytes = CHUNK_BYTES): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < source.sizeBytes; at += chunkBytes) {
    const chunk = new Uint8Array(Math.min(chunkBytes, source.sizeBytes - at));
    await source.read(at, chunk);
    yield chunk;
  }
}
