/** System calls on extended attributes, of an open file or of the file at a path, a symlink itself and not its target. */

import { must } from '../kernel-error.ts';
import type { UserTask } from '../user-task.ts';
import { type Name, Scratch, type UserBuffer } from './scratch.ts';

/** An open file, or a path. A file open with O_PATH will not do (EBADF): use its path, or /proc/self/fd/N. */
export type XattrTarget = { readonly fd: number } | { readonly path: Name };

/** The names of the attributes, in the file system's order; a `buffer` of XATTR_LIST_MAX bytes holds every list. */
export async function listxattr(task: UserTask, target: XattrTarget, buffer: UserBuffer): Promise<Uint8Array[]> {
  const call = 'fd' in target ? 'flistxattr' : 'llistxattr';
  const what = 'fd' in target ? target.fd : new Scratch(task, call).string(target.path);
  const length = must(
    call,
    await task.syscall(call, what, buffer.at, buffer.bytes),
    'fd' in target ? undefined : target.path,
  );
  const list = task.memory.copy(buffer.at, length);
  const names: Uint8Array[] = [];
  for (let start = 0; start < length; ) {
    const end = list.indexOf(0, start);
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
  const length = must(
    call,
    await task.syscall(call, what, scratch.string(name), buffer.at, buffer.bytes),
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
