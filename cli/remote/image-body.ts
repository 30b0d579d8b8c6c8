/** An image as the body of a request: it is sent as it lies, compressed or not. */

import { ImageFileError } from '../../src/node/files/image-file-error.ts';
import { mustBeImage } from '../../src/node/input/image-kind.ts';
import { type Opened, openToRead, streamOf } from '../../src/node/input/open-to-read.ts';
import { Failure, reasonOf } from '../failure.ts';
import type { Sent } from './client.ts';

/** `-` is standard input. */
export function imageBody(path: string): Sent {
  if (path === '-') {
    if (process.stdin.isTTY) throw new Failure('usage', 'an image does not come from a terminal');
    return { stream: process.stdin, lengthBytes: undefined };
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
  // Block devices show themselves as empty; a Worker takes a body of unknown length.
  return { stream: streamOf(opened), lengthBytes: stats.isFile() ? stats.size : undefined };
}
