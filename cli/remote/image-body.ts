/** An image as the body of a request: it is sent as it lies, compressed or not. */

import { readSync } from 'node:fs';
import { endsAsDmg, TRAILER_BYTES } from '../../src/archive/decompress.ts';
import { ImageFileError } from '../../src/node/files/image-file-error.ts';
import { mustBeImage } from '../../src/node/input/image-kind.ts';
import { type Opened, openToRead, streamOf } from '../../src/node/input/open-to-read.ts';
import { Failure, reasonOf } from '../failure.ts';
import type { Sent } from './client.ts';

export interface ImageBody extends Sent {
  /** It may begin as a compressed file, and is none: a Worker has no end to tell that by before it is there. */
  readonly isDmg: boolean;
}

/** `-` is standard input. */
export function imageBody(path: string): ImageBody {
  if (path === '-') {
    if (process.stdin.isTTY) throw new Failure('usage', 'an image does not come from a terminal');
    return { stream: process.stdin, lengthBytes: undefined, isDmg: false };
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
  const isDmg = stats.isFile() && endsAsDmg(tailOf(opened));
  // Block devices show themselves as empty; a Worker takes a body of unknown length.
  return { stream: streamOf(opened), lengthBytes: stats.isFile() ? stats.size : undefined, isDmg };
}

function tailOf({ fd, stats }: Opened): Uint8Array {
  const tail = new Uint8Array(Math.min(TRAILER_BYTES, stats.size));
  return tail.subarray(0, readSync(fd, tail, 0, tail.length, stats.size - tail.length));
}
