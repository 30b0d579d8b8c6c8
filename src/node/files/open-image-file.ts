/** Opens what a person names as an image: a file or a block device where it lies, a pipe or something compressed by way of a spool. */

import { closeSync, createReadStream, fstatSync } from 'node:fs';
import { Readable } from 'node:stream';
import { type Compression, detectCompression, MAGIC_BYTES, mayBeginDmg } from '../../archive/decompress.ts';
import { HostError } from '../../errors/host-error.ts';
import { window } from '../../storage/byte-source.ts';
import { seekable } from '../../storage/seekable/seekable.ts';
import { chunksOf } from '../../storage/sources/chunks-of.ts';
import { compressionOf } from '../../storage/sources/compression-of.ts';
import { mustBeImage } from '../input/image-kind.ts';
import { openToRead, streamOf } from '../input/open-to-read.ts';
import { standardInput } from '../input/standard-input.ts';
import { spool } from '../spool/spool.ts';
import { counted, type SpoolUndoneOptions, spoolUndone, undoneLazily, within } from '../spool/spool-undone.ts';
import { type FileSource, fileSource } from './file-source.ts';
import { ImageFileError } from './image-file-error.ts';
import { openPieces, type Pieces, pieceBehind } from './pieces/pieces.ts';
import { withRedo } from './redo-file.ts';

const STDIN = 0;

export interface OpenImageFileOptions {
  /** Told of bytes taken off a stream, or off a compressed file, while it is spooled. */
  readonly progress?: (bytesRead: number) => void;
  readonly grown?: SpoolUndoneOptions['grown'];
}

export interface ImageFile extends FileSource {
  /** What it was compressed with, and no longer is. */
  readonly compression: Compression | undefined;
  /** The files that it was split into, where it is not one. */
  readonly pieces?: readonly string[];
  /** It lies in a file of ours: neither its size on disk nor its times are those of what was named. */
  readonly spooled: boolean;
}

/**
 * `-` is standard input. Rejects with the error of open(2) as Node gives it, an ImageFileError (a directory, nothing in it, a device
 * that is no disk, no room to spool) or a HostError `bad-compression`, where nothing of it can be undone: what is cut short or damaged
 * further on says so as `cut`. Close what is answered.
 */
export async function openImageFile(path: string, options: OpenImageFileOptions = {}): Promise<ImageFile> {
  const isStdin = path === '-';
  const name = isStdin ? 'standard input' : path;
  const opened = isStdin ? { fd: STDIN, stats: fstatSync(STDIN) } : openToRead(path);
  const { fd, stats } = opened;
  try {
    mustBeImage(opened, name, isStdin ? undefined : path);
  } catch (cause) {
    if (!isStdin) closeSync(fd);
    throw cause;
  }
  if (!stats.isFile() && !stats.isBlockDevice())
    return spooledImage(isStdin ? standardInput() : streamOf(opened), name, options);
  const pieces = isStdin || !stats.isFile() ? undefined : await openPieces(path);
  if (pieces) {
    closeSync(fd);
    return openedPieces(pieces, options);
  }
  const file = fileSource(name, { fd });
  const packed = () => createReadStream(name, { fd, start: 0, highWaterMark: CHUNK_BYTES });
  if (isStdin) return undoneImage(file, packed, options);
  return saying(await pieceBehind(path), undoneImage(withRedo(path, file), packed, options));
}

/** `packed`: all of it as a stream, which closes it. */
async function undoneImage(
  source: FileSource,
  packed: () => Readable,
  options: OpenImageFileOptions,
): Promise<ImageFile> {
  const { path: name } = source;
  try {
    if (source.sizeBytes === 0) throw nothingIn(name);
    const compression = await compressionOf(source);
    if (compression === undefined) return { ...source, compression, spooled: false };
    const parts = await seekable(source, compression);
    if (parts) {
      const undone = await undoneLazily(parts, source);
      return { ...(await within(undone, { name, packedBytes: source.sizeBytes })), compression, spooled: true };
    }
  } catch (cause) {
    await source.close();
    throw cause;
  }
  return spooledImage(packed(), name, { ...options, isWholeCompressed: true });
}

/** Of what is compressed nothing can be undone behind the first piece that is missing. */
async function openedPieces(pieces: Pieces, options: OpenImageFileOptions): Promise<ImageFile> {
  const isPacked = (await compressionOf(pieces)) !== undefined;
  const source = isPacked ? { ...pieces, ...window(pieces, 0, pieces.unbrokenBytes) } : pieces;
  async function* packed() {
    try {
      yield* chunksOf(source);
    } finally {
      await source.close();
    }
  }
  const image = await saying(
    pieces.cut,
    undoneImage(source, () => Readable.from(packed()), options),
  );
  return { ...(pieces.cut !== undefined && { cut: pieces.cut }), ...image, pieces: pieces.paths };
}

/** What ends too early says why. */
async function saying(words: string | undefined, opening: Promise<ImageFile>): Promise<ImageFile> {
  if (words === undefined) return opening;
  try {
    const image = await opening;
    return image.cut === undefined || image.cut === words ? image : { ...image, cut: `${image.cut}; ${words}` };
  } catch (cause) {
    if (!(cause instanceof HostError && cause.kind === 'bad-compression')) throw cause;
    throw new HostError('bad-compression', `${cause.message}; ${words}`, { cause });
  }
}

const CHUNK_BYTES = 1024 * 1024;

const nothingIn = (name: string): ImageFileError => new ImageFileError('ENODATA', `${name} is empty`);

export interface SpooledImageOptions extends OpenImageFileOptions {
  /** Whoever has seen its end knows that all of it is what it begins as. */
  readonly isWholeCompressed?: boolean;
}

/** An image that comes as a stream, compressed or not. */
export async function spooledImage(
  stream: Readable,
  name: string,
  { progress, grown, isWholeCompressed = false }: SpooledImageOptions = {},
): Promise<ImageFile> {
  try {
    const { head, rest } = await headOf(counted(stream, progress)[Symbol.asyncIterator]());
    if (head.length === 0) throw nothingIn(name);
    const compression = detectCompression(head);
    if (compression && !isWholeCompressed && mayBeginDmg(compression)) return await byItsEnd(rest, name, grown);
    const source = compression ? await spoolUndone(compression, rest, name, { grown }) : await spool(rest, { name });
    if (source.sizeBytes > 0) return { ...source, compression, spooled: true };
    await source.close();
    throw nothingIn(name);
  } finally {
    stream.destroy();
  }
}

/** What begins as a compressed file may be a disk image of such pieces, which its end tells: it is undone once all of it is here. */
async function byItsEnd(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  grown: OpenImageFileOptions['grown'],
): Promise<ImageFile> {
  const whole = await spool(bytes, { name });
  let compression: Compression | undefined;
  try {
    compression = await compressionOf(whole);
    const options = { isWholeCompressed: true, ...(grown && { grown }) };
    if (compression) return await spooledImage(Readable.from(chunksOf(whole)), name, options);
    return { ...whole, compression, spooled: true };
  } finally {
    if (compression) await whole.close();
  }
}

/** The first bytes of a stream, which may come one by one, and all of it. */
async function headOf(bytes: AsyncIterator<Uint8Array, void>) {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < MAGIC_BYTES) {
    const { value } = await bytes.next();
    if (value === undefined) break;
    chunks.push(value);
    length += value.length;
  }
  async function* rest(): AsyncGenerator<Uint8Array, void> {
    yield* chunks;
    yield* { [Symbol.asyncIterator]: () => bytes };
  }
  return { head: Buffer.concat(chunks).subarray(0, MAGIC_BYTES), rest: rest() };
}
