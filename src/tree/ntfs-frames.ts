/**
 * Files that NTFS compresses and of which a part may not compress: this kernel has no MMU, its driver maps such a part before it
 * is read, and what was there before is put back over it (fs/ntfs3/frecord.c: ni_read_frame). Nothing tells which part it is, and
 * other bytes would be silent: so all that may have one is an error.
 */

import { errnos } from '../abi/errno.ts';
import { AT_EMPTY_PATH } from '../abi/uapi/fs.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { statx } from '../kernel/syscalls/file.ts';
import type { UserBuffer } from '../kernel/syscalls/scratch.ts';
import { getxattr } from '../kernel/syscalls/xattr.ts';
import type { UserTask } from '../kernel/user-task.ts';

/** fs/ntfs3/xattr.c, and [MS-FSCC] 2.6. */
const ATTRIBUTES = 'system.ntfs_attrib';
const COMPRESSED = 0x800;
/** NTFS compresses 16 clusters at a time; with fewer on the disk, none of them is as it was. */
const FRAME_CLUSTERS = 16;
const SECTOR = 512;

/** Rejects with EOPNOTSUPP where the file behind `fd` is such a one. */
export async function mustHaveNoPlainFrames(task: UserTask, fd: number, buffer: UserBuffer): Promise<void> {
  if (!(await isCompressed(task, fd, buffer))) return;
  const { blocks, blksize } = await statx(task, fd, '', AT_EMPTY_PATH);
  if (blocks * SECTOR >= FRAME_CLUSTERS * blksize) throw new KernelError('pread64', errnos.EOPNOTSUPP.number);
}

async function isCompressed(task: UserTask, fd: number, buffer: UserBuffer): Promise<boolean> {
  try {
    const value = await getxattr(task, { fd }, ATTRIBUTES, buffer);
    return value.length >= 4 && (new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true) & COMPRESSED) !== 0;
  } catch (cause) {
    if (cause instanceof KernelError) return false;
    throw cause;
  }
}
