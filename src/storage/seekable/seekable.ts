/** Compressed files whose parts can be undone one by one, so that what is read of them is all that is undone. */

import type { Compression } from '../../archive/decompress.ts';
import type { ByteSource } from '../byte-source.ts';
import { bgzipParts } from './bgzip.ts';
import type { Part } from './pieces.ts';
import { xzParts } from './xz.ts';
import { zstdParts } from './zstd.ts';

export interface Seekable {
  readonly compression: Compression;
  readonly sizeBytes: number;
  /** Ascending, without gaps: at least two. */
  readonly parts: readonly Part[];
}

/** No disk is longer: what says so is damaged. */
const MAX_BYTES = 2 ** 44;

const readers: Partial<Record<Compression, (source: ByteSource) => Promise<readonly Part[] | undefined>>> = {
  xz: xzParts,
  zstd: zstdParts,
  gzip: bgzipParts,
};

/**
 * By the indexes that xz and the seekable form of zstd have, and by the headers that frames and bgzip's blocks have. Undefined:
 * it has one part alone, or does not tell where they are; then it is undone from its beginning. It never rejects for what is
 * damaged: whoever undoes it will say.
 */
export async function seekable(source: ByteSource, compression: Compression): Promise<Seekable | undefined> {
  const parts = await readers[compression]?.(source);
  const last = parts?.at(-1);
  if (parts === undefined || last === undefined || parts.length < 2) return undefined;
  if (last.start + last.bytes > MAX_BYTES) return undefined;
  return { compression, sizeBytes: last.start + last.bytes, parts };
}
