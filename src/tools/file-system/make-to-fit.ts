/** The smallest file system that holds a tree, found by making it. */

import { HostError } from '../../errors/host-error.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { fileSystemTools } from './file-systems.ts';
import { smallestFit } from './fit-size.ts';
import { inodeWords } from './inodes.ts';
import { likelyBytes, type TreeMeasure } from './tree-measure.ts';

export interface FitRequest {
  readonly type: string;
  readonly measure: TreeMeasure;
  /** Words for the program that makes it. */
  readonly more: readonly string[];
}

const GRAIN = 64 * 1024;
/** Those whose free blocks are free for any file. The others keep some for themselves, or make more as they fill. */
const LEFT_IS_SURE = /^(ext[234]|vfat|exfat)$/;

/**
 * `attempt` makes and fills a new one of that size, with those words, and answers how many bytes are left in it; what it made before is
 * forgotten. Its last call is with the size that is answered: the bytes are those of that size, asked for. Undefined: it fits into none.
 */
export async function makeToFit(
  { type, measure, more }: FitRequest,
  attempt: (bytes: number, more: readonly string[]) => Promise<number>,
): Promise<number | undefined> {
  const words = (bytes: number) => [...inodeWords(type, measure, more, bytes), ...blocks(type, measure, more), ...more];
  let isFirst = true;
  const least = more.length > 0 ? GRAIN : (fileSystemTools(type)?.leastBytes ?? GRAIN);
  const search = { first: likelyBytes(type, measure), least, grain: GRAIN, isLeftSure: LEFT_IS_SURE.test(type) };
  return smallestFit(search, async (bytes) => {
    try {
      return await attempt(bytes, words(bytes));
    } catch (cause) {
      // What no program makes at the first size it makes at none: its own words are the reason.
      if (isFull(cause) || (!isFirst && cause instanceof HostError && cause.kind === 'tool-failed')) return undefined;
      throw cause;
    } finally {
      isFirst = false;
    }
  });
}

export const isFull = (cause: unknown): cause is KernelError =>
  cause instanceof KernelError && cause.errno === 'ENOSPC';

/** A symlink has one block of ext4 at most, with its end: small file systems have such of 1 KiB. */
const SMALL_BLOCK = 1024;

function blocks(type: string, { linkBytes }: TreeMeasure, more: readonly string[]): readonly string[] {
  const isTold = more.some((word) => word.startsWith('-b'));
  return /^ext[234]$/.test(type) && !isTold && linkBytes >= SMALL_BLOCK ? ['-b', '4096'] : [];
}
