/** An image as the body of a request: it is sent as it lies, compressed or not. */

import { createReadStream, fstatSync, openSync } from 'node:fs';
import { Failure, reasonOf } from '../failure.ts';
import type { Sent } from './client.ts';

/** `-` is standard input. */
export function imageBody(path: string): Sent {
  if (path === '-') {
    if (process.stdin.isTTY) throw new Failure('usage', 'an image does not come from a terminal');
    return { stream: process.stdin, lengthBytes: undefined };
  }
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new Failure('failed', `${path} cannot be opened: ${reasonOf(cause)}`);
  }
  const stats = fstatSync(fd);
  if (stats.isDirectory()) throw new Failure('usage', `${path} is a directory`);
  // Block devices show themselves as empty; a Worker takes a body of unknown length.
  return { stream: createReadStream(path, { fd }), lengthBytes: stats.isFile() ? stats.size : undefined };
}
