/** The smallest file system that holds a tree, found by making it. */

import { HostError } from '../../errors/host-error.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { LimitError } from '../../tree/write/limits.ts';
import { fileSystemTools } from './file-systems.ts';
import { smallestFitByEmpty } from './fit-size.ts';
import { inodeWords } from './inodes.ts';
import { likelyBytes, type TreeMeasure } from './tree-measure.ts';

export interface FitRequest {
  readonly type: string;
  readonly measure: TreeMeasure;
  /** Words for the program that makes it. */
  readonly more: readonly string[];
}

const GRAIN = 64 * 1024;
/** Makes a new one of that size, with those words, fills it unless `isEmpty`, and answers how many bytes are left in it. */
export type FitAttempt = (bytes: number, more: readonly string[], isEmpty: boolean) => Promise<number>;

/**
 * Of what `attempt` makes the one before is forgotten. Its last call is with the size that is answered: the bytes are those of that size,
 * asked for. A large tree is put in twice, as a rule: what it takes is known then. Undefined: it fits into none.
 */
export async function makeToFit({ type, measure, more }: FitRequest, attempt: FitAttempt): Promise<number | undefined> {
  const words = (bytes: number) => [...inodeWords(type, measure, more, bytes), ...blocks(type, measure, more), ...more];
  let isFirst = true;
  const least = more.length > 0 ? GRAIN : (fileSystemTools(type)?.leastBytes ?? GRAIN);
  const search = { first: likelyBytes(type, measure), least, grain: GRAIN };
  const tried = (isEmpty: boolean) => async (bytes: number) => {
    try {
      return await attempt(bytes, words(bytes), isEmpty);
    } catch (cause) {
      // What no program makes at the first size it makes at none: its own words are the reason.
      if (isFull(cause) || (!isFirst && cause instanceof HostError && cause.kind === 'tool-failed')) return undefined;
      throw cause;
    } finally {
      isFirst = false;
    }
  };
  return smallestFitByEmpty(search, tried(false), tried(true));
}

export const isFull = (cause: unknown): cause is KernelError =>
  cause instanceof KernelError && cause.errno === 'ENOSPC' && !(cause instanceof LimitError);

/** A symlink has one block of ext4 at most, with its end, and so have attributes, with some bytes for each: small file systems have such of 1 KiB. */
const SMALL_BLOCK = 1024;
const SMALL_ATTRIBUTES = 800;

function blocks(type: string, { linkBytes, attributeBytes }: TreeMeasure, more: readonly string[]): readonly string[] {
  const isTold = more.some((word) => word.startsWith('-b'));
  const isMore = linkBytes >= SMALL_BLOCK || attributeBytes > SMALL_ATTRIBUTES;
  return /^ext[234]$/.test(type) && !isTold && isMore ? ['-b', '4096'] : [];
}
