/** JSON that a command line names, or that comes in. */

import { readFileSync } from 'node:fs';
import { Failure, reasonOf } from './failure.ts';

const STDIN = 0;

/** `-` is standard input. */
export function readJson(file: string): unknown {
  const name = file === '-' ? 'standard input' : file;
  let text: string;
  try {
    text = readFileSync(file === '-' ? STDIN : file, 'utf8');
  } catch (cause) {
    throw new Failure('usage', `${name} cannot be read: ${reasonOf(cause)}`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure('usage', `${name} is no JSON: ${reasonOf(cause)}`);
  }
}
