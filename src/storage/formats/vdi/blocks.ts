/** Blocks of a VDI that is written: numbered as they come, and counted in the header. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { type Blocks, growTo } from '../parts/growing.ts';
import { blocksApart, readTable, write32 } from '../parts/written-table.ts';

const VDI = 'vdi';
const HEADER_BYTES = 512;
const COUNT_AT = 388;
const LITTLE = true;
/** From here on entries are none: unallocated, or zeros. */
const NONE = 0xfffffffe;

export interface WrittenVdi {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly mapAt: number;
  readonly dataAt: number;
  /** As the header has it. */
  readonly allocated: number;
}

/** Rejects with a FormatError where the table is damaged. */
export async function vdiBlocks(source: ByteSource, disk: WrittenVdi): Promise<Blocks> {
  const { sizeBytes, blockBytes, mapAt, dataAt, allocated } = disk;
  const table = await readTable(VDI, source, mapAt, Math.ceil(sizeBytes / blockBytes));
  const entry = (block: number) => table.getUint32(4 * block, LITTLE);
  const used: number[] = [];
  for (let block = 0; block < table.byteLength / 4; block += 1)
    if (entry(block) < NONE) used.push(dataAt + entry(block) * blockBytes);
  if (mapAt < HEADER_BYTES || dataAt < mapAt + table.byteLength)
    throw new FormatError(VDI, 'its header is damaged: header, table and blocks lie in each other');
  const end = blocksApart(VDI, used, blockBytes, { from: dataAt, to: Math.max(source.sizeBytes, dataAt) });
  const highest = Math.ceil((end - dataAt) / blockBytes);
  // What somebody who was killed had counted is used again; where blocks are missing in between, nobody knows whose they are.
  let next = highest === used.length ? highest : Math.max(highest, allocated);
  let counted = allocated;

  return {
    name: VDI,
    sizeBytes,
    blockBytes,
    placeOf: (block) => (entry(block) < NONE ? dataAt + entry(block) * blockBytes : undefined),
    async append() {
      const place = dataAt + next * blockBytes;
      await growTo(VDI, source, place + blockBytes);
      next += 1;
      return place;
    },
    // A count that somebody who was killed left too high is right again with the first write, also where that adds nothing.
    async touch() {
      if (counted === next) return;
      await write32(source, COUNT_AT, next, LITTLE);
      counted = next;
    },
    async commit(added) {
      // An entry that is not counted yet would be taken for damage.
      if (counted !== next) {
        await write32(source, COUNT_AT, next, LITTLE);
        await source.flush?.();
        counted = next;
      }
      for (const [block, place] of added)
        await write32(source, mapAt + 4 * block, (place - dataAt) / blockBytes, LITTLE);
      await source.flush?.();
    },
  };
}
