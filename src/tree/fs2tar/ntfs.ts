/** Files of NTFS whose content is somewhere else, or that are something which Linux has no type for. */

import { KernelError } from '../../kernel/kernel-error.ts';
import type { UserBuffer } from '../../kernel/syscalls/scratch.ts';
import { getxattr } from '../../kernel/syscalls/xattr.ts';
import type { UserTask } from '../../kernel/user-task.ts';

/** fs/ntfs3/xattr.c: the attributes of a file as NTFS has them. */
const ATTRIBUTES = 'system.ntfs_attrib';

// [MS-FSCC] 2.6: file attributes
const REPARSE_POINT = 0x400;
const OFFLINE = 0x1000;
const RECALL_ON_OPEN = 0x4_0000;
const RECALL_ON_DATA_ACCESS = 0x40_0000;
const ELSEWHERE = OFFLINE | RECALL_ON_OPEN | RECALL_ON_DATA_ACCESS;

/** `elsewhere`: a placeholder, its data is in a cloud or on tape. `reparse`: no file, but what some program makes of it. */
export type Unreadable = 'elsewhere' | 'reparse';

async function attributesOf(
  task: UserTask,
  path: Uint8Array | string,
  buffer: UserBuffer,
): Promise<number | undefined> {
  try {
    const value = await getxattr(task, { path }, ATTRIBUTES, buffer);
    return value.length < 4 ? undefined : new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true);
  } catch (cause) {
    if (cause instanceof KernelError) return undefined;
    throw cause;
  }
}

/** Whether the working directory is on an NTFS. */
export const isNtfs = async (task: UserTask, buffer: UserBuffer): Promise<boolean> =>
  (await attributesOf(task, '.', buffer)) !== undefined;

/**
 * Of a regular file. Linux shows symlinks and junctions as symlinks and reads what Windows compressed (WOF); all other
 * reparse points are empty files to it (links of WSL, its sockets and devices, aliases of apps), placeholders full of zeros.
 */
export async function unreadable(
  task: UserTask,
  name: Uint8Array,
  size: number,
  buffer: UserBuffer,
): Promise<Unreadable | undefined> {
  const attributes = await attributesOf(task, name, buffer);
  if (attributes === undefined || (attributes & REPARSE_POINT) === 0) return undefined;
  if ((attributes & ELSEWHERE) !== 0) return 'elsewhere';
  return size === 0 ? 'reparse' : undefined;
}
