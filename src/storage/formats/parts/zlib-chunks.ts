/** Chunks undone by Node's zlib, which Node has itself and workerd under nodejs_compat. */

import { hasCode } from '../../../errors/has-code.ts';
import { type ChunkDecoder, type HostChunks, tooMuch } from './block-decoders.ts';

interface Limits {
  readonly chunkSize: number;
  readonly maxOutputLength: number;
}

/** The part of node:zlib that is used. */
export interface ZlibSync {
  inflateRawSync(packed: Uint8Array, limits: Limits): Uint8Array;
  zstdDecompressSync(packed: Uint8Array, limits: Limits): Uint8Array;
}

/** It makes its results in pieces of one of these sizes: of the size that is expected it is one piece, and no copy. */
const LEAST_PIECE = 64;
const MOST_PIECE = 2 ** 20;

export function zlibChunks({ inflateRawSync, zstdDecompressSync }: ZlibSync): HostChunks {
  const bounded =
    (undo: ZlibSync['inflateRawSync']): ChunkDecoder =>
    (packed, maxBytes) => {
      const chunkSize = Math.min(Math.max(maxBytes, LEAST_PIECE), MOST_PIECE);
      try {
        return undo(packed, { chunkSize, maxOutputLength: Math.max(1, maxBytes) });
      } catch (cause) {
        throw hasCode(cause, 'ERR_BUFFER_TOO_LARGE') ? new Error(tooMuch(maxBytes), { cause }) : cause;
      }
    };
  return { inflateRaw: bounded(inflateRawSync), unzstd: bounded(zstdDecompressSync) };
}
