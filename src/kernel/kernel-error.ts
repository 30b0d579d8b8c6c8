/** The one error for a system call that we needed and Linux refused. */

import { type ErrnoName, errnoName, errnos, MAX_ERRNO } from '../abi/errno.ts';
import type { SyscallName } from '../abi/syscalls.ts';
import { shownBytes } from '../bytes/shown-bytes.ts';
import { type Problem, ProblemError } from '../errors/problem.ts';

/** A failed system call: which call, on what, and the errno it came back with. */
export class KernelError extends ProblemError {
  override readonly name = 'KernelError';
  readonly call: SyscallName;
  /** The positive errno. */
  readonly number: number;
  /** Its Linux name; undefined for a number outside Linux's table. */
  readonly errno: ErrnoName | undefined;
  /** What the call was about, for people: bytes that are not UTF-8 are shown as \ooo. */
  readonly path: string | undefined;
  /** What went wrong, where we know more than the errno says. */
  readonly said: string | undefined;

  constructor(call: SyscallName, number: number, path?: string | Uint8Array, said?: string) {
    const errno = errnoName(number);
    const shown = path instanceof Uint8Array ? shownBytes(path) : path;
    const what = shown === undefined ? call : `${call} ${shown}`;
    super(errno ? `${what}: ${said ?? errnos[errno].message} (${errno})` : `${what}: errno ${number}`);
    this.call = call;
    this.number = number;
    this.errno = errno;
    this.path = shown;
    this.said = said;
  }

  override get problem(): Problem {
    const { call: syscall, path, errno: name = 'internal', message: detail } = this;
    return { name, detail, members: { syscall, ...(path !== undefined && { path }) } };
  }
}

/** `ret` when the call succeeded (an address above 2 GiB is negative); a negative errno becomes a `KernelError`. */
export function must(call: SyscallName, ret: number, path?: string | Uint8Array): number {
  if (ret < 0 && ret >= -MAX_ERRNO) throw new KernelError(call, -ret, path);
  return ret;
}
