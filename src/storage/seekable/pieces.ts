/** What the readers of seekable compressions share. */

import type { ByteSource } from '../byte-source.ts';

/** A run of the undone bytes, and what it is undone from. */
export interface Part {
  readonly start: number;
  readonly bytes: number;
  /** As a file of the same compression by itself. */
  packed(): AsyncIterable<Uint8Array>;
}

const CHUNK_BYTES = 256 * 1024;

/** Small parts are undone together: each costs a decoder. */
const WANTED_BYTES = 2 ** 20;

/** Undefined where they are not all there. */
export async function bytesAt(source: ByteSource, at: number, length: number): Promise<Uint8Array | undefined> {
  if (!(Number.isSafeInteger(at) && at >= 0 && length >= 0 && at + length <= source.sizeBytes)) return undefined;
  const bytes = new Uint8Array(length);
  await source.read(at, bytes);
  return bytes;
}

export async function* range(source: ByteSource, at: number, length: number): AsyncGenerator<Uint8Array, void> {
  for (let done = 0; done < length; done += CHUNK_BYTES) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, length - done));
    await source.read(at + done, chunk);
    yield chunk;
  }
}

/** Something that can be undone by itself: where it lies, and how many bytes it is undone. */
export interface Run {
  readonly at: number;
  readonly packedBytes: number;
  readonly bytes: number;
}

/** Runs that lie one behind another, joined up to WANTED_BYTES. */
export function joined(runs: Iterable<Run>): Run[] {
  const together: Run[] = [];
  for (const run of runs) {
    const last = together.at(-1);
    if (last && last.at + last.packedBytes === run.at && last.bytes + run.bytes <= WANTED_BYTES) {
      together[together.length - 1] = {
        at: last.at,
        packedBytes: last.packedBytes + run.packedBytes,
        bytes: last.bytes + run.bytes,
      };
    } else together.push(run);
  }
  return together;
}

/** Each run is a file of its own as it lies. */
export function partsOf(source: ByteSource, runs: Iterable<Run>) {
  let start = 0;
  return joined(runs).map(({ at, packedBytes, bytes }) => {
    const part = { start, bytes, packed: () => range(source, at, packedBytes) };
    start += bytes;
    return part;
  });
}
