/** Problems as exceptions of a library whose users know node:fs: `code`, `errno`, `syscall`, `path`. */

import { errnos } from '../abi/errno.ts';
import { type Problem, problemOf } from './problem.ts';
import { isErrnoName, rowOf } from './rows.ts';

/**
 * `code` is Linux's name of an errno, as in Node (`ENOENT`), or ours in Node's manner (`ERR_NO_FILE_SYSTEM` is the
 * problem `no-file-system`).
 */
export class LinuxException extends Error {
  override readonly name = 'LinuxException';
  readonly code: string;
  /** Negative, as in Node; of an errno only. */
  declare readonly errno?: number;
  declare readonly syscall?: string;
  declare readonly path?: string;
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    const { name, detail, members } = problem;
    super(detail, options);
    this.problem = problem;
    this.code = codeOf(problem);
    if (isErrnoName(name)) Object.assign(this, { errno: -errnos[name].number });
    const { syscall, path } = members;
    if (typeof syscall === 'string') Object.assign(this, { syscall });
    if (typeof path === 'string') Object.assign(this, { path });
  }
}

export const codeOf = ({ name }: Pick<Problem, 'name'>): string =>
  isErrnoName(name) ? name : `ERR_${name.toUpperCase().replaceAll('-', '_')}`;

/** Of anything that was thrown. What has no name of ours stays what it is. */
export function exceptionOf(cause: unknown): unknown {
  const problem = problemOf(cause);
  return problem.name === 'internal' ? cause : new LinuxException(problem, { cause });
}

/** Whether it is worth trying again. */
export const isTransient = ({ name }: Pick<Problem, 'name'>): boolean => rowOf(name).retryAfterS !== undefined;
