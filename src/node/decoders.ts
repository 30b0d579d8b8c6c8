/** Decompression as Node has it. */

import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { type Pipeline, zlibDecoders } from '../archive/zlib-decoders.ts';

/** zstd --ultra -22 --long=27 has a window of 128 MiB. */
const ZSTD_WINDOW_LOG_MAX = 27;

/** A 7z archive is held whole. */
const MAX_HELD_BYTES = 2 ** 30;

export interface NodeDecoderLimits {
  readonly zstdWindowLogMax?: number;
  readonly windowBytes?: number;
}

/** `xzModule` is xz-embedded.wasm, compiled. */
export const nodeDecoders = (
  xzModule: WebAssembly.Module,
  { zstdWindowLogMax = ZSTD_WINDOW_LOG_MAX, ...window }: NodeDecoderLimits = {},
) =>
  zlibDecoders({
    zlib,
    pipeline: pipeline as Pipeline,
    xzModule,
    zstdWindowLogMax,
    maxHeldBytes: MAX_HELD_BYTES,
    ...window,
  });
