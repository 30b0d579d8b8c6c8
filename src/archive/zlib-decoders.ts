/** The decoders of a host that has Node's zlib: Node itself, and workerd under nodejs_compat. */

import { gunzip } from './decoders/gzip.ts';
import { type Inflating, inflated } from './decoders/inflated.ts';
import { portableDecoders } from './decoders/portable.ts';
import type { Bytes, Decoders } from './decompress.ts';
import { inflateSmallFirst, zstdSmallFirst } from './small-first.ts';
import { unxz } from './unxz.ts';
import { zstdFrames } from './zstd-frames.ts';

/** A duplex stream: write on one side, iterate the other. */
export interface Decoder extends AsyncIterable<Uint8Array> {}

interface ZstdOptions {
  readonly chunkSize?: number;
  readonly params?: Record<number, number>;
}

/** The part of node:zlib that is used. */
export interface Zlib {
  createInflateRaw(options?: { chunkSize?: number }): Inflating;
  crc32(bytes: Uint8Array, value?: number): number;
  createZstdDecompress(options?: ZstdOptions): Decoder;
  zstdDecompressSync(bytes: Uint8Array, options: ZstdOptions & { maxOutputLength: number }): Uint8Array;
  readonly constants: { readonly ZSTD_d_windowLogMax: number };
}

/** Of node:stream/promises. */
export type Pipeline = (source: Bytes, decoder: Decoder) => Promise<void>;

export interface ZlibNeeds {
  readonly zlib: Zlib;
  readonly pipeline: Pipeline;
  /** xz-embedded.wasm. */
  readonly xzModule: WebAssembly.Module;
  /** The largest window of zstd, as a power of two, that the host has memory for. */
  readonly zstdWindowLogMax: number;
  /** The largest archive that the host has memory for, of those that must be held to be read. */
  readonly maxHeldBytes: number;
  /** What it has for the dictionary of an LZMA stream, and what is held beside it. Default: 128 MiB, and what is held. */
  readonly windowBytes?: number;
}

const CHUNK_BYTES = 256 * 1024;
const SMALL_CHUNK_BYTES = 4096;

export function zlibDecoders(needs: ZlibNeeds): Decoders {
  const { zlib, pipeline, xzModule, zstdWindowLogMax, maxHeldBytes, windowBytes } = needs;
  const inflateRaw = inflateSmallFirst((input) => inflated(input, zlib.createInflateRaw({ chunkSize: CHUNK_BYTES })));
  async function* through(decoder: Decoder, source: Bytes): Bytes {
    const written = pipeline(source, decoder);
    written.catch(() => {}); // the iteration below throws it too
    yield* decoder;
    await written;
  }
  /** Several frames one after another are one file (RFC 8878 3); the decoder takes one at a time. */
  async function* zstd(source: Bytes): Bytes {
    const params = { [zlib.constants.ZSTD_d_windowLogMax]: zstdWindowLogMax };
    const whole = (frame: Uint8Array, maxOutputLength: number) =>
      zlib.zstdDecompressSync(frame, { chunkSize: SMALL_CHUNK_BYTES, params, maxOutputLength });
    const stream = (frame: Bytes) => through(zlib.createZstdDecompress({ chunkSize: CHUNK_BYTES, params }), frame);
    for await (const frame of zstdFrames(source, 2 ** zstdWindowLogMax)) yield* zstdSmallFirst(frame, whole, stream);
  }
  const xz = (source: Bytes) => unxz(source, xzModule);
  return {
    ...portableDecoders({ inflateRaw, xz, zstd, maxHeldBytes, windowBytes }),
    /** Node's own decoder of whole files takes what is behind the last member for a damaged one. */
    gzip: (source) => gunzip(source, { inflateRaw, crc32: (bytes, value) => zlib.crc32(bytes, value) }),
    zstd,
    xz,
  };
}
