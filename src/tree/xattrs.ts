/** All extended attributes of a file, whatever its type. */

import type { Xattr } from '../archive/tar/tar-writer.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { getxattr, listxattr, type XattrTarget } from '../kernel/syscalls/xattr.ts';
import type { BusyTask } from './task-pool.ts';

/** `fd` may be open with O_PATH. None where the file system has no attributes. */
export async function xattrsOf({ task, buffer }: BusyTask, fd: number): Promise<Xattr[]> {
  const target: XattrTarget = { through: fd };
  const xattrs: Xattr[] = [];
  for (const name of await orNone(listxattr(task, target, buffer), [])) {
    const value = await orNone(getxattr(task, target, name, buffer), undefined);
    if (value !== undefined) xattrs.push({ name, value });
  }
  return xattrs;
}

/** Names by which XFS tells ACLs once more, in a form of its own: they come with the ACL wherever that goes. */
export const secondNames: ReadonlyMap<string, string> = new Map([
  ['trusted.SGI_ACL_FILE', 'system.posix_acl_access'],
  ['trusted.SGI_ACL_DEFAULT', 'system.posix_acl_default'],
]);

/**
 * What the file system answers about attributes, or `none` where it has none. ENODATA is no error, neither of one name
 * (getxattr(2)) nor, with hfsplus, of the list (fs/hfsplus/xattr.c: hfsplus_listxattr).
 */
export async function orNone<T, None>(answer: Promise<T>, none: None): Promise<T | None> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KernelError && (error.errno === 'EOPNOTSUPP' || error.errno === 'ENODATA')) return none;
    throw error;
  }
}
