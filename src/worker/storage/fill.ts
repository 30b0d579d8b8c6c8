/** Reads a response's body into a buffer of exactly its length. */

import { ReadFailedError } from '../../storage/errors.ts';

/** Bytes taken off a response at a time: enough that their number costs nothing, few enough that six responses are small. */
const CHUNK_BYTES = 256 * 1024;

/** ReadFailedError, in the name of `source`, if `body` is not as long as `into`. Chunks go through one buffer, so that none is left to collect. */
export async function fill(into: Uint8Array, body: ReadableStream, source: string): Promise<void> {
  const reader = body.getReader({ mode: 'byob' });
  let chunk = new Uint8Array(Math.min(CHUNK_BYTES, into.length));
  for (let filled = 0; ; ) {
    const { done, value } = await reader.readAtLeast(chunk.length, chunk);
    const length = value?.length ?? 0;
    if (done ? filled + length !== into.length : filled + length > into.length) {
      await reader.cancel();
      throw new ReadFailedError(`${source}: ${filled + length} of ${into.length} bytes were sent`);
    }
    if (value !== undefined) {
      into.set(value, filled);
      filled += length;
      chunk = new Uint8Array(value.buffer);
    }
    if (done) return;
  }
}
