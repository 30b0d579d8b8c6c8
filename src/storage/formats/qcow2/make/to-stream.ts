/** A disk as a new qcow2 in a stream: looked through once for what is in it, and read once more as it goes out. */

import type { ByteSource } from '../../../byte-source.ts';
import { dataRuns, nextData } from '../../../sources/data-runs.ts';
import type { MadeStream } from '../../make/made-of-blocks.ts';
import { CLUSTER, ClusterSet, layoutOf } from './layout.ts';

export interface Qcow2Stream extends MadeStream {
  readonly fileBytes: number;
}

/** Read at a time as it goes out. */
const PIECE_BYTES = 2 ** 20;

/**
 * Zeros that nobody knows of are found by reading: where more than `lookBytes` would have to be read for that, what is not known
 * to be zeros is in the file as it is.
 */
export async function qcow2Stream(disk: ByteSource, lookBytes = Infinity): Promise<Qcow2Stream> {
  const known = await knownData(disk);
  const set = known.count * CLUSTER <= lookBytes ? await foundData(disk) : known;
  const layout = layoutOf(set, 'tables');
  return {
    fileBytes: layout.fileBytes,
    async writeTo(sink) {
      await sink(layout.header);
      for (const table of layout.tables()) await sink(table);
      const buffer = new Uint8Array(PIECE_BYTES);
      for (const { at, clusters } of runsOf(set, PIECE_BYTES / CLUSTER)) {
        const bytes = buffer.subarray(0, clusters * CLUSTER);
        const there = Math.min(bytes.length, disk.sizeBytes - at);
        await disk.read(at, bytes.subarray(0, there));
        bytes.fill(0, there);
        await sink(bytes);
      }
    },
  };
}

async function knownData(disk: ByteSource): Promise<ClusterSet> {
  const set = new ClusterSet(disk.sizeBytes);
  for (let at = 0; ; at += CLUSTER) {
    at = await nextData(disk, at, CLUSTER);
    if (at >= disk.sizeBytes) return set;
    set.add(at, 1);
  }
}

async function foundData(disk: ByteSource): Promise<ClusterSet> {
  const set = new ClusterSet(disk.sizeBytes);
  for await (const { at, bytes } of dataRuns(disk, CLUSTER)) set.add(at, bytes.length);
  return set;
}

function* runsOf(set: ClusterSet, most: number): Generator<{ readonly at: number; readonly clusters: number }> {
  for (const table of set.tables()) {
    const there = set.of(table);
    for (let begin = 0; begin < there.length; ) {
      let end = begin;
      while (end < there.length && end - begin < most && there[end]) end += 1;
      if (end > begin) yield { at: (table * there.length + begin) * CLUSTER, clusters: end - begin };
      begin = Math.max(end, begin + 1);
    }
  }
}
