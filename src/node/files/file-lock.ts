/** Keeps two processes from writing one file: Node has no flock(2), so a file beside it says who does. */

import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { parse } from 'node:path';
import { HostError } from '../../errors/host-error.ts';
import { leaves } from '../left-behind.ts';
import { mountedHere } from './mounted-here.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** The command that it runs: "lkl mount". */
  readonly command?: string | undefined;
}

/** Of this process, without what may be private. */
const command = (): string | undefined => {
  const [, program, verb] = process.argv;
  const name = program === undefined ? '' : parse(program).name;
  return name === 'lkl' && verb !== undefined && /^[a-z0-9]+$/.test(verb) ? `lkl ${verb}` : name || undefined;
};

/**
 * Takes `path`.lock; answers how to give it back. Throws `image-in-use` while a process has it that lives on this machine,
 * or that is of another one; what a dead process left is taken over.
 */
export function lockFile(path: string): () => void {
  const name = lockOf(path);
  const own = `${name}.${process.pid}`;
  try {
    // Written whole under a name of our own first: link(2) then makes it the lock or fails, and nobody reads half of it.
    writeFileSync(own, JSON.stringify({ pid: process.pid, host: hostname(), command: command() } satisfies Holder));
    if (!tryLink(own, name)) takeOver(path, name, own);
  } catch (cause) {
    // A full disk is told by write(2), which knows no name.
    if (cause instanceof Error && 'code' in cause && !('path' in cause)) Object.assign(cause, { path: name });
    throw cause;
  } finally {
    rmSync(own, { force: true });
  }
  const gone = leaves(name);
  return () => {
    rmSync(name, { force: true });
    gone();
  };
}

/** Of the file itself, by whichever symlink it is named. */
function lockOf(path: string): string {
  return `${existsSync(path) ? realpathSync(path) : path}.lock`;
}

/** One at a time: of two who find the lock of a dead process, the second would remove the lock of the first. */
function takeOver(path: string, name: string, own: string): void {
  const turn = `${name}.taken`;
  const dead = (file: string) => {
    const holder = holderOf(file);
    return holder !== undefined && !isAlive(holder);
  };
  if (!dead(name)) throw inUse(path, name, holderOf(name));
  if (!tryLink(own, turn)) {
    if (dead(turn)) rmSync(turn, { force: true });
    throw inUse(path, name, holderOf(turn));
  }
  try {
    if (existsSync(name)) {
      if (!dead(name)) throw inUse(path, name, holderOf(name));
      rmSync(name, { force: true });
    }
    if (!tryLink(own, name)) throw inUse(path, name, holderOf(name));
  } finally {
    rmSync(turn, { force: true });
  }
}

/** For whoever only reads, and wants one state of it: throws `image-in-use` while a process has the lock. */
export function mustNotBeWritten(path: string): void {
  const name = lockOf(path);
  if (!existsSync(name)) return;
  const holder = holderOf(name);
  if (holder === undefined || isAlive(holder)) throw inUse(path, name, holder);
}

/** For whoever reads whatever is there; undefined: nobody has the lock. */
export function writerOf(path: string): string | undefined {
  const name = lockOf(path);
  if (!existsSync(name)) return undefined;
  const holder = holderOf(name);
  return holder && isAlive(holder) && holder.pid !== process.pid ? writing(holder) : undefined;
}

/** Two that write one file system destroy it; throws `image-in-use`. */
export function mustNotBeMounted(path: string): void {
  const at = mountedHere(path);
  if (at !== undefined)
    throw new HostError('image-in-use', `${path}: this machine has it mounted at ${at}: umount it first`);
}

/** A file system without links (FAT, some shares) takes a copy: who reads half of one is told that somebody writes. */
function tryLink(from: string, to: string): boolean {
  for (const make of [linkSync, (own: string, lock: string) => copyFileSync(own, lock, constants.COPYFILE_EXCL)]) {
    try {
      make(from, to);
      return true;
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
      if (code === 'EEXIST') return false;
      if (make !== linkSync || !NO_LINKS.includes(String(code))) throw cause;
    }
  }
  return false;
}
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Undefined: it says nothing that is understood. */
function holderOf(name: string): Holder | undefined {
  try {
    const { pid, host, command } = JSON.parse(readFileSync(name, 'utf8')) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || typeof host !== 'string') return undefined;
    return { pid: Number(pid), host, ...(typeof command === 'string' && { command }) };
  } catch {
    return undefined;
  }
}

function isAlive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}

function writing({ pid, host, command: what }: Holder): string {
  return `process ${pid} of ${host}${what === undefined ? '' : ` (${what})`} writes it`;
}

function inUse(path: string, name: string, holder: Holder | undefined): HostError {
  const who = holder ? writing(holder) : 'somebody writes it';
  return new HostError('image-in-use', `${path}: ${who}; if that is not so, remove ${name}`);
}
