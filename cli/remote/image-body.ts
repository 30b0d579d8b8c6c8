/** An image as the body of a request: it is sent as it lies, compressed or not. */

import { closeSync, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { endsAsDmg, TRAILER_BYTES } from '../../src/archive/decompress.ts';
import { HostError } from '../../src/errors/host-error.ts';
import { ImageFileError } from '../../src/node/files/image-file-error.ts';
import { openPieces, type Pieces } from '../../src/node/files/pieces/pieces.ts';
import { mustBeImage } from '../../src/node/input/image-kind.ts';
import { type Opened, openToRead, streamOf } from '../../src/node/input/open-to-read.ts';
import { standardInput } from '../../src/node/input/standard-input.ts';
import { counted } from '../../src/node/spool/spool-undone.ts';
import { chunksOf } from '../../src/storage/sources/chunks-of.ts';
import { Failure, reasonOf } from '../failure.ts';
import type { Sent } from './client.ts';

export interface ImageBody extends Sent {
  /** It may begin as a compressed file, and is none: a Worker has no end to tell that by before it is there. */
  readonly isDmg: boolean;
}

/** `-` is standard input. */
export async function imageBody(path: string): Promise<ImageBody> {
  if (path === '-') {
    if (process.stdin.isTTY) throw new Failure('usage', 'an image does not come from a terminal');
    return { stream: standardInput(), lengthBytes: undefined, isDmg: false };
  }
  let opened: Opened;
  try {
    opened = openToRead(path);
  } catch (cause) {
    throw cause instanceof ImageFileError
      ? cause
      : new Failure('failed', `${path} cannot be opened: ${reasonOf(cause)}`);
  }
  mustBeImage(opened, path, path);
  const { stats } = opened;
  const pieces = stats.isFile() ? await openPieces(path) : undefined;
  if (pieces) {
    closeSync(opened.fd);
    return bodyOf(pieces);
  }
  const isDmg = stats.isFile() && endsAsDmg(tailOf(opened));
  // Block devices show themselves as empty; a Worker takes a body of unknown length.
  return { stream: streamOf(opened), lengthBytes: stats.isFile() ? stats.size : undefined, isDmg };
}

async function bodyOf(pieces: Pieces): Promise<ImageBody> {
  if (pieces.cut !== undefined) throw new HostError('image-cut', pieces.cut);
  const tail = new Uint8Array(Math.min(TRAILER_BYTES, pieces.sizeBytes));
  await pieces.read(pieces.sizeBytes - tail.length, tail);
  const bytes = counted(chunksOf(pieces), (bytesRead) => {
    stream.bytesRead = bytesRead;
  });
  const stream = Object.assign(Readable.from(bytes), { bytesRead: 0 });
  stream.once('close', () => void pieces.close());
  return { stream, lengthBytes: pieces.sizeBytes, isDmg: endsAsDmg(tail) };
}

function tailOf({ fd, stats }: Opened): Uint8Array {
  const tail = new Uint8Array(Math.min(TRAILER_BYTES, stats.size));
  return tail.subarray(0, readSync(fd, tail, 0, tail.length, stats.size - tail.length));
}
