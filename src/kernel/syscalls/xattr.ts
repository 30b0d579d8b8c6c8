/** System calls on extended attributes, of an open file or of the file at a path, a symlink itself and not its target. */

import { errnos } from '../../abi/errno.ts';
import type { SyscallName } from '../../abi/syscalls.ts';
import { must } from '../kernel-error.ts';
import type { Ptr } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { type Name, Scratch, type UserBuffer } from './scratch.ts';

/**
 * An open file, or a path. A file open with O_PATH will not do (EBADF): `through` takes its descriptor by way of /proc, which
 * has to be mounted.
 */
export type XattrTarget = { readonly fd: number } | { readonly path: Name } | { readonly through: number };

/** The name that leads from a descriptor, whatever it is open for, to its file: a symlink too, for the kernel goes there directly. */
export const throughFd = (fd: number): string => `/proc/self/fd/${fd}`;

interface Calls {
  readonly fd: SyscallName;
  readonly path: SyscallName;
  readonly through: SyscallName;
}

/** Which of three like calls takes the target, and where it finds it. */
function called(target: XattrTarget, calls: Calls): { readonly call: SyscallName; readonly path: Name | undefined } {
  if ('fd' in target) return { call: calls.fd, path: undefined };
  if ('path' in target) return { call: calls.path, path: target.path };
  return { call: calls.through, path: throughFd(target.through) };
}

const what = (target: XattrTarget, scratch: Scratch, path: Name | undefined): number =>
  'fd' in target ? target.fd : scratch.string(path ?? '');

/**
 * The kernel allocates as many bytes as it is told that there is room for, all in one piece. So the first try is
 * small, and only an answer that does not fit (ERANGE) is asked for its size.
 */
const FIRST_TRY_BYTES = 1024;

async function answerOf(buffer: UserBuffer, call: (at: Ptr, bytes: number) => Promise<number>): Promise<number> {
  const length = await call(buffer.at, Math.min(FIRST_TRY_BYTES, buffer.bytes));
  if (length !== -errnos.ERANGE.number) return length;
  const needed = await call(buffer.at, 0);
  return needed < 0 ? needed : call(buffer.at, Math.min(needed, buffer.bytes));
}

/** The names of the attributes, in the file system's order; a `buffer` of XATTR_LIST_MAX bytes holds every list. */
export async function listxattr(task: UserTask, target: XattrTarget, buffer: UserBuffer): Promise<Uint8Array[]> {
  const { call, path } = called(target, { fd: 'flistxattr', path: 'llistxattr', through: 'listxattr' });
  const file = what(target, new Scratch(task, call), path);
  const length = must(
    call,
    await answerOf(buffer, (at, bytes) => task.syscall(call, file, at, bytes)),
    'path' in target ? path : undefined,
  );
  const list = task.memory.copy(buffer.at, length);
  const names: Uint8Array[] = [];
  for (let start = 0; start < length; ) {
    const nul = list.indexOf(0, start);
    const end = nul < 0 ? length : nul; // hfsplus of Linux 6.12 may leave out the last NUL
    names.push(list.subarray(start, end));
    start = end + 1;
  }
  return names;
}

/** The value of one attribute; a `buffer` of XATTR_SIZE_MAX bytes holds every value. */
export async function getxattr(
  task: UserTask,
  target: XattrTarget,
  name: Name,
  buffer: UserBuffer,
): Promise<Uint8Array> {
  const { call, path } = called(target, { fd: 'fgetxattr', path: 'lgetxattr', through: 'getxattr' });
  const scratch = new Scratch(task, call);
  const file = what(target, scratch, path);
  const nameAt = scratch.string(name);
  const length = must(
    call,
    await answerOf(buffer, (at, bytes) => task.syscall(call, file, nameAt, at, bytes)),
    'path' in target ? path : name,
  );
  return task.memory.copy(buffer.at, length);
}

/** Set one attribute; `flags` may be XATTR_CREATE or XATTR_REPLACE. Answers what Linux returns. */
export function setxattr(
  task: UserTask,
  target: XattrTarget,
  name: Name,
  value: Uint8Array,
  buffer: UserBuffer,
  flags = 0,
): Promise<number> {
  const { call, path } = called(target, { fd: 'fsetxattr', path: 'lsetxattr', through: 'setxattr' });
  if (value.length > buffer.bytes)
    throw new RangeError(`${call}: a value of ${value.length} bytes in a buffer of ${buffer.bytes}`);
  const scratch = new Scratch(task, call);
  const file = what(target, scratch, path);
  task.memory.write(buffer.at, value);
  return task.syscall(call, file, scratch.string(name), buffer.at, value.length, flags);
}

/** Answers what Linux returns. */
export function removexattr(task: UserTask, target: XattrTarget, name: Name): Promise<number> {
  const { call, path } = called(target, { fd: 'fremovexattr', path: 'lremovexattr', through: 'removexattr' });
  const scratch = new Scratch(task, call);
  const file = what(target, scratch, path);
  return task.syscall(call, file, scratch.string(name));
}
