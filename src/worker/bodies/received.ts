/** The bytes of a request as they come, from a client that keeps going. */

import { broken } from './json.ts';
import { noteRead } from './read-bytes.ts';
import { StallWatch } from './stall.ts';

const CHUNK_BYTES = 64 * 1024;

/** Rejects with `body-interrupted` and `client-too-slow`. */
export async function* received(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader({ mode: 'byob' });
  const watch = new StallWatch();
  try {
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const { value, done } = await watch.wait(reader.readAtLeast(chunk.length, chunk)).catch(broken);
      noteRead(stream, value?.length ?? 0);
      if (value && value.length > 0) yield value;
      if (done) return;
    }
  } finally {
    watch.end();
    // What is left of a body nobody wants can only be drained when it is not locked.
    reader.releaseLock();
  }
}
