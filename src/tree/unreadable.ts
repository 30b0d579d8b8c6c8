/** Files whose content Linux does not show, and says nothing of: elsewhere, of a kind that it has not, or compressed as it does not undo. */

import { errnos } from '../abi/errno.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import type { UserBuffer } from '../kernel/syscalls/scratch.ts';
import { getxattr, type XattrTarget } from '../kernel/syscalls/xattr.ts';
import type { UserTask } from '../kernel/user-task.ts';

/** fs/ntfs3/xattr.c: the attributes of a file as NTFS has them. */
const ATTRIBUTES = 'system.ntfs_attrib';

// [MS-FSCC] 2.6: file attributes
const REPARSE_POINT = 0x400;
const OFFLINE = 0x1000;
const RECALL_ON_OPEN = 0x4_0000;
const RECALL_ON_DATA_ACCESS = 0x40_0000;
const ELSEWHERE = OFFLINE | RECALL_ON_OPEN | RECALL_ON_DATA_ACCESS;

/** fs/hfsplus/xattr.c: in it, or in a fork that Linux does not show, macOS keeps what it compressed. The file itself is empty then. */
const COMPRESSED = 'osx.com.apple.decmpfs';

/** `elsewhere`: a placeholder, its data is in a cloud or on tape. `reparse`: no file, but what some program makes of it. */
export type Unreadable = 'elsewhere' | 'reparse' | 'compressed';

async function attributeOf(
  task: UserTask,
  target: XattrTarget,
  name: string,
  buffer: UserBuffer,
): Promise<Uint8Array | undefined> {
  try {
    return await getxattr(task, target, name, buffer);
  } catch (cause) {
    if (cause instanceof KernelError) return undefined;
    throw cause;
  }
}

async function attributesOf(task: UserTask, target: XattrTarget, buffer: UserBuffer): Promise<number | undefined> {
  const value = await attributeOf(task, target, ATTRIBUTES, buffer);
  if (value === undefined || value.length < 4) return undefined;
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true);
}

/** File systems that have such files, as the kernel calls them. */
export const hidesContent = (type: string): boolean => type === 'ntfs3' || type === 'hfsplus';

/** Whether the working directory is on an NTFS. */
export const isNtfs = async (task: UserTask, buffer: UserBuffer): Promise<boolean> =>
  (await attributesOf(task, { path: '.' }, buffer)) !== undefined;

/**
 * Of a regular file. Linux shows symlinks and junctions as symlinks and reads what Windows compressed (WOF); all other
 * reparse points are empty files to it (links of WSL, its sockets and devices, aliases of apps), placeholders full of zeros.
 * Of HFS+ it reads nothing that macOS compressed: such files are empty.
 */
export async function unreadable(
  task: UserTask,
  target: XattrTarget,
  size: number,
  buffer: UserBuffer,
): Promise<Unreadable | undefined> {
  if (size === 0 && (await attributeOf(task, target, COMPRESSED, buffer)) !== undefined) return 'compressed';
  const attributes = await attributesOf(task, target, buffer);
  if (attributes === undefined || (attributes & REPARSE_POINT) === 0) return undefined;
  if ((attributes & ELSEWHERE) !== 0) return 'elsewhere';
  return size === 0 ? 'reparse' : undefined;
}

/** What reading such a file fails with; undefined of what is no file. */
export function readErrorOf(why: Unreadable | undefined): KernelError | undefined {
  if (why === 'elsewhere') return new KernelError('pread64', errnos.ENODATA.number);
  if (why === 'compressed') return new KernelError('pread64', errnos.EOPNOTSUPP.number);
  return undefined;
}
