/** What a file system has no place for, and what a tree asks for that cannot be: counted, so that whoever copied is told, and the copy goes on. */

import { type ErrnoName, errnoName } from '../../abi/errno.ts';
import type { SyscallName } from '../../abi/syscalls.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { PathChange } from './entry.ts';

export type LossKind =
  | 'name'
  | 'owner'
  | 'mode'
  | 'times'
  | 'xattr'
  | 'hardlink'
  | 'symlink'
  | 'special'
  /** Its name is another's, which came before it. */
  | 'alias'
  /** It is there without the dots that its name ends with. */
  | 'dots'
  /** It is in what is no directory. */
  | 'parent'
  /** It is there by another path. */
  | PathChange['kind'];

export interface Loss {
  readonly kind: LossKind;
  readonly count: number;
  /** The first one: of which file, and what Linux said, if it was asked. */
  readonly path: Uint8Array;
  readonly errno: ErrnoName | undefined;
}

/** What Linux answers where a file system has no such thing: vfat without owners, exFAT without xattrs, and both without devices. */
const lacking: readonly ErrnoName[] = ['EOPNOTSUPP', 'EPERM', 'EINVAL'];

/** The same of a symlink that leads further than one can there: ext4 of small blocks has 1,023 bytes, XFS 1,024. */
const lackingSymlinks: readonly ErrnoName[] = [...lacking, 'ENAMETOOLONG'];

/** What Linux answers to a name that the file system cannot have: "a:b" in vfat, bytes that are not UTF-8 in NTFS and in exFAT. */
const badName: readonly ErrnoName[] = ['EINVAL', 'EILSEQ', 'EOVERFLOW'];

const SLASH = 0x2f;
const DOT = 0x2e;
const isDots = (name: Uint8Array): boolean => name.length > 2 && name.every((byte) => byte === DOT);

export class Losses {
  readonly #kinds = new Map<
    LossKind,
    { count: number; readonly path: Uint8Array; readonly errno: ErrnoName | undefined }
  >();

  /** Whether it is there: counts what the file system lacks; throws what is an error. */
  note(kind: LossKind, call: SyscallName, ret: number, path: Uint8Array): boolean {
    if (ret >= 0) return true;
    const errno = errnoName(-ret);
    const expected = kind === 'symlink' ? lackingSymlinks : lacking;
    if (errno === undefined || !expected.includes(errno)) throw new KernelError(call, -ret, path);
    this.#count(kind, path, errno);
    return false;
  }

  /** The same of what makes a file or a directory, where the name alone can be at fault. */
  noteName(call: SyscallName, ret: number, path: Uint8Array): boolean {
    if (ret >= 0) return true;
    const errno = errnoName(-ret);
    // FAT drops dots at the end, and of these nothing is left.
    const isNone = errno === 'ENOENT' && isDots(path.subarray(path.lastIndexOf(SLASH) + 1));
    if (errno === undefined || !(isNone || badName.includes(errno))) throw new KernelError(call, -ret, path);
    this.lost(path, errno);
    return false;
  }

  /** One more that is not there, for its name, for that of a directory on its way, or as what it is another name of; or that is there by a name of less. */
  lost(path: Uint8Array, errno?: ErrnoName, kind: LossKind = 'name'): void {
    this.#count(kind, path, errno);
  }

  /** One more that is there, but not as it was asked for. */
  changed(kind: PathChange['kind'], path: Uint8Array): void {
    this.#count(kind, path, undefined);
  }

  #count(kind: LossKind, path: Uint8Array, errno: ErrnoName | undefined): void {
    const known = this.#kinds.get(kind);
    if (known) known.count++;
    else this.#kinds.set(kind, { count: 1, path, errno });
  }

  get list(): readonly Loss[] {
    return [...this.#kinds].map(([kind, loss]) => ({ kind, ...loss }));
  }
}
