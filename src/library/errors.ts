/** What goes wrong in an image, as node:fs would put it. */

import { getSystemErrorMap } from 'node:util';
import { type ErrnoName, errnos } from '../abi/errno.ts';
import { exceptionOf, LinuxException } from '../errors/exception.ts';
import { KernelError } from '../kernel/kernel-error.ts';

/** libuv's words, which differ from strerror(3)'s in places. */
const words = new Map([...getSystemErrorMap().values()]);

/** What a call is about: nothing, a path, or one and where it leads. */
export type Named = string | readonly [path: string, dest: string] | undefined;

/** `ENOENT: no such file or directory, open '/a'`, with `code`, `errno`, `syscall` and `path` as Node has them. */
export function fsError(code: ErrnoName, syscall: string, path?: Named, options?: ErrorOptions): LinuxException {
  const [from, to] = typeof path === 'object' ? path : [path];
  const what = [from, to].filter((name) => name !== undefined).map((name) => `'${name}'`);
  const message = `${code}: ${words.get(code) ?? errnos[code].message}, ${[syscall, what.join(' -> ')].filter(Boolean).join(' ')}`;
  const members = { syscall, ...(from !== undefined && { path: from }) };
  const error = new LinuxException({ name: code, detail: message, members }, options);
  return to === undefined ? error : Object.assign(error, { dest: to });
}

/**
 * Runs `work`, a call of node:fs by the name `syscall`. Linux's errnos come out as Node has them; what the storage below or the
 * kernel itself did wrong comes out as a LinuxException of its own name.
 */
export async function asFs<T>(syscall: string, path: Named, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof LinuxException) throw cause;
    if (cause instanceof KernelError && cause.errno) throw fsError(cause.errno, syscall, path, { cause });
    throw exceptionOf(cause);
  }
}
