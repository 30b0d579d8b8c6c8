/** What the kernel logged as an error while files were read, or while the file system was mounted. */

import { KERN_ERR, type KernelLog } from '../../kernel/kernel-log.ts';

/** What these say reaches a reader as an errno, or was mended from a copy. */
const harmless = /^(I\/O error, dev |Buffer I\/O error on dev |BTRFS )/;

/**
 * A listing may lack names without any call failing: ext4 passes over a directory block with a wrong checksum, vfat over
 * one that cannot be read, and both say so in the kernel's log alone. So may a mount: what it could not read then, a
 * root directory or a bitmap, is asked for by no call later. Messages at KERN_ERR and above, each once.
 */
export async function loggedErrors(log: KernelLog): Promise<Set<string>> {
  const records = await log.records();
  return new Set(
    records.flatMap(({ level, message }) => (level <= KERN_ERR && !harmless.test(message) ? [message] : [])),
  );
}
