/** Compressed streams, recognised by their first bytes and decompressed chunk by chunk. */

import { concat } from '../bytes/concat.ts';
import { byteReader } from './byte-reader.ts';

export type Bytes = AsyncIterable<Uint8Array>;

/** Whether `head`, the first bytes of a stream, is of a form. */
type Recognised = (head: Uint8Array) => boolean;

const begins =
  (...bytes: readonly number[]): Recognised =>
  (head) =>
    bytes.every((byte, at) => head[at] === byte);

/** What follows the level in a bzip2 file: a block, or its end. */
const isBzip2: Recognised = (head) =>
  begins(0x42, 0x5a, 0x68)(head) &&
  (head[3] ?? 0) >= 0x31 &&
  (head[3] ?? 0) <= 0x39 &&
  [begins(0x31, 0x41, 0x59, 0x26), begins(0x17, 0x72, 0x45, 0x38)].some((magic) => magic(head.subarray(4)));

/**
 * A .lzma file has no magic number. What every tool writes: the properties lc=3 lp=0 pb=2, a dictionary of 2^n or 2^n + 2^(n-1)
 * bytes, a size that is unknown or below 256 GiB, and the zero that the range coder begins with.
 */
const isLzma: Recognised = (head) => {
  if (head.length < 14 || head[0] !== 0x5d || head[13] !== 0) return false;
  const view = new DataView(head.buffer, head.byteOffset);
  const dictionary = view.getUint32(1, true);
  const top = 2 ** Math.floor(Math.log2(dictionary));
  const [low, high] = [view.getUint32(5, true), view.getUint32(9, true)];
  const isSize = (low === 0xffffffff && high === 0xffffffff) || (high < 64 && low + high > 0);
  return dictionary >= 4096 && (dictionary === top || dictionary === top * 1.5) && isSize;
};

/** Before the first file of a zip that is in pieces, or was to be, stands a mark (APPNOTE.TXT 8.5.3, 8.5.4). */
export const ZIP_MARK_BYTES = 4;
const ZIP_MARKS = [begins(0x50, 0x4b, 0x07, 0x08), begins(0x50, 0x4b, 0x30, 0x30)];
const isZip: Recognised = (head) =>
  [head, ...(ZIP_MARKS.some((mark) => mark(head)) ? [head.subarray(ZIP_MARK_BYTES)] : [])].some(
    begins(0x50, 0x4b, 0x03, 0x04),
  );

/** By magic number: RFC 1952 2.3.1 (and CM = 8), RFC 8878 3.1.1, xz file format 2.1.1.1, and the documents that the decoders name. */
const forms = {
  gzip: begins(0x1f, 0x8b, 0x08),
  zstd: begins(0x28, 0xb5, 0x2f, 0xfd),
  xz: begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00),
  bzip2: isBzip2,
  lz4: (head) => begins(0x04, 0x22, 0x4d, 0x18)(head) || begins(0x02, 0x21, 0x4c, 0x18)(head),
  lzma: isLzma,
  lzop: begins(0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a),
  zip: isZip,
  '7z': begins(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c),
} as const satisfies Record<string, Recognised>;

export type Compression = keyof typeof forms;

export const compressions = Object.keys(forms) as readonly Compression[];

/** Those that HTTP has as content codings (RFC 9110 8.4.1, RFC 9659); xz is taken too. */
export const contentCodings = ['gzip', 'zstd', 'xz'] as const satisfies readonly Compression[];

/** Bytes `detectCompression` wants to see. */
export const MAGIC_BYTES = 16;

/** What a stream that begins with `head` is compressed with. No file system and no partition table begins so. */
export function detectCompression(head: Uint8Array): Compression | undefined {
  return compressions.find((name) => forms[name](head));
}

/** What an Apple disk image ends with. */
export const TRAILER_BYTES = 512;

/** What the first piece of one may be, as a file of its own. */
export const mayBeginDmg = (compression: Compression): boolean => compression === 'bzip2' || compression === 'xz';

/** `tail`: the last bytes of a file, 512 where it has so many. */
export const endsAsDmg = (tail: Uint8Array): boolean =>
  tail.length === TRAILER_BYTES && begins(0x6b, 0x6f, 0x6c, 0x79, 0, 0, 0, 4, 0, 0, 2, 0)(tail);

/** As our decoders say it, and as zlib does. */
const EARLY = /ends too early|unexpected end of file/;

/** The compressed stream is damaged, cut short, or uses what its decoder does not have. */
export class DecompressError extends Error {
  override readonly name = 'DecompressError';
  readonly compression: Compression;
  /** There is nothing wrong with it as far as it goes. */
  readonly endsEarly: boolean;

  constructor(compression: Compression, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`not readable as ${compression}: ${why}`, { cause });
    this.compression = compression;
    this.endsEarly = EARLY.test(why);
  }
}

/** How a host undoes each: whole files of any number of members or frames. They throw where the stream is damaged or ends early. */
export type Decoders = Readonly<Record<Compression, (source: Bytes) => Bytes>>;

/** A disk.img.xz in a zip in a .gz: nobody wraps deeper who means well. */
const MAX_LAYERS = 3;

/** Methods of a zip (APPNOTE.TXT 4.4.5) that remember no more than 64 KiB. */
const PLAIN_IN_ZIP = [0, 8];

/** Whether undoing it may take a window of tens of MiB, by how the stream begins. */
function hasLargeWindow(compression: Compression, head: Uint8Array): boolean {
  if (compression === 'zip') {
    const at = (head[2] === 3 ? 0 : ZIP_MARK_BYTES) + 8;
    return !PLAIN_IN_ZIP.includes((head[at] ?? 0) + 256 * (head[at + 1] ?? 0));
  }
  return ['zstd', 'xz', 'lzma', '7z'].includes(compression);
}

/**
 * The bytes `source` stands for, and what is compressed in what is compressed too: three deep, and one of them with a large
 * window, as that is what hosts have memory for. Whole files only: one that ends early, or whose checksum is wrong, is a
 * DecompressError after what could be read. An error of `source` itself passes through as it is.
 */
export async function* decompress(
  compression: Compression,
  source: Bytes,
  decoders: Decoders,
  { leave }: DecompressOptions = {},
): Bytes {
  yield* undo(source, decoders, { layers: 0, large: false, compression, leave });
}

export interface DecompressOptions {
  /** What is compressed so inside of it stays as it is: for whoever can look at the end of that first. Default: nothing. */
  readonly leave?: ((inner: Compression) => boolean) | undefined;
}

/**
 * What is compressed hardly shrinks when it is compressed again. Where it grows by more than this, past some MiB, it was made to
 * cost time: members and frames of nothing, of which a caller that bounds what comes out sees none.
 */
const MAX_GROWTH_BETWEEN = 16;
const FREE_BETWEEN_BYTES = 64 * 2 ** 20;

/** `bytes` that are compressed came out of `packedBytes`: whether they were made to cost time. */
export const growsAsBomb = (bytes: number, packedBytes: number): boolean =>
  bytes > FREE_BETWEEN_BYTES + MAX_GROWTH_BETWEEN * packedBytes;

export const bombInside = (compression: Compression): DecompressError =>
  new DecompressError(compression, 'what it is wrapped in grows as a bomb would');

interface Above {
  /** Bytes that the layer above has taken. */
  readonly taken?: () => number;
  readonly layers: number;
  /** One of those has a large window. */
  readonly large: boolean;
  /** What it is known to be; undefined: by its first bytes. */
  readonly compression?: Compression;
  readonly leave: DecompressOptions['leave'];
}

async function* undo(source: Bytes, decoders: Decoders, above: Above): Bytes {
  const reader = byteReader(source);
  try {
    const head = await reader.take(MAGIC_BYTES);
    reader.unread(head);
    const compression = above.compression ?? detectCompression(head);
    const large = compression !== undefined && hasLargeWindow(compression, head);
    const { leave, layers } = above;
    if (
      compression === undefined ||
      layers === MAX_LAYERS ||
      (large && above.large) ||
      (layers > 0 && leave?.(compression))
    ) {
      yield* reader.pass(Number.POSITIVE_INFINITY);
    } else {
      const { taken: outer } = above;
      let taken = 0;
      const pieces = async function* (): Bytes {
        for await (const piece of reader.pass(Number.POSITIVE_INFINITY)) {
          taken += piece.length;
          if (outer && growsAsBomb(taken, outer())) throw bombInside(compression);
          yield piece;
        }
      };
      const inner = undoOne(compression, pieces(), decoders);
      yield* undo(inner, decoders, { layers: layers + 1, large: large || above.large, taken: () => taken, leave });
    }
  } finally {
    await reader.close();
  }
}

/** Of what comes as a stream the end is not known before. */
const PIECES_OF_DMG =
  'it is an Apple disk image (DMG), of which the first piece looks like that; as it is, not undone (decompress=none), it is read';

async function* undoOne(compression: Compression, source: Bytes, decoders: Decoders): Bytes {
  let sourceFailure: { readonly cause: unknown } | undefined;
  let tail = new Uint8Array(0);
  async function* watched(): Bytes {
    try {
      for await (const chunk of source) {
        if (mayBeginDmg(compression)) tail = concat([tail, chunk.subarray(-TRAILER_BYTES)]).slice(-TRAILER_BYTES);
        yield chunk;
      }
      if (endsAsDmg(tail)) throw new DecompressError(compression, new Error(PIECES_OF_DMG));
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
