/** A disk as a new VMDK of one file that is written here and there (monolithicSparse): its grains behind two sets of tables. */

import type { BlockLayout, Piece } from '../../make/made-of-blocks.ts';
import { blockEntries, tablePages } from '../../make/table-pages.ts';
import { SECTOR } from '../descriptor.ts';
import {
  AFTER_DESCRIPTOR,
  encodeDescriptor,
  encodeHeader,
  GRAIN,
  GRAIN_SECTORS,
  MAX_SECTORS,
  roundUp,
  sectorsOf,
  TABLE_BYTES,
  tablesOf,
  tooLarge,
} from './header.ts';

/** Throws a StorageError for a disk that no VMDK can have. */
export function vmdkLayout(diskBytes: number): BlockLayout {
  const sectors = sectorsOf(diskBytes);
  const tables = tablesOf(sectors);
  const directorySectors = sectorsOf(4 * tables);
  const setSectors = directorySectors + tables * (TABLE_BYTES / SECTOR);
  const [copyAt, directoryAt] = [AFTER_DESCRIPTOR, AFTER_DESCRIPTOR + setSectors];
  const overhead = roundUp(directoryAt + setSectors, GRAIN_SECTORS);
  if (overhead > MAX_SECTORS) throw tooLarge();
  const header = { sectors, isStream: false, directoryAt: BigInt(directoryAt), copyAt: BigInt(copyAt), overhead };
  return {
    blockBytes: GRAIN,
    blocksAt: overhead * SECTOR,
    check(grains) {
      if (overhead + grains * GRAIN_SECTORS > MAX_SECTORS) throw tooLarge();
    },
    *head(grains): Generator<Piece> {
      yield { at: 0, bytes: encodeHeader(header) };
      yield { at: SECTOR, bytes: encodeDescriptor(header) };
      for (const at of [copyAt, directoryAt]) {
        const first = at + directorySectors;
        yield* tablePages(
          { at: SECTOR * at, bytes: directorySectors * SECTOR, entryBytes: 4 },
          (function* () {
            for (let index = 0; index < tables; index += 1)
              yield { index, value: first + index * (TABLE_BYTES / SECTOR) };
          })(),
          putWord,
        );
        yield* tablePages(
          { at: SECTOR * first, bytes: tables * TABLE_BYTES, entryBytes: 4 },
          blockEntries(grains, (ordinal) => overhead + ordinal * GRAIN_SECTORS),
          putWord,
        );
      }
    },
  };
}

const putWord = (page: DataView, at: number, value: number): void => page.setUint32(at, value, true);
