/** `lkl mkfs --size fit`: the smallest image that holds a tree. */

import { noEntries } from '../../../src/tools/file-system/fill-file-system.ts';
import { makeToFit } from '../../../src/tools/file-system/make-to-fit.ts';
import { measureTree } from '../../../src/tools/file-system/tree-measure.ts';
import type { CopyReport } from '../../../src/tree/write/copy-tree.ts';
import { Failure } from '../../failure.ts';
import { type MadeImage, makeImageFile } from '../image-file.ts';
import { bytesBefore } from '../luks.ts';
import { type MkfsJob, makeAndFill } from './job.ts';

export async function mkfsToFit(job: MkfsJob): Promise<CopyReport | undefined> {
  const { image, options, contents, more, encryption } = job;
  if (!contents) return undefined;
  let made: MadeImage | undefined;
  let report: CopyReport | undefined;
  const attempt = async (size: number, words: readonly string[], isEmpty: boolean): Promise<number> => {
    made?.discard();
    made = makeImageFile(image, { size: size + bytesBefore(encryption), ...(options.force && { force: true }) });
    const filled = await makeAndFill({ ...job, more: words, ...(isEmpty && { contents: noEntries }) }, made);
    report = filled;
    return filled?.freeBytes ?? 0;
  };
  try {
    const request = { type: options.type, measure: await measureTree(contents()), more };
    if ((await makeToFit(request, attempt)) === undefined)
      throw new Failure('image', `${image}: what is in the tree fits into no ${options.type}`);
    made?.keep();
    return report;
  } catch (cause) {
    made?.discard();
    throw cause;
  }
}
