/** Modules of this machine that the command line names as programs. */

import { closeSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { openToRead } from '../../src/node/input/open-to-read.ts';
import { isWasm } from '../../src/tools/is-wasm.ts';
import { type OwnProgram, ownProgram } from '../../src/tools/own-programs.ts';
import { Failure } from '../failure.ts';
import { bytesOf } from '../input/small-file.ts';

const ELF = [0x7f, 0x45, 0x4c, 0x46];
const HEAD = 4;

/** `FILE` or `NAME=FILE`: the program is called as the file without `.wasm` unless it says otherwise. */
async function ownProgramOf(word: string): Promise<OwnProgram> {
  const [, given, file = word] = /^([^=/]+)=(.+)$/s.exec(word) ?? [];
  const name = given ?? basename(file).replace(/\.wasm$/, '');
  if (!/^[^/\0\n]{1,200}$/.test(name) || name === '.' || name === '..')
    throw new Failure('usage', `${word}: give the program a name: NAME=FILE`);
  return ownProgram(name, await read(file));
}

/**
 * What is to be run, where the first word names a file of this machine: that program, and the words with its name. A
 * word with a slash that is no such file is a path of the kernel's.
 */
export async function ownFirst([first = '', ...words]: readonly string[]): Promise<{
  readonly own: readonly OwnProgram[];
  readonly argv: readonly string[];
}> {
  if (!isOfThisMachine(first)) return { own: [], argv: [first, ...words] };
  const program = await ownProgramOf(`${basename(first).replace(/\.wasm$/, '')}=${first}`);
  return { own: [program], argv: [program.name, ...words] };
}

function isOfThisMachine(word: string): boolean {
  if (/^\.{1,2}\//.test(word) || word.endsWith('.wasm')) return true;
  return word.includes('/') && isWasm(headOf(word));
}

function headOf(file: string): Uint8Array {
  const head = new Uint8Array(HEAD);
  try {
    const { fd } = openToRead(file);
    try {
      readSync(fd, head, 0, HEAD, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Not there, or no file: a path of the kernel's then.
  }
  return head;
}

/** All of the programs that words name. */
export async function ownProgramsOf(words: readonly string[] = []): Promise<OwnProgram[]> {
  const programs: OwnProgram[] = [];
  for (const word of words) programs.push(await ownProgramOf(word));
  return programs;
}

async function read(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await bytesOf(file, 'program');
  if (isWasm(bytes)) return bytes;
  const isNative = ELF.every((byte, i) => bytes[i] === byte);
  throw new Failure(
    'usage',
    isNative
      ? `${file} is a program for this machine; what runs on the kernel here is WebAssembly, as lkl-cc makes it of C`
      : `${file} is no WebAssembly`,
  );
}
