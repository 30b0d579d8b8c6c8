/** A file or a listing that cannot be read whole, told with what Linux logged of it. */

import { type ErrnoName, errnos } from '../abi/errno.ts';
import type { Problem } from '../errors/problem.ts';
import { KernelError } from '../kernel/kernel-error.ts';

/** Not how files are, nor what may be done with them: what their file system, or what is below it, has lost. */
const damage: readonly (ErrnoName | undefined)[] = ['EIO', 'EUCLEAN', 'EBADMSG'];

export const isDamage = ({ errno }: KernelError): boolean => damage.includes(errno);

/** What a call was for, as its failure concerns whoever wanted the tree. */
const lacks: Readonly<Record<string, string>> = {
  getdents64: 'its names cannot be listed whole',
  pread64: 'its data cannot be read',
  openat: 'it cannot be opened',
  openat2: 'it cannot be opened',
  statx: 'nothing can be said of it',
  readlinkat: 'its target cannot be read',
  listxattr: 'its attributes cannot be read',
  llistxattr: 'its attributes cannot be read',
  getxattr: 'its attributes cannot be read',
  lgetxattr: 'its attributes cannot be read',
};

/** What is missing, in words: of a call, or of what the kernel only logged (`syslog`). */
export function whatIsMissing(call: string, errno: ErrnoName | undefined, path: string): string {
  if (call === 'syslog') return `files may be missing, for Linux says: "${path}"`;
  // Some drivers undo several MiB at once, and a kernel without an MMU has no more than 4 in one piece.
  if (errno === 'ENOMEM' && lacks[call] === lacks.pread64)
    return `${path}: ${lacks.pread64}: it wants more memory in one piece than this kernel has (ENOMEM)`;
  if (errno === 'EOPNOTSUPP' && lacks[call] === lacks.pread64)
    return `${path}: ${lacks.pread64}: macOS compressed it, which Linux does not undo (EOPNOTSUPP)`;
  const known = damage.includes(errno) ? lacks[call] : undefined;
  if (known !== undefined) return `${path}: ${known} (${errno})`;
  return errno ? `${path}: ${errnos[errno].message} (${errno})` : `${path}: an unknown error of ${call}`;
}

export interface DamageFacts {
  /** As the kernel calls it. */
  readonly fileSystemType?: string | undefined;
  /** The line of the kernel's log that tells most. */
  readonly reason?: string | undefined;
}

/** Fails like the call did, and knows more. */
export class DamageError extends KernelError {
  readonly facts: DamageFacts;

  constructor({ call, number, path, errno }: KernelError, facts: DamageFacts = {}) {
    super(call, number, path);
    this.facts = facts;
    const { reason } = facts;
    const said = reason === undefined || call === 'syslog' ? '' : `; Linux says: "${reason}"`;
    this.message = `${whatIsMissing(call, errno, path ?? 'the image')}${said}`;
  }

  override get problem(): Problem {
    const { members, ...problem } = super.problem;
    const { fileSystemType: type } = this.facts;
    return { ...problem, members: { ...members, damaged: true, ...(type && { file_system_type: type }) } };
  }
}
