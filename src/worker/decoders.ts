/** Decompression as a Worker has it. */

import { pipeline } from 'node:stream/promises';
import {
  constants,
  crc32,
  createInflateRaw,
  createZstdDecompress,
  inflateRawSync,
  zstdDecompressSync,
} from 'node:zlib';
import xzModule from '../archive/xz-embedded.wasm';
import { zlibDecoders } from '../archive/zlib-decoders.ts';
import { zlibChunks } from '../storage/formats/parts/zlib-chunks.ts';

/** zstd -1 … -21 stay within 64 MiB of window; more would not fit an isolate's 128 MB. */
const ZSTD_WINDOW_LOG_MAX = 26;

/** A 7z archive is held whole. */
const MAX_HELD_BYTES = 32 * 2 ** 20;

/** As for zstd. */
const WINDOW_BYTES = 2 ** ZSTD_WINDOW_LOG_MAX;

export const workerDecoders = zlibDecoders({
  zlib: { createInflateRaw, createZstdDecompress, crc32, constants, zstdDecompressSync },
  pipeline,
  xzModule,
  zstdWindowLogMax: ZSTD_WINDOW_LOG_MAX,
  maxHeldBytes: MAX_HELD_BYTES,
  windowBytes: WINDOW_BYTES,
});

/** Of formats: chunks that are undone in one piece. */
export const workerChunks = zlibChunks({ inflateRawSync, zstdDecompressSync });
