/** gzip files of blocks that tell their own length, as bgzip makes them (SAM/BAM specification, 4.1). */

import { HeaderReader } from '../archives/reader.ts';
import type { ByteSource } from '../byte-source.ts';
import { type Part, partsOf, type Run } from './pieces.ts';

const HEADER_BYTES = 18;
/** An extra field of six bytes: "BC", two bytes long, one less than the block's length. */
const FLAGS_AT = 3;
const EXTRA_AT = 12;

export async function bgzipParts(source: ByteSource): Promise<readonly Part[] | undefined> {
  const reader = new HeaderReader(source);
  const runs: Run[] = [];
  let last = 0;
  for (let at = 0; at < source.sizeBytes; ) {
    const found = reader.read(at, HEADER_BYTES);
    const header = found instanceof Promise ? await found : found;
    const packedBytes = lengthOf(header);
    if (packedBytes === undefined || at + packedBytes > source.sizeBytes) return undefined;
    const size = reader.read(at + packedBytes - 4, 4);
    const [a = 0, b = 0, c = 0, d = 0] = size instanceof Promise ? await size : size;
    const bytes = a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
    last = bytes;
    if (bytes > 0) runs.push({ at, packedBytes, bytes });
    at += packedBytes;
  }
  // The last block is empty: it marks the end. Without it the file is cut, which whoever undoes it from its beginning tells.
  if (last > 0) return undefined;
  return partsOf(source, runs).map((part) => ({ ...part, packed: () => ended(part.packed()) }));
}

/** An empty block: 28 bytes that the specification gives. */
const END = Uint8Array.of(
  ...[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
);

async function* ended(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  yield* blocks;
  yield END;
}

function lengthOf(header: Uint8Array): number | undefined {
  const isBlock =
    header.length === HEADER_BYTES &&
    header[0] === 0x1f &&
    header[1] === 0x8b &&
    header[2] === 8 &&
    header[FLAGS_AT] === 4;
  const [extraBytes, b, c, length] = [header[10], header[EXTRA_AT], header[EXTRA_AT + 1], header[EXTRA_AT + 2]];
  if (!isBlock || extraBytes !== 6 || b !== 0x42 || c !== 0x43 || length !== 2) return undefined;
  return (header[16] ?? 0) + 256 * (header[17] ?? 0) + 1;
}
