/** Takes counted pieces off a stream of chunks. */

import { concat } from '../bytes/concat.ts';

export interface ByteReader {
  /** Exactly `bytes` of them, or fewer when the stream ends first. Copies: for headers. */
  take(bytes: number): Promise<Uint8Array>;
  /** Exactly `bytes`, as views of the chunks they came in; fewer when the stream ends first. */
  pass(bytes: number): AsyncIterable<Uint8Array>;
  /** As many as are there, at most `bytes`; none when the stream has ended. */
  some(bytes: number): Promise<Uint8Array>;
  /** Back into the stream, before what would come next. */
  unread(bytes: Uint8Array): void;
  /** No more is wanted: the source lets go of what it has. */
  close(): Promise<void>;
}

export function byteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);

  async function some(bytes: number): Promise<Uint8Array> {
    while (rest.length === 0) {
      const next = await chunks.next();
      if (next.done) return rest;
      rest = next.value;
    }
    const piece = rest.subarray(0, bytes);
    rest = rest.subarray(bytes);
    return piece;
  }

  return {
    some,
    unread(bytes) {
      if (bytes.length === 0) return;
      const end = bytes.byteOffset + bytes.length;
      // What was taken by `some` and comes back is in front of the rest as it was: a file of many small members copies none of it.
      if (rest.length > 0 && bytes.buffer === rest.buffer && end === rest.byteOffset) {
        rest = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length + rest.length);
      } else rest = rest.length === 0 ? bytes : concat([bytes, rest]);
    },
    async take(bytes) {
      const taken = new Uint8Array(bytes);
      for (let filled = 0; filled < bytes; ) {
        const piece = await some(bytes - filled);
        if (piece.length === 0) return taken.subarray(0, filled);
        taken.set(piece, filled);
        filled += piece.length;
      }
      return taken;
    },
    async *pass(bytes) {
      for (let left = bytes; left > 0; ) {
        const piece = await some(left);
        if (piece.length === 0) return;
        yield piece;
        left -= piece.length;
      }
    },
    async close() {
      await chunks.return?.();
    },
  };
}
