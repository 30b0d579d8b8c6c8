/** Fills a file system on a disk with a tree, by mounting it. */

import { KernelError } from '../../kernel/kernel-error.ts';
import { statfs64 } from '../../kernel/syscalls/mount.ts';
import { type CopyOptions, type CopyReport, copyTree } from '../../tree/write/copy-tree.ts';
import type { Entry } from '../../tree/write/entry.ts';
import { LimitError } from '../../tree/write/limits.ts';
import { TreeWriter } from '../../tree/write/tree-writer.ts';
import type { Workshop } from '../workshop.ts';
import { OutOfInodes } from './inodes.ts';

/** fs/ext4/super.c, ext4_set_resv_clusters(): of the free blocks so many are for what must not fail; they are nobody's. */
const EXT4_KEPT = 0.02;
const EXT4_KEPT_MOST = 4096;

export interface FillReport extends CopyReport {
  /** What is left for files, that of root included. */
  readonly freeBytes: number;
}

/** All is on the disk when this settles, and nothing is mounted; rejects at the first thing that cannot be written. */
export function fillFileSystem(
  workshop: Workshop,
  disk: string,
  type: string,
  tree: AsyncIterable<Entry>,
  options: CopyOptions = {},
): Promise<FillReport> {
  return workshop.mounted(disk, type, async (mountPoint) => {
    const writer = await TreeWriter.open(workshop.kernel.init, mountPoint);
    const report = await copyTree(writer, tree, options).catch(async (cause: unknown) => {
      throw await whatIsFull(workshop, mountPoint, cause);
    });
    await writer.close();
    const { blocks, bfree, frsize, bsize } = await statfs64(workshop.kernel.init, mountPoint);
    const kept = type === 'ext4' ? Math.min(Math.floor(blocks * EXT4_KEPT), EXT4_KEPT_MOST) : 0;
    return { ...report, freeBytes: Math.max(0, bfree - kept) * (frsize || bsize) };
  });
}

/** For one that stays empty. */
export async function* noEntries(): AsyncGenerator<Entry> {}

/** Linux has one word for no room and no inodes; the file system knows. */
async function whatIsFull(workshop: Workshop, mountPoint: string, cause: unknown): Promise<unknown> {
  if (!(cause instanceof KernelError) || cause.errno !== 'ENOSPC' || cause instanceof LimitError) return cause;
  const { files, ffree } = await statfs64(workshop.kernel.init, mountPoint);
  return files > 0 && ffree === 0 ? new OutOfInodes(cause, files) : cause;
}
