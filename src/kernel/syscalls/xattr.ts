/** System calls on extended attributes, of an open file or of the file at a path, a symlink itself and not its target. */

import { errnos } from '../../abi/errno.ts';
import { must } from '../kernel-error.ts';
import type { Ptr } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { type Name, Scratch, type UserBuffer } from './scratch.ts';

/** An open file, or a path. A file open with O_PATH will not do (EBADF): use its path, or /proc/self/fd/N. */
export type XattrTarget = { readonly fd: number } | { readonly path: Name };

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
  const call = 'fd' in target ? 'flistxattr' : 'llistxattr';
  const what = 'fd' in target ? target.fd : new Scratch(task, call).string(target.path);
  const length = must(
    call,
    await answerOf(buffer, (at, bytes) => task.syscall(call, what, at, bytes)),
    'fd' in target ? undefined : target.path,
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
  const call = 'fd' in target ? 'fgetxattr' : 'lgetxattr';
  const scratch = new Scratch(task, call);
  const what = 'fd' in target ? target.fd : scratch.string(target.path);
  const nameAt = scratch.string(name);
  const length = must(
    call,
    await answerOf(buffer, (at, bytes) => task.syscall(call, what, nameAt, at, bytes)),
    'fd' in target ? name : target.path,
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
  const call = 'fd' in target ? 'fsetxattr' : 'lsetxattr';
  if (value.length > buffer.bytes)
    throw new RangeError(`${call}: a value of ${value.length} bytes in a buffer of ${buffer.bytes}`);
  const scratch = new Scratch(task, call);
  const what = 'fd' in target ? target.fd : scratch.string(target.path);
  task.memory.write(buffer.at, value);
  return task.syscall(call, what, scratch.string(name), buffer.at, value.length, flags);
}
