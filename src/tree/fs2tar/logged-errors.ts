/** What the kernel logged as an error while files were read, or while the file system was mounted. */

import { KERN_ERR, KERN_WARNING, type KernelLog, type LogRecord } from '../../kernel/log/kernel-log.ts';
import { isDump } from '../../kernel/log/log-reason.ts';
import type { UserTask } from '../../kernel/user-task.ts';

/** What these say reaches a reader as an errno, was mended from a copy, or lacks nothing (a BFS as mkfs.bfs makes it: a NOTE at each mount). */
const harmless = /^(I\/O error, dev |Buffer I\/O error on dev |BTRFS |BFS-fs: \w+\(\): NOTE: )/;

/**
 * Warnings that tell of damage: nilfs2 goes back to an older checkpoint, minix and its like leave out what is bad. What a
 * crash leaves in a log of xfs ("Torn write") is none: the tree is then the one that a mount shows.
 */
const damage = /checksum error|checksum mismatch|invalid segment|corrupt|\bbad (inode|block|directory|dir)\b/i;

/**
 * A listing may lack names without any call failing: ext4 passes over a directory block with a wrong checksum, vfat over
 * one that cannot be read, and both say so in the kernel's log alone. So may a mount: what it could not read then, a
 * root directory or a bitmap, is asked for by no call later. Messages at KERN_ERR and above, each once, and some warnings.
 */
export async function loggedErrors(log: KernelLog, task?: UserTask): Promise<Set<string>> {
  return errorsIn(await log.records(task));
}

/** The same of what was read of a log. The bytes that a driver dumps beside what it says of them are no errors of their own. */
export function errorsIn(records: readonly LogRecord[]): Set<string> {
  return new Set(
    records.flatMap((record) => {
      const { level, message } = record;
      const bad = level <= KERN_ERR || (level === KERN_WARNING && damage.test(message));
      return bad && !harmless.test(message) && !isDump(record) ? [message.trim()] : [];
    }),
  );
}
