/** Compressed streams, recognised by their first bytes and decompressed chunk by chunk. */

import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createZstdDecompress, type Decoder } from 'node:zlib';
import { unxz } from './unxz.ts';
import { zstdFrames } from './zstd-frames.ts';

export type Bytes = AsyncIterable<Uint8Array>;

/** Each with its magic number: RFC 1952 2.3.1 (and CM = 8), RFC 8878 3.1.1, xz file format 2.1.1.1. */
const magics = {
  gzip: [0x1f, 0x8b, 0x08],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
} as const;

export type Compression = keyof typeof magics;

/** Their names, as HTTP content codings have them too. */
export const compressions = Object.keys(magics) as readonly Compression[];

/** Bytes `detectCompression` wants to see. */
export const MAGIC_BYTES = 6;

/** What a stream that begins with `head` is compressed with. No file system and no partition table begins so. */
export function detectCompression(head: Uint8Array): Compression | undefined {
  return compressions.find((name) => magics[name].every((byte, at) => head[at] === byte));
}

/** The compressed stream is damaged, cut short, or uses what its decoder does not have. */
export class DecompressError extends Error {
  override readonly name = 'DecompressError';
  readonly compression: Compression;

  constructor(compression: Compression, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`not readable as ${compression}: ${why}`, { cause });
    this.compression = compression;
  }
}

/** zstd -1 … -21 stay within 64 MiB of window; more would not fit an isolate's 128 MB. */
const ZSTD_WINDOW_LOG_MAX = 26;

const CHUNK_BYTES = 256 * 1024;

/**
 * The bytes `source` stands for. Whole files only: one that ends early, or whose checksum is wrong, is a DecompressError
 * after what could be read. An error of `source` itself passes through as it is.
 */
export async function* decompress(compression: Compression, source: Bytes, xzModule: WebAssembly.Module): Bytes {
  let sourceFailure: { readonly cause: unknown } | undefined;
  async function* watched(): Bytes {
    try {
      yield* source;
    } catch (cause) {
      sourceFailure = { cause };
      throw cause;
    }
  }
  try {
    yield* decoders[compression](watched(), xzModule);
  } catch (cause) {
    throw sourceFailure ? sourceFailure.cause : new DecompressError(compression, cause);
  }
}

const decoders: Record<Compression, (source: Bytes, xzModule: WebAssembly.Module) => Bytes> = {
  /** Several members one after another are one file (RFC 1952 2.2); Node's decoder reads them so. */
  gzip: (source) => through(createGunzip({ chunkSize: CHUNK_BYTES }), source),
  /** Several frames one after another are one file (RFC 8878 3); the decoder takes one at a time. */
  async *zstd(source) {
    const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX };
    for await (const frame of zstdFrames(source)) {
      yield* through(createZstdDecompress({ chunkSize: CHUNK_BYTES, params }), frame);
    }
  },
  xz: (source, xzModule) => unxz(source, xzModule),
};

async function* through(decoder: Decoder, source: Bytes): Bytes {
  const written = pipeline(source, decoder);
  written.catch(() => {}); // the iteration below throws it too
  yield* decoder;
  await written;
}
