/**
 * zstd files of several frames, as the seekable format, split and joined files have them (RFC 8878, 3.1; zstd_seekable_compression_format.md
 * of its contrib folder). Each frame must tell its own size, which those of pzstd do not: else only a decoder knows it.
 */

import { HeaderReader } from '../archives/reader.ts';
import type { ByteSource } from '../byte-source.ts';
import { type Part, partsOf, type Run } from './pieces.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const LONGEST_HEADER = 18;
/** Of a file with more blocks, looking at each would take longer than undoing some. */
const MAX_BLOCKS = 1_000_000;

export async function zstdParts(source: ByteSource): Promise<readonly Part[] | undefined> {
  const reader = new HeaderReader(source);
  const runs: Run[] = [];
  let blocks = 0;
  for (let at = 0; at < source.sizeBytes; ) {
    const header = await reader.read(at, LONGEST_HEADER);
    if (header.length < 8) return undefined;
    const magic = little(header, 0, 4);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + little(header, 4, 4);
      continue;
    }
    const frame = magic === MAGIC ? frameOf(header) : undefined;
    if (frame === undefined) return undefined;
    let next = at + frame.headerBytes;
    for (;;) {
      const found = reader.read(next, 3);
      const block = found instanceof Promise ? await found : found;
      blocks += 1;
      if (block.length < 3 || blocks > MAX_BLOCKS) return undefined;
      const word = little(block, 0, 3);
      next += 3 + (((word >> 1) & 3) === 1 ? 1 : word >> 3);
      if ((word & 1) === 1) break;
    }
    next += frame.checksumBytes;
    if (next > source.sizeBytes) return undefined;
    if (frame.bytes > 0) runs.push({ at, packedBytes: next - at, bytes: frame.bytes });
    at = next;
  }
  return partsOf(source, runs);
}

/** Of a frame that tells its size. */
function frameOf(header: Uint8Array) {
  const flags = header[4] ?? 0;
  const single = (flags >> 5) & 1;
  const contentAt = 5 + (1 - single) + ([0, 1, 2, 4][flags & 3] ?? 0);
  const contentBytes = [single, 2, 4, 8][flags >> 6] ?? 0;
  const bytes = little(header, contentAt, contentBytes) + (contentBytes === 2 ? 256 : 0);
  if (contentBytes === 0 || !Number.isSafeInteger(bytes)) return undefined;
  return { bytes, headerBytes: contentAt + contentBytes, checksumBytes: flags & 4 };
}

const little = (bytes: Uint8Array, at: number, count: number): number =>
  bytes.subarray(at, at + count).reduceRight((value, byte) => value * 256 + byte, 0);
