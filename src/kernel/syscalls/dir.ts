/**
 * System calls on directories and the names in them. A function that answers a number answers what Linux returns,
 * a negative errno included; one that answers data throws `KernelError` instead.
 */

import { errnos } from '../../abi/errno.ts';
import { encodeDevice } from '../../abi/uapi/fs.ts';
import { latin1 } from '../../bytes/latin1.ts';
import { KernelError, must } from '../kernel-error.ts';
import type { UserTask } from '../user-task.ts';
import { type Name, Scratch, type UserBuffer } from './scratch.ts';

/** One name in a directory (struct linux_dirent64). */
export interface Dirent {
  readonly ino: bigint;
  /** DT_*; DT_UNKNOWN (0) where the file system does not tell. */
  readonly type: number;
  readonly name: Uint8Array;
}

// struct linux_dirent64: u64 d_ino, s64 d_off, u16 d_reclen, u8 d_type, then the name and its NUL.
const RECLEN = 16;
const TYPE = 18;
const NAME = 19;

/** The next entries of directory `fd`, "." and ".." included, through `buffer`; none at its end. */
export async function getdents64(task: UserTask, fd: number, buffer: UserBuffer): Promise<Dirent[]> {
  const length = must('getdents64', await task.syscall('getdents64', fd, buffer.at, buffer.bytes));
  const bytes = task.memory.view(buffer.at, length);
  const data = new DataView(bytes.buffer, bytes.byteOffset, length);
  const dirents: Dirent[] = [];
  for (let at = 0; at < length; at += data.getUint16(at + RECLEN, true)) {
    const name = bytes.slice(at + NAME, bytes.indexOf(0, at + NAME));
    dirents.push({ ino: data.getBigUint64(at, true), type: data.getUint8(at + TYPE), name });
  }
  return dirents;
}

/**
 * All entries of directory `fd`, as many at a time as `buffer` holds. A damaged directory can give the same entries
 * again and again (fs/udf/dir.c does where one cannot be read): that is EUCLEAN and no listing without end. `lastNames` is what
 * tells; who lists a directory in several goes hands it on.
 */
export async function* readdir(
  task: UserTask,
  fd: number,
  buffer: UserBuffer,
  lastNames = new Set<string>(),
): AsyncGenerator<Dirent[], void, void> {
  for (;;) {
    if (lastNames.has(DAMAGED)) throw new KernelError('getdents64', errnos.EUCLEAN.number);
    const dirents = await getdents64(task, fd, buffer);
    const last = dirents.at(-1);
    if (last === undefined) return;
    const name = latin1(last.name);
    if (lastNames.has(name)) throw new KernelError('getdents64', errnos.EUCLEAN.number);
    lastNames.add(name);
    const sound = dirents.filter((dirent) => !isNoName(dirent, lastNames));
    if (sound.length < dirents.length) lastNames.add(DAMAGED); // once those that are sound have been taken
    yield sound;
  }
}

/** Keys among `lastNames` that no name can be. */
const DAMAGED = '\0damaged';
const DOT = 0x2e;

/**
 * What no directory has: an entry without a name, or "." or ".." once more. Some drivers look at no name, and a damaged one
 * would be a file that is passed over. `seen` remembers the dots.
 */
function isNoName({ name }: Dirent, seen: Set<string>): boolean {
  if (name.length === 0) return true;
  if (name.length > 2 || name.some((byte) => byte !== DOT)) return false;
  const key = `\0${name.length}`;
  const again = seen.has(key);
  seen.add(key);
  return again;
}

export function mkdirat(task: UserTask, dirfd: number, path: Name, mode: number): Promise<number> {
  return task.syscall('mkdirat', dirfd, new Scratch(task, 'mkdirat').string(path), mode);
}

/** mknodat(2); `mode` holds the file type too. */
export function mknodat(
  task: UserTask,
  dirfd: number,
  path: Name,
  mode: number,
  device: { readonly major: number; readonly minor: number } = { major: 0, minor: 0 },
): Promise<number> {
  const scratch = new Scratch(task, 'mknodat');
  return task.syscall('mknodat', dirfd, scratch.string(path), mode, encodeDevice(device.major, device.minor));
}

/** unlinkat(2); with AT_REMOVEDIR it is rmdir(2). */
export function unlinkat(task: UserTask, dirfd: number, path: Name, flags = 0): Promise<number> {
  return task.syscall('unlinkat', dirfd, new Scratch(task, 'unlinkat').string(path), flags);
}

export function symlinkat(task: UserTask, target: Name, dirfd: number, path: Name): Promise<number> {
  const scratch = new Scratch(task, 'symlinkat');
  return task.syscall('symlinkat', scratch.string(target), dirfd, scratch.string(path));
}

export function linkat(
  task: UserTask,
  fromDirfd: number,
  from: Name,
  toDirfd: number,
  to: Name,
  flags = 0,
): Promise<number> {
  const scratch = new Scratch(task, 'linkat');
  return task.syscall('linkat', fromDirfd, scratch.string(from), toDirfd, scratch.string(to), flags);
}

export function renameat2(
  task: UserTask,
  fromDirfd: number,
  from: Name,
  toDirfd: number,
  to: Name,
  flags = 0,
): Promise<number> {
  const scratch = new Scratch(task, 'renameat2');
  return task.syscall('renameat2', fromDirfd, scratch.string(from), toDirfd, scratch.string(to), flags);
}

export const chdir = (task: UserTask, path: Name): Promise<number> =>
  task.syscall('chdir', new Scratch(task, 'chdir').string(path));

export const fchdir = (task: UserTask, fd: number): Promise<number> => task.syscall('fchdir', fd);
