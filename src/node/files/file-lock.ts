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
import { hasCode } from '../../errors/has-code.ts';
import { HostError } from '../../errors/host-error.ts';
import { leaves } from '../left-behind.ts';
import { mountedHere } from './mounted-here.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When it began, as its system counts: numbers of processes come again, in containers every time. */
  readonly started?: string | undefined;
  /** The command that it runs: "lkl mount". */
  readonly command?: string | undefined;
}

/** Locks that this process has. */
const held = new Set<string>();

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
  // Before it is there: no signal comes in between.
  const begun = leaves(own);
  let gone = () => {};
  try {
    // Written whole under a name of our own first: link(2) then makes it the lock or fails, and nobody reads half of it.
    writeFileSync(own, JSON.stringify(ofThisProcess()));
    if (!tryLink(own, name)) takeOver(path, name, own);
    gone = leaves(name);
  } catch (cause) {
    // A full disk is told by write(2), which knows no name.
    if (cause instanceof Error && 'code' in cause && !('path' in cause)) Object.assign(cause, { path: name });
    throw isRefused(cause) ? folderRefused(path, name, cause) : cause;
  } finally {
    rmSync(own, { force: true });
    begun();
  }
  held.add(name);
  return () => {
    held.delete(name);
    rmSync(name, { force: true });
    gone();
  };
}

const isRefused = (cause: unknown): boolean => ['EACCES', 'EPERM', 'EROFS'].some((code) => hasCode(cause, code));

/** The image may be written, and its folder not. */
const folderRefused = (path: string, name: string, cause: unknown): HostError =>
  new HostError(
    'read-only-device',
    `${path} is in a folder that you cannot write to: ${parse(name).base} is to be made there, so that no two write the image at a time`,
    { cause },
  );

/** Of the file itself, by whichever symlink it is named. */
function lockOf(path: string): string {
  return `${existsSync(path) ? realpathSync(path) : path}.lock`;
}

/** One at a time: of two who find the lock of a dead process, the second would remove the lock of the first. */
function takeOver(path: string, name: string, own: string): void {
  const turn = `${name}.taken`;
  const dead = (file: string) => {
    const holder = holderOf(file);
    return holder !== undefined && !isAlive(holder, file);
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
  if (holder === undefined || isAlive(holder, name)) throw inUse(path, name, holder);
}

/** For whoever reads whatever is there; undefined: nobody has the lock. */
export function writerOf(path: string): string | undefined {
  const name = lockOf(path);
  if (!existsSync(name)) return undefined;
  const holder = holderOf(name);
  return holder && isAlive(holder, name) && holder.pid !== process.pid ? writing(holder) : undefined;
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
    const { pid, host, command, started } = JSON.parse(readFileSync(name, 'utf8')) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || typeof host !== 'string') return undefined;
    return {
      pid: Number(pid),
      host,
      ...(typeof command === 'string' && { command }),
      ...(typeof started === 'string' && { started }),
    };
  } catch {
    return undefined;
  }
}

const ofThisProcess = (): Holder => ({
  pid: process.pid,
  host: hostname(),
  started: startOf(process.pid),
  command: command(),
});

/** proc_pid_stat(5), field 22: ticks since the system began. Undefined: nobody can tell. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name before it is in parentheses, and may have any bytes.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** `name` is that of the lock, or of a turn at it. */
function isAlive({ pid, host, started }: Holder, name: string): boolean {
  if (host !== hostname()) return true;
  if (started !== undefined && startOf(pid) !== started) return false;
  // One who had this number before, or this process itself.
  if (pid === process.pid && started === undefined) return held.has(name) || name.endsWith('.taken');
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return hasCode(cause, 'EPERM');
  }
}

function writing({ pid, host, command: what }: Holder): string {
  return `process ${pid} of ${host}${what === undefined ? '' : ` (${what})`} writes it`;
}

function inUse(path: string, name: string, holder: Holder | undefined): HostError {
  const who = holder ? writing(holder) : 'somebody writes it';
  return new HostError('image-in-use', `${path}: ${who}; if that is not so, remove ${name}`);
}

/** Of a thread that was ended between two steps of taking a lock: `own` is what it made first. */
export function unlockBegun(own: string): void {
  const suffix = `.${process.pid}`;
  if (!own.endsWith(`.lock${suffix}`)) return;
  const name = own.slice(0, -suffix.length);
  const { pid, host, started } = holderOf(name) ?? {};
  if (pid === process.pid && host === hostname() && started === startOf(process.pid)) rmSync(name, { force: true });
}
