/** What compressed bytes stand for, in files without names: undone whole, or part by part as they are read. */

import {
  bombInside,
  type Compression,
  type Decoders,
  DecompressError,
  decompress,
  growsAsBomb,
  mayBeginDmg,
} from '../../archive/decompress.ts';
import { HostError } from '../../errors/host-error.ts';
import type { Seekable } from '../../storage/seekable/seekable.ts';
import { asFarAsUndone, type Undone } from '../../storage/sources/as-far-as-undone.ts';
import { chunksOf } from '../../storage/sources/chunks-of.ts';
import { compressionOf } from '../../storage/sources/compression-of.ts';
import { nodeDecoders } from '../decoders.ts';
import type { FileSource } from '../files/file-source.ts';
import { readPackageFile } from '../package-files.ts';
import { type LazySpoolNeeds, lazySpool } from './lazy-spool.ts';
import { spool } from './spool.ts';

/** What is read of a file whose parts can be undone one by one is all that is undone of it. */
export async function undoneLazily(parts: Seekable, packed: LazySpoolNeeds['packed']): Promise<FileSource> {
  const decoders = await decodersOf();
  return lazySpool(parts, { packed, undo: (part) => undoneBy(decoders, parts.compression, part.packed()) });
}

interface Inner {
  readonly name: string;
  /** Of what it was undone from. */
  readonly packedBytes: number;
  /** Only what is compressed so. Default: whatever is. */
  readonly only?: (compression: Compression) => boolean;
  /** How many layers were undone by their ends. */
  readonly layers?: number;
}

/** A disk.img.xz in a .gz in a .xz: nobody wraps deeper who means well. */
const MAX_LAYERS = 3;

/** What was undone may be compressed in turn: that is undone whole, once its end is there to tell what it is. */
export async function within(undone: FileSource, { name, packedBytes, only, layers = 0 }: Inner): Promise<FileSource> {
  let inner: FileSource | undefined;
  try {
    const compression = undone.sizeBytes > 0 && layers < MAX_LAYERS ? await compressionOf(undone) : undefined;
    if (compression === undefined || only?.(compression) === false) {
      inner = undone;
      return undone;
    }
    if (growsAsBomb(undone.sizeBytes, packedBytes)) throw told(bombInside(compression));
    inner = await spoolUndone(compression, chunksOf(undone), name, { layers: layers + 1 });
    return { ...inner, ...(undone.cut !== undefined && { cut: undone.cut }) };
  } finally {
    if (inner !== undone) await undone.close();
  }
}

export interface SpoolUndoneOptions {
  /**
   * Told of what is undone, when that is 64 GiB and each time that it has doubled: a small file may stand for TiBs of zeros. Of one that
   * grows as only zeros do it is told from a GiB on.
   */
  readonly grown?: ((undoneBytes: number, packedBytes: number) => void) | undefined;
  readonly layers?: number;
}

/** What `bytes` stand for, in a file without a name. */
export async function spoolUndone(
  compression: Compression,
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  { grown, layers = 0 }: SpoolUndoneOptions = {},
): Promise<FileSource> {
  const found: Undone = {};
  let packedBytes = 0;
  const packed = counted(bytes, (read) => {
    packedBytes = read;
  });
  const unpacked = watched(
    undone(compression, packed),
    () => packedBytes,
    (undoneBytes) => grown?.(undoneBytes, packedBytes),
  );
  const source = await spool(asFarAsUndone(compression, unpacked, found), { name });
  return within({ ...source, ...found }, { name, packedBytes, only: mayBeginDmg, layers });
}

/** Undone in a few seconds. */
const FIRST_LOOK_BYTES = 2 ** 30;
const ALWAYS_TOLD_BYTES = 64 * 2 ** 30;
/** Where the page cache of a 32-bit kernel ends: of more nothing could be read. */
const MAX_UNDONE_BYTES = 16 * 2 ** 40;

/** As they are. `tell` is called at a GiB and each time that they have doubled, where that is worth a word. */
export async function* watched(
  bytes: AsyncIterable<Uint8Array>,
  packedBytes: () => number,
  tell: (undoneBytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let undoneBytes = 0;
  let next = FIRST_LOOK_BYTES;
  for await (const chunk of bytes) {
    undoneBytes += chunk.length;
    if (undoneBytes > MAX_UNDONE_BYTES)
      throw new HostError(
        'too-large',
        'it grows to more than 16 TiB when it is decompressed, and no image of more is read',
      );
    if (undoneBytes >= next) {
      if (undoneBytes >= ALWAYS_TOLD_BYTES || growsAsBomb(undoneBytes, packedBytes())) tell(undoneBytes);
      next *= 2;
    }
    yield chunk;
  }
}

/** As they are, and how many have come so far. */
export async function* counted(
  stream: AsyncIterable<Uint8Array>,
  progress: ((bytesRead: number) => void) | undefined,
): AsyncGenerator<Uint8Array, void> {
  let bytesRead = 0;
  for await (const chunk of stream) {
    bytesRead += chunk.length;
    progress?.(bytesRead);
    yield chunk;
  }
}

const decodersOf = async (): Promise<Decoders> =>
  nodeDecoders(await WebAssembly.compile(await readPackageFile('src/archive/xz-embedded.wasm')));

async function* undone(compression: Compression, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* undoneBy(await decodersOf(), compression, bytes);
}

async function* undoneBy(
  decoders: Decoders,
  compression: Compression,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* decompress(compression, bytes, decoders, { leave: mayBeginDmg });
  } catch (cause) {
    throw told(cause);
  }
}

const told = (cause: unknown): unknown =>
  cause instanceof DecompressError ? new HostError('bad-compression', cause.message, { cause }) : cause;
