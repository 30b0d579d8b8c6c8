/** Where the data of a sparse file lie in a tar that is read where it lies. */

import type { PaxRecord } from '../../../archive/tar/extended.ts';
import { TAR_BLOCK } from '../../../archive/tar/header.ts';
import { oldGnuMap, paxSparseMap, SparseError, type SparseMap } from '../../../archive/tar/sparse.ts';
import type { Extent, Raw } from '../node.ts';
import type { HeaderReader } from '../reader.ts';

export interface Sparse {
  readonly realSize: number;
  readonly extents: readonly Extent[];
  /** Where the next header may lie at the earliest: the maps between take room that the size does not count. */
  readonly dataAt: number;
}

const whole = (bytes: number): number => Math.ceil(bytes / TAR_BLOCK) * TAR_BLOCK;

/** Each run fills whole blocks. */
function placed({ realSize, runs, isInData }: SparseMap, mapEnd: number, dataAt: number, archived: number): Sparse {
  const extents: Extent[] = [];
  let at = mapEnd;
  for (const { offset, bytes } of runs) {
    if (bytes > 0) extents.push({ offset, bytes, at });
    at += whole(bytes);
  }
  const there = archived - (isInData ? mapEnd - dataAt : 0);
  if (at - mapEnd >= there + TAR_BLOCK) throw new SparseError('the map of its holes has more data than there are');
  return { realSize, extents, dataAt: isInData ? dataAt : mapEnd };
}

/** Blocks one after another, and where the next one is. */
function blocksFrom(reader: HeaderReader, start: number, end: number) {
  let at = start;
  return {
    next: async () => {
      if (at >= end) throw new SparseError('the map of its holes is cut short');
      const block = await reader.read(at, TAR_BLOCK);
      at += TAR_BLOCK;
      return block;
    },
    at: () => at,
  };
}

/** The map goes on behind the header. */
export async function oldGnuSparse(
  reader: HeaderReader,
  block: Uint8Array,
  at: number,
  archived: number,
): Promise<Sparse> {
  const blocks = blocksFrom(reader, at + TAR_BLOCK, Number.POSITIVE_INFINITY);
  const map = await oldGnuMap(block, blocks.next);
  return placed(map, blocks.at(), blocks.at(), archived);
}

/** Undefined where the records tell of no holes. */
export async function paxSparse(
  reader: HeaderReader,
  pax: ReadonlyMap<Raw, Uint8Array>,
  records: readonly PaxRecord[],
  dataAt: number,
  archived: number,
): Promise<Sparse | undefined> {
  const blocks = blocksFrom(reader, dataAt, dataAt + whole(archived));
  const map = await paxSparseMap(pax, records, blocks.next);
  return map && placed(map, blocks.at(), dataAt, archived);
}
