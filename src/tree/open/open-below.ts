/** Opens a path of any length below a directory that it does not leave. */

import { errnos } from '../../abi/errno.ts';
import {
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  PATH_MAX,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from '../../abi/uapi/fs.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { close, openat2 } from '../../kernel/syscalls/file.ts';
import type { Name } from '../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../kernel/user-task.ts';

const SLASH = 0x2f;
const DOT = Uint8Array.of(0x2e);

/**
 * A descriptor of the file at `path` below `rootFd`; symlinks and ".." on the way stay below it. Linux takes 4,095 bytes in one
 * call, and directories may lie deeper than that: a longer path is gone part by part, each from the directory that the part before
 * it led to. What leads out of that directory (a symlink to "/", "..") behind the first part is ENAMETOOLONG, as all of it
 * would be to Linux.
 */
export async function openBelow(task: UserTask, rootFd: number, path: Name, flags: number): Promise<number> {
  const [first = DOT, ...others] = partsOf(path);
  const last = (at: number): boolean => at === others.length;
  const how = (at: number) => (last(at) ? flags : O_PATH | O_DIRECTORY | O_CLOEXEC);
  const inRoot = { flags: how(0), resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
  let fd = must('openat2', await openat2(task, rootFd, first, inRoot), path);
  for (const [index, part] of others.entries()) {
    const beneath = { flags: how(index + 1), resolve: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    const next = await openat2(task, fd, part, beneath);
    await close(task, fd);
    if (next === -errnos.EXDEV.number) throw new KernelError('openat2', errnos.ENAMETOOLONG.number, path);
    fd = must('openat2', next, path);
  }
  return fd;
}

/** Cut at slashes into parts that Linux takes. A name that is longer than that is a part, for Linux to refuse. */
function partsOf(path: Name): readonly Name[] {
  const bytes = typeof path === 'string' ? new TextEncoder().encode(path) : path;
  if (bytes.length < PATH_MAX) return [path];
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.subarray(at);
    const cut = rest.length < PATH_MAX ? rest.length : rest.lastIndexOf(SLASH, PATH_MAX - 1);
    const end = cut > 0 ? cut : rest.length;
    parts.push(rest.subarray(0, end));
    at += end;
    // At its end a slash says that a directory is meant.
    while (bytes[at] === SLASH) at += 1;
    if (at === bytes.length && bytes.at(-1) === SLASH) parts.push(DOT);
  }
  return parts;
}
