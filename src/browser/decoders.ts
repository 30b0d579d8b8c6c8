/** Decompression as a browser has it: zstd by the package fzstd, xz by XZ Embedded, the rest by our own. */

import { Decompress } from 'fzstd';
import { gunzip } from '../archive/decoders/gzip.ts';
import { inflateRaw } from '../archive/decoders/inflate.ts';
import { portableDecoders } from '../archive/decoders/portable.ts';
import type { Bytes, Decoders } from '../archive/decompress.ts';
import { gathered } from '../archive/small-first.ts';
import { unxz } from '../archive/unxz.ts';
import { zstdFrames } from '../archive/zstd-frames.ts';
import { crc32 } from '../bytes/crc32.ts';

/** `xzModule` is xz-embedded.wasm, compiled. */
export function browserDecoders(xzModule: WebAssembly.Module): Decoders {
  const xz = (source: Bytes) => unxz(source, xzModule);
  return { ...portableDecoders({ inflateRaw, xz, zstd, maxHeldBytes: MAX_HELD_BYTES }), gzip, zstd, xz };
}

/** A 7z archive is held whole. */
const MAX_HELD_BYTES = 256 * 2 ** 20;

/** The platform's own decoder takes what stands behind the last member for a damaged one, and does not tell where it begins. */
const gzip = (source: Bytes): Bytes => gunzip(source, { inflateRaw, crc32 });

/** What a frame may have to be remembered of: as much as in Node. */
const MAX_WINDOW_BYTES = 128 * 2 ** 20;

/** Frame by frame: fzstd calls itself for each one that follows in a piece, and some thousands of nothing overflow its stack. */
async function* zstd(source: Bytes): Bytes {
  for await (const frame of zstdFrames(source, MAX_WINDOW_BYTES)) yield* zstdFrame(gathered(frame));
}

async function* zstdFrame(pieces: Bytes): Bytes {
  const ready: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => {
    // It goes on writing into its buffer.
    if (chunk.length > 0) ready.push(chunk.slice());
  });
  for await (const piece of pieces) {
    decoder.push(piece);
    yield* ready.splice(0);
  }
  decoder.push(new Uint8Array(0), true);
  yield* ready.splice(0);
}
