/** A disk as a new qcow2 in a file: read once, data as they come, the header last, so that half of one is none. */

import type { ByteSource } from '../../../byte-source.ts';
import { dataRuns } from '../../../sources/data-runs.ts';
import type { Progress, WriteAt } from '../../make/made-of-blocks.ts';
import { CLUSTER, ClusterSet, layoutOf } from './layout.ts';

/** Answers how long the file is. Every byte of it that is not written is a hole. `progress` is told how far in the disk it is. */
export async function qcow2ToFile(disk: ByteSource, write: WriteAt, progress?: Progress): Promise<number> {
  const set = new ClusterSet(disk.sizeBytes);
  for await (const { at, bytes } of dataRuns(disk, CLUSTER)) {
    await write(CLUSTER + set.count * CLUSTER, bytes);
    set.add(at, bytes.length);
    await progress?.(at + bytes.length);
  }
  const layout = layoutOf(set, 'data');
  let at = layout.tablesAt;
  for (const table of layout.tables()) {
    await write(at, table);
    at += table.length;
  }
  await write(0, layout.header);
  return layout.fileBytes;
}
