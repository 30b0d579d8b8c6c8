/** Compressed streams, recognised by their first bytes and decompressed chunk by chunk. */

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

/** How a host undoes each: whole files of any number of members or frames. They throw where the stream is damaged or ends early. */
export type Decoders = Readonly<Record<Compression, (source: Bytes) => Bytes>>;

/**
 * The bytes `source` stands for. Whole files only: one that ends early, or whose checksum is wrong, is a DecompressError
 * after what could be read. An error of `source` itself passes through as it is.
 */
export async function* decompress(compression: Compression, source: Bytes, decoders: Decoders): Bytes {
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
    yield* decoders[compression](watched());
  } catch (cause) {
    throw sourceFailure ? sourceFailure.cause : new DecompressError(compression, cause);
  }
}
