/** Where the command has passphrases from: files, the environment, and at last whoever sits at the terminal. */

import { constants } from 'node:os';
import type { Locked, Unlock } from '../../src/image/stack/keyring.ts';
import { Failure, printable } from '../failure.ts';
import type { StackOptions } from '../options.ts';
import { bytesOf } from './small-file.ts';

/** Nobody can be asked when standard input is not a terminal. */
export async function unlockOf({ passphraseFile = [], keyFile = [] }: StackOptions): Promise<Unlock> {
  const secrets: Buffer[] = [];
  for (const path of keyFile) secrets.push(await bytesOf(path, 'key'));
  for (const path of passphraseFile) secrets.push(firstLine(await bytesOf(path, 'key')));
  const { LKL_PASSPHRASE: given } = process.env;
  if (given !== undefined) secrets.push(Buffer.from(given));
  const canAsk = secrets.length === 0 && process.stdin.isTTY && process.stderr.isTTY;
  return { secrets, ...(canAsk && { ask }) };
}

/** What encrypts a new volume: of the one file that is named. */
export async function secretOf({
  keyFile,
  passphraseFile,
}: {
  readonly keyFile?: string | undefined;
  readonly passphraseFile?: string | undefined;
}): Promise<Uint8Array> {
  const path = keyFile ?? passphraseFile;
  if (path === undefined) throw new Failure('usage', 'say what encrypts it: a key file or a file with a passphrase');
  const bytes = await bytesOf(path, 'key');
  const secret = keyFile === undefined ? firstLine(bytes) : bytes;
  if (secret.length === 0) throw new Failure('usage', `${path}: there is no key in it`);
  return secret;
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
