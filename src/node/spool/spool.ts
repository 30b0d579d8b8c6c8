/** Keeps a stream of bytes in a file without a name, so that it can be read at any place: for pipes and compressed images. */

import { randomUUID } from 'node:crypto';
import { closeSync, ftruncate as ftruncateFd, openSync, write as writeFd } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type FileSource, fileSource } from '../files/file-source.ts';
import { ImageFileError } from '../files/image-file-error.ts';
import { unlinked } from './unlinked.ts';

const writeLater = promisify(writeFd);
const truncateLater = promisify(ftruncateFd);

export interface SpoolOptions {
  /** What the bytes are of, for people. */
  readonly name: string;
  /** Default: that of the system, which TMPDIR names. */
  readonly folder?: string;
}

/** Zeros of this length become holes, so that a sparse image takes no more room than it needs. */
const HOLE_BYTES = 64 * 1024;
const zeros = new Uint8Array(HOLE_BYTES);

/**
 * All of `bytes`, then a source of them. Whatever ends the process, the file goes with it (on Windows: with `close`).
 * Rejects with an ImageFileError when the folder does not take them, and with what `bytes` throws.
 */
export async function spool(
  bytes: AsyncIterable<Uint8Array>,
  { name, folder = tmpdir() }: SpoolOptions,
): Promise<FileSource> {
  const path = join(folder, `lkl-${randomUUID()}`);
  const refused = (cause: unknown) =>
    new ImageFileError('ESPOOL', `${name} has to be kept in a file while it is read: ${reasonOf(cause, folder)}`, {
      cause,
    });
  let fd: number;
  try {
    fd = openSync(path, 'wx+', 0o600);
  } catch (cause) {
    throw refused(cause);
  }
  const isGone = unlinked(path);
  let source: FileSource | undefined;
  try {
    let at = 0;
    for await (const chunk of bytes) {
      await writeChunk(fd, chunk, at).catch((cause) => {
        throw refused(cause);
      });
      at += chunk.length;
    }
    await truncateLater(fd, at).catch((cause) => {
      throw refused(cause);
    });
    source = fileSource(name, { fd });
  } finally {
    if (source === undefined) {
      closeSync(fd);
      if (!isGone) unlinked(path);
    }
  }
  if (isGone) return source;
  const { close } = source;
  return { ...source, close: () => close().then(() => void unlinked(path)) };
}

async function writeChunk(fd: number, chunk: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const piece = chunk.subarray(at, at + HOLE_BYTES);
    if (Buffer.compare(piece, zeros.subarray(0, piece.length)) !== 0) await writeWhole(fd, piece, position + at);
    at += piece.length;
  }
}

async function writeWhole(fd: number, piece: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    done += (await writeLater(fd, piece, done, piece.length - done, position + done)).bytesWritten;
  }
}

/** Of the folder: the file's own name says nothing to anybody. */
function reasonOf(cause: unknown, folder: string): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const where = `the temporary folder ${folder}`;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `${where} does not exist (TMPDIR names it)`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `${where} cannot be written to (TMPDIR names another)`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `${where} is full (TMPDIR names another)`;
    default:
      return `${where}: ${cause instanceof Error ? cause.message : cause}`;
  }
}
