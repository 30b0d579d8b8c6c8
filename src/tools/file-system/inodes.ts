/** File systems whose program decides how many files they can have: told to make more of them where a tree has more. */

import { HostError } from '../../errors/host-error.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { TreeMeasure } from './tree-measure.ts';

/** There is no room for a file more, though there may be for data. */
export class OutOfInodes extends KernelError {
  /** All that the file system has. */
  readonly inodes: number;

  constructor({ call, number, path }: KernelError, inodes: number) {
    super(call, number, path, `all of its ${inodes.toLocaleString('en')} inodes are used`);
    this.inodes = inodes;
  }
}

/** The first ones of ext4 are its own; a few more are for whoever mounts it. */
const SPARE_INODES = 11 + 16;
/** Of a file system that was given a size: what is put into it later wants some, too. */
const LATER = 1.1;

const MIB = 2 ** 20;

/**
 * mke2fs parts them evenly between its groups and rounds down, in each by 16 at most: below 512 MiB, with blocks of 1 KiB, a
 * group has 8 MiB, above it 128.
 */
const roundedAway = (bytes: number): number => 16 * Math.ceil(bytes / ((bytes < 512 * MIB ? 8 : 128) * MIB));

/**
 * mke2fs makes one for each 4 or 16 KiB, used or not: here it is known how many there will be, on an image of `bytes`. Nothing,
 * where that was said.
 */
export function inodeWords(
  type: string,
  { entries }: Pick<TreeMeasure, 'entries'>,
  more: readonly string[],
  bytes = 0,
): readonly string[] {
  const isTold = more.some((word) => /^-[NiT]/.test(word));
  return /^ext[234]$/.test(type) && !isTold ? ['-N', String(entries + SPARE_INODES + roundedAway(bytes))] : [];
}

export interface InodesRequest {
  readonly type: string;
  /** Words for the program that makes it. */
  readonly more: readonly string[];
  /** Reads all of the tree. */
  measure(): Promise<TreeMeasure>;
}

/**
 * `attempt` makes and fills a new one with those words; where inodes run out it is called once more, with words for enough of them. Rejects
 * as the first did where that cannot be.
 */
export async function withEnoughInodes<T>(
  { type, more, measure }: InodesRequest,
  attempt: (more: readonly string[]) => Promise<T>,
): Promise<T> {
  try {
    return await attempt(more);
  } catch (cause) {
    if (!(cause instanceof OutOfInodes)) throw cause;
    const { entries, ...others } = await measure();
    const words = inodeWords(type, { ...others, entries: Math.ceil(entries * LATER) }, more);
    if (words.length === 0) throw cause;
    return attempt([...words, ...more]).catch((again: unknown) => {
      // So many have no room: it is the size that is too small.
      throw again instanceof HostError && again.kind === 'tool-failed' ? cause : again;
    });
  }
}
