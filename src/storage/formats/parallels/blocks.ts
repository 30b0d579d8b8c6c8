/** Clusters of a Parallels disk that is written: appended, then told of in its table. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError, StorageError } from '../../errors.ts';
import { type Blocks, growTo } from '../parts/growing.ts';
import { blocksApart, readTable, write32 } from '../parts/written-table.ts';

const LITTLE = true;
const SECTOR = 512;
const MAX_ENTRY = 0xffffffff;

export interface WrittenParallels {
  readonly name: string;
  readonly sizeBytes: number;
  readonly clusterBytes: number;
  readonly tableAt: number;
  /** Of the whole table, also what of it is no cluster of the disk. */
  readonly entries: number;
  /** Where the header says that clusters may begin; 0: behind the table. */
  readonly dataAt: number;
  /** What an entry counts. */
  readonly unitBytes: number;
}

/** Rejects with a FormatError where the table is damaged. */
export async function parallelsBlocks(source: ByteSource, disk: WrittenParallels): Promise<Blocks> {
  const { name, sizeBytes, clusterBytes, tableAt, entries, dataAt, unitBytes } = disk;
  const table = await readTable(name, source, tableAt, Math.ceil(sizeBytes / clusterBytes));
  const placeOf = (block: number) => table.getUint32(4 * block, LITTLE) * unitBytes;
  const tableEnd = tableAt + 4 * entries;
  const headersEnd = Math.max(dataAt, tableEnd);
  if (headersEnd > source.sizeBytes) throw new FormatError(name, 'its clusters begin behind the end of its file');
  const used: number[] = [];
  for (let block = 0; block < table.byteLength / 4; block += 1) if (placeOf(block) !== 0) used.push(placeOf(block));
  // The last cluster of others may be as short as the disk.
  const to = Math.max(source.sizeBytes, Math.ceil(source.sizeBytes / clusterBytes) * clusterBytes);
  const usedEnd = blocksApart(name, used, clusterBytes, { from: tableEnd, to });
  let end = Math.max(usedEnd, Math.ceil(headersEnd / SECTOR) * SECTOR);
  return {
    name,
    sizeBytes,
    blockBytes: clusterBytes,
    placeOf: (block) => placeOf(block) || undefined,
    // The last one of others may be short.
    touch: (place) => growTo(name, source, place + clusterBytes),
    async append() {
      const place = Math.ceil(end / unitBytes) * unitBytes;
      if (place / unitBytes > MAX_ENTRY)
        throw new StorageError('ENOSPC', 'the disk has as many clusters as it can count');
      await growTo(name, source, place + clusterBytes);
      end = place + clusterBytes;
      return place;
    },
    async commit(added) {
      for (const [block, place] of added) await write32(source, tableAt + 4 * block, place / unitBytes, LITTLE);
      await source.flush?.();
    },
  };
}
