/** Standard input as a stream, for the first who reads it: what is left for a second one is nothing, which would be taken for an empty file. */

import type { Readable } from 'node:stream';
import { ImageFileError } from '../files/image-file-error.ts';

const taken = new WeakSet<Readable>();

export function standardInput(): typeof process.stdin {
  const { stdin } = process;
  if (taken.has(stdin)) throw new ImageFileError('EBUSY', 'standard input can be read for one thing alone, and was');
  taken.add(stdin);
  return stdin;
}
