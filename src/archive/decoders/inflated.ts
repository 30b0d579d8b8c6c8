/** Raw DEFLATE out of the middle of a stream: what is behind its end stays in the stream. */

import { concat } from '../../bytes/concat.ts';
import type { ByteReader } from '../byte-reader.ts';
import type { Bytes } from '../decompress.ts';

/** A duplex stream as Node has them: write on one side, iterate the other. */
export interface Inflating extends AsyncIterable<Uint8Array> {
  /** Bytes that it took: of all that were written, those up to the end of the data. */
  readonly bytesWritten: number;
  write(chunk: Uint8Array, taken: () => void): unknown;
  end(): unknown;
  destroy(cause?: Error): unknown;
  once(event: 'end' | 'close', listener: () => void): unknown;
}

/** Undoes the raw DEFLATE that a stream goes on with. */
export type InflateRaw = (input: ByteReader) => Bytes;

const CHUNK_BYTES = 256 * 1024;

export async function* inflated(input: ByteReader, inflating: Inflating): Bytes {
  let isOver = false;
  const over = new Promise<void>((resolve) => {
    const end = () => {
      isOver = true;
      resolve();
    };
    inflating.once('end', end);
    inflating.once('close', end);
  });

  /** Written, and not known to be taken; the first of them begins at `at`. */
  const written: Uint8Array[] = [];
  let at = 0;
  const feed = async (): Promise<void> => {
    try {
      while (!isOver) {
        const chunk = await input.some(CHUNK_BYTES);
        if (chunk.length === 0) return void inflating.end();
        written.push(chunk);
        // Of a chunk behind the end of the data, some versions tell that it was taken, and others do not.
        await Promise.race([new Promise<void>((taken) => inflating.write(chunk, taken)), over]);
        for (let first = written[0]; first && at + first.length <= inflating.bytesWritten; first = written[0]) {
          at += first.length;
          written.shift();
        }
      }
    } catch (cause) {
      inflating.destroy(cause instanceof Error ? cause : new Error(String(cause)));
    }
  };
  const feeding = feed();
  yield* inflating;
  await feeding;
  input.unread(concat(written).subarray(inflating.bytesWritten - at));
}
