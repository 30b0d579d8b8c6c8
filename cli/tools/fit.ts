/** `lkl mkfs --size fit`: the smallest image that holds a tree, found by making it. */

import { HostError } from '../../src/errors/host-error.ts';
import { fileSystemTools } from '../../src/tools/file-system/file-systems.ts';
import { smallestFit } from '../../src/tools/file-system/fit-size.ts';
import { likelyBytes, measureTree, type TreeMeasure } from '../../src/tools/file-system/tree-measure.ts';
import type { CopyReport } from '../../src/tree/write/copy-tree.ts';
import { Failure } from '../failure.ts';
import { type MadeImage, makeImageFile } from './image-file.ts';
import { isFull, type MkfsJob, makeAndFill } from './mkfs.ts';

const GRAIN = 64 * 1024;

/** Whatever size is kept is the one that was made last: the bytes are those of `mkfs --size` with that number. */
export async function mkfsToFit(job: MkfsJob): Promise<CopyReport | undefined> {
  const { image, options, contents } = job;
  if (!contents) return undefined;
  const measure = await measureTree(contents());
  const fitted = { ...job, more: [...inodes(options.type, measure, job.more), ...job.more] };
  let made: MadeImage | undefined;
  let report: CopyReport | undefined;
  let isFirst = true;
  const attempt = async (size: number): Promise<number | undefined> => {
    made?.discard();
    made = makeImageFile(image, { size, ...(isFirst && options.force && { force: true }) });
    try {
      const filled = await makeAndFill(fitted, made);
      report = filled;
      return filled?.freeBytes;
    } catch (cause) {
      // What no program makes at the first size it makes at none: its own words are the reason.
      if (isFull(cause) || (!isFirst && cause instanceof HostError && cause.kind === 'tool-failed')) return undefined;
      throw cause;
    } finally {
      isFirst = false;
    }
  };
  try {
    const least = job.more.length > 0 ? GRAIN : (fileSystemTools(options.type)?.leastBytes ?? GRAIN);
    const search = { first: likelyBytes(options.type, measure), least, grain: GRAIN };
    if ((await smallestFit(search, attempt)) === undefined)
      throw new Failure('image', `${image}: what is in the tree fits into no ${options.type}`);
    made?.keep();
    return report;
  } catch (cause) {
    made?.discard();
    throw cause;
  }
}

/** The first ones of ext4 are its own; a few more are for whoever mounts it. */
const SPARE_INODES = 11 + 16;

/** mke2fs makes one for each 4 or 16 KiB, used or not: here it is known how many there will be. */
function inodes(type: string, { entries }: TreeMeasure, more: readonly string[]): readonly string[] {
  const isTold = more.some((word) => /^-[NiT]/.test(word));
  return /^ext[234]$/.test(type) && !isTold ? ['-N', String(entries + SPARE_INODES)] : [];
}
