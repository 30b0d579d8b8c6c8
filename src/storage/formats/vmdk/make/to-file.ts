/** A disk as a new VMDK in a file (monolithicSparse): read once, data as they come, the header last, so that half of one is none. */

import type { ByteSource } from '../../../byte-source.ts';
import { StorageError } from '../../../errors.ts';
import { dataRuns } from '../../../sources/data-runs.ts';
import type { WriteAt } from '../../qcow2/make/to-file.ts';
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
  TABLE_ENTRIES,
} from './header.ts';

/** Answers how long the file is. Every byte of it that is not written is a hole. `progress` is told how far in the disk it is. */
export async function vmdkToFile(
  disk: ByteSource,
  write: WriteAt,
  progress?: (atBytes: number) => void | Promise<void>,
): Promise<number> {
  const sectors = sectorsOf(disk.sizeBytes);
  const tables = Math.ceil(sectors / (GRAIN_SECTORS * TABLE_ENTRIES));
  const directorySectors = sectorsOf(4 * tables);
  const setSectors = directorySectors + tables * (TABLE_BYTES / SECTOR);
  const [copyAt, directoryAt] = [AFTER_DESCRIPTOR, AFTER_DESCRIPTOR + setSectors];
  const overhead = roundUp(directoryAt + setSectors, GRAIN_SECTORS);
  if (overhead > MAX_SECTORS) throw tooLarge();

  let next = overhead;
  let table = new Uint32Array(TABLE_ENTRIES);
  let number = 0;
  const putTable = async () => {
    const bytes = littleEndian(table);
    if (table.every((entry) => entry === 0)) return;
    for (const at of [copyAt, directoryAt]) {
      await write(SECTOR * (at + directorySectors) + number * TABLE_BYTES, bytes);
    }
  };
  for await (const { at, bytes } of dataRuns(disk, GRAIN)) {
    await write(next * SECTOR, bytes);
    for (let done = 0; done < bytes.length; done += GRAIN, next += GRAIN_SECTORS) {
      const grain = (at + done) / GRAIN;
      const its = Math.floor(grain / TABLE_ENTRIES);
      if (its !== number) {
        await putTable();
        [table, number] = [new Uint32Array(TABLE_ENTRIES), its];
      }
      table[grain % TABLE_ENTRIES] = next;
    }
    if (next > MAX_SECTORS) throw tooLarge();
    await progress?.(at + bytes.length);
  }
  await putTable();
  for (const at of [copyAt, directoryAt]) {
    const first = at + directorySectors;
    const directory = Uint32Array.from({ length: tables }, (_, index) => first + index * (TABLE_BYTES / SECTOR));
    await write(SECTOR * at, littleEndian(directory));
  }
  const header = { sectors, isStream: false, directoryAt: BigInt(directoryAt), copyAt: BigInt(copyAt), overhead };
  await write(SECTOR, encodeDescriptor(header));
  await write(0, encodeHeader(header));
  return next * SECTOR;
}

export function littleEndian(entries: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * entries.length);
  const view = new DataView(bytes.buffer);
  for (const [index, entry] of entries.entries()) view.setUint32(4 * index, entry, true);
  return bytes;
}

export const tooLarge = (): StorageError =>
  new StorageError('EOPNOTSUPP', 'a VMDK has at most 2 TiB of data: qcow2, VHDX and raw have room for more');
