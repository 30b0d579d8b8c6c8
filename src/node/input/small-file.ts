/** A file that is read whole, up to a bound: whatever a person names, /dev/zero and a pipe that never ends, too. */

import { closeSync, readSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { hasCode } from '../../errors/has-code.ts';
import { ImageFileError } from '../files/image-file-error.ts';
import { type Opened, openToRead, streamOf } from './open-to-read.ts';
import { standardInput } from './standard-input.ts';

const CHUNK_BYTES = 1024 * 1024;
/** A terminal has nothing yet. */
const WAIT_MS = 20;

/**
 * `-` is standard input. Rejects with the error of the system as Node gives it, and with an ImageFileError for a directory, a socket and
 * more than `mostBytes`.
 */
export async function readSmallFile(path: string, mostBytes: number): Promise<Buffer<ArrayBuffer>> {
  const name = path === '-' ? 'standard input' : path;
  if (path === '-') return gathered(standardInput(), name, mostBytes);
  const opened = openToRead(path);
  const { fd, stats } = opened;
  if (stats.isFIFO() || stats.isSocket()) return gathered(streamOf(opened), name, mostBytes);
  try {
    if (stats.isDirectory()) throw new ImageFileError('EISDIR', `${name} is a directory`);
    if (stats.size > mostBytes) throw tooLarge(name, mostBytes);
    return await gathered(chunksOf(opened), name, mostBytes);
  } finally {
    closeSync(fd);
  }
}

async function gathered(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  mostBytes: number,
): Promise<Buffer<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > mostBytes) throw tooLarge(name, mostBytes);
    pieces.push(chunk);
  }
  return Buffer.concat(pieces);
}

/** Of files and devices. Between two of them there is a turn of the event loop. */
async function* chunksOf({ fd }: Opened): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let length: number;
    try {
      length = readSync(fd, chunk, 0, CHUNK_BYTES, null);
    } catch (cause) {
      if (!hasCode(cause, 'EAGAIN')) throw cause;
      await pause(WAIT_MS);
      continue;
    }
    if (length === 0) return;
    yield chunk.subarray(0, length);
    await pause(0);
  }
}

const tooLarge = (name: string, mostBytes: number): ImageFileError =>
  new ImageFileError('EFBIG', `${name} is too large: ${mostBytes.toLocaleString('en')} bytes are the most here`);
