/** JSON that a command line names, or that comes in. */

import { readFileSync, readSync } from 'node:fs';
import { isTooDeep, MAX_JSON_DEPTH } from '../src/bytes/json-depth.ts';
import { Failure, reasonOf } from './failure.ts';

const STDIN = 0;

/** `-` is standard input. */
export function readJson(file: string): unknown {
  const name = file === '-' ? 'standard input' : file;
  let text: string;
  try {
    text = file === '-' ? readStdin() : readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Failure('usage', `${name} cannot be read: ${reasonOf(cause)}`);
  }
  if (isTooDeep(text)) throw new Failure('usage', `${name} is nested more than ${MAX_JSON_DEPTH} deep`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure('usage', `${name} is no JSON: ${reasonOf(cause)}`);
  }
}

/** A pipe whose other users made it non-blocking (Node does, of what it starts) has nothing yet, rather than an end. */
function readStdin(): string {
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    try {
      const length = readSync(STDIN, buffer);
      if (length === 0) return Buffer.concat(chunks).toString('utf8');
      chunks.push(Buffer.from(buffer.subarray(0, length)));
    } catch (cause) {
      if (!isNotYet(cause)) throw cause;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
    }
  }
}

const WAIT_MS = 5;

const isNotYet = (cause: unknown): boolean =>
  typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'EAGAIN';
