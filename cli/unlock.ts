/** Where the command has passphrases from: files, the environment, and at last whoever sits at the terminal. */

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Locked, Unlock } from '../src/image/stack/keyring.ts';
import { Failure, printable, reasonOf } from './failure.ts';
import type { StackOptions } from './options.ts';

/** As cryptsetup has it. */
const MAX_KEY_BYTES = 8 * 2 ** 20;

/** Nobody can be asked when standard input is not a terminal. */
export function unlockOf({ passphraseFile = [], keyFile = [] }: StackOptions): Unlock {
  const secrets = [...keyFile.map(bytesOf), ...passphraseFile.map((path) => firstLine(bytesOf(path)))];
  const { LKL_PASSPHRASE: given } = process.env;
  if (given !== undefined) secrets.push(Buffer.from(given));
  const canAsk = secrets.length === 0 && process.stdin.isTTY && process.stderr.isTTY;
  return { secrets, ...(canAsk && { ask }) };
}

function bytesOf(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Failure('usage', `${path}: ${reasonOf(cause)}`);
  }
  if (bytes.length > MAX_KEY_BYTES) throw new Failure('usage', `${path}: a key has ${MAX_KEY_BYTES} bytes at most`);
  return bytes;
}

/** Editors and echo end a passphrase with a newline, which is no part of it. */
const firstLine = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf('\n');
  return end < 0 ? bytes : bytes.subarray(0, end);
};

const [ENTER, RETURN, CTRL_C, CTRL_D, BACKSPACE, DELETE, CTRL_U] = [0x0a, 0x0d, 0x03, 0x04, 0x08, 0x7f, 0x15];

/** Without showing what is typed. Undefined: nothing was. */
async function ask({ title, attempt }: Locked): Promise<Uint8Array | undefined> {
  const { stdin, stderr } = process;
  const again = attempt > 1 ? 'That does not open it. ' : '';
  stdin.setRawMode(true); // before anybody can answer: nothing of it is echoed
  stderr.write(`${again}Passphrase for ${printable(title)}: `);
  try {
    const typed: number[] = [];
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const byte of chunk as Buffer) {
        if (byte === ENTER || byte === RETURN) return typed.length > 0 ? Uint8Array.from(typed) : undefined;
        if (byte === CTRL_D) return undefined;
        if (byte === CTRL_C) {
          stderr.write('\n');
          process.exit(128 + constants.signals.SIGINT);
        }
        if (byte === CTRL_U) typed.length = 0;
        else if (byte === BACKSPACE || byte === DELETE) eraseLast(typed);
        else typed.push(byte);
      }
    }
    return undefined;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

/** The last character, which in UTF-8 may be several bytes. */
function eraseLast(typed: number[]): void {
  while (((typed.at(-1) ?? 0) & 0xc0) === 0x80) typed.pop();
  typed.pop();
}
