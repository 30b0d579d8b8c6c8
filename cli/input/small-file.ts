/** Small files that a command line names: read whole, with the words of the command for what is wrong. */

import { ImageFileError } from '../../src/node/files/image-file-error.ts';
import { readSmallFile } from '../../src/node/input/small-file.ts';
import { Failure, reasonOf } from '../failure.ts';

const MIB = 2 ** 20;

/** How large each may be. What is larger was not meant, or never ends. */
export const mostBytes = {
  /** As cryptsetup has it. */
  key: 8 * MIB,
  /** JSON, with what it carries in base64: what V8 makes a text of. */
  json: 256 * MIB,
  graph: 64 * MIB,
  capture: 256 * MIB,
  /** Scripts and definitions, which people write. */
  script: 16 * MIB,
  program: 512 * MIB,
} as const;

export type SmallFile = keyof typeof mostBytes;

/** `-` is standard input. Rejects with a Failure that names the file. */
export async function bytesOf(path: string, what: SmallFile): Promise<Buffer<ArrayBuffer>> {
  try {
    return await readSmallFile(path, mostBytes[what]);
  } catch (cause) {
    throw asFailure(path, cause);
  }
}

export const textOf = async (path: string, what: SmallFile): Promise<string> =>
  (await bytesOf(path, what)).toString('utf8');

function asFailure(path: string, cause: unknown): Failure {
  if (cause instanceof ImageFileError) return new Failure('usage', cause.message);
  const name = path === '-' ? 'standard input' : path;
  return new Failure('usage', `${name}: ${reasonOf(cause)}`);
}
