/** What a file system has no place for: counted, so that whoever copied is told, and the copy goes on. */

import { type ErrnoName, errnoName } from '../../abi/errno.ts';
import type { SyscallName } from '../../abi/syscalls.ts';
import { KernelError } from '../../kernel/kernel-error.ts';

export type LossKind = 'owner' | 'mode' | 'times' | 'xattr' | 'hardlink' | 'symlink' | 'special';

export interface Loss {
  readonly kind: LossKind;
  readonly count: number;
  /** The first one: of which file, and what Linux said. */
  readonly path: Uint8Array;
  readonly errno: ErrnoName | undefined;
}

/** What Linux answers where a file system has no such thing: vfat without owners, exFAT without xattrs, and both without devices. */
const lacking: readonly ErrnoName[] = ['EOPNOTSUPP', 'EPERM', 'EINVAL'];

export class Losses {
  readonly #kinds = new Map<
    LossKind,
    { count: number; readonly path: Uint8Array; readonly errno: ErrnoName | undefined }
  >();

  /** Whether it is there: counts what the file system lacks; throws what is an error. */
  note(kind: LossKind, call: SyscallName, ret: number, path: Uint8Array): boolean {
    if (ret >= 0) return true;
    const errno = errnoName(-ret);
    if (errno === undefined || !lacking.includes(errno)) throw new KernelError(call, -ret, path);
    const known = this.#kinds.get(kind);
    if (known) known.count++;
    else this.#kinds.set(kind, { count: 1, path, errno });
    return false;
  }

  get list(): readonly Loss[] {
    return [...this.#kinds].map(([kind, loss]) => ({ kind, ...loss }));
  }
}
