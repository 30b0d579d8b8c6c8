/** What a file system has no more of, though it has room: told by its own limit, which errno alone would hide. */

import { KernelError } from '../../kernel/kernel-error.ts';
import { statfs64 } from '../../kernel/syscalls/mount.ts';
import type { Name } from '../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../kernel/user-task.ts';

/** No larger image helps. */
export class LimitError extends KernelError {}

/** <linux/magic.h>. */
const MSDOS_SUPER_MAGIC = 0x4d44;
const EXT4_SUPER_MAGIC = 0xef53;
const BTRFS_SUPER_MAGIC = 0x9123683e;

/** What needs room in a directory. Of anything else ENOSPC is want of room, though there is some again once what came of the file is gone. */
const naming: ReadonlySet<string> = new Set(['openat', 'mkdirat', 'mknodat', 'symlinkat', 'linkat', 'renameat2']);

/** So many bytes are free where a file system is not full. */
const ROOM = 64 * 1024;

type Limits = Readonly<Record<string, string>>;
/** Of a file that is too large, of names of one file, of a directory. */
const byType: ReadonlyMap<number, Limits> = new Map([
  [
    MSDOS_SUPER_MAGIC,
    {
      EFBIG: 'a file of FAT has less than 4 GiB',
      ENOSPC:
        'its directory is full: one of FAT has 65,536 entries, of which a long name takes several (the root of FAT12 and FAT16: 512)',
    },
  ],
  [EXT4_SUPER_MAGIC, { EMLINK: 'a file of ext4 has 65,000 names at most' }],
  [BTRFS_SUPER_MAGIC, { EMLINK: 'a file of btrfs has 65,535 names in one directory at most' }],
]);
const others: Limits = {
  EFBIG: 'no file of this file system can be so large',
  EMLINK: 'no file of this file system has so many names',
};

/** What is to be thrown for `cause`, which writing below `root` ended with. */
export async function explainLimit(task: UserTask, root: Name, cause: unknown): Promise<unknown> {
  if (!(cause instanceof KernelError) || !['EFBIG', 'EMLINK', 'ENOSPC'].includes(cause.errno ?? '')) return cause;
  const { type, blocks, bfree, bavail, bsize, frsize, files, ffree } = await statfs64(task, root);
  if (cause.errno === 'ENOSPC' && (!naming.has(cause.call) || bavail * bsize < ROOM || (files > 0 && ffree === 0))) {
    const [all, free] = [blocks, bfree].map((count) => (count * (frsize || bsize)).toLocaleString('en'));
    const inodes = `all of its ${files.toLocaleString('en')} inodes are used`;
    const room = `no space left: of its ${all} bytes ${free} are free without this`;
    return new KernelError(cause.call, cause.number, cause.path, files > 0 && ffree === 0 ? inodes : room);
  }
  const said = (byType.get(type >>> 0) ?? others)[cause.errno ?? ''] ?? others[cause.errno ?? ''];
  return said === undefined ? cause : new LimitError(cause.call, cause.number, cause.path, said);
}
