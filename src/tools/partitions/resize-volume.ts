/** Gives the file system of a disk another size, with the partition at its end that it is in. */

import { HostError } from '../../errors/host-error.ts';
import type { ImageReport } from '../../image/mounted-image.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { prepareResize, resizeFileSystem } from '../file-system/resize-file-system.ts';
import { findVolume, type VolumeChoice } from '../find-volume.ts';
import type { Volume } from '../volume.ts';
import type { Workshop } from '../workshop.ts';
import { readTable, resizedTable, SECTOR_BYTES, tableScript, writeTable } from './partition-table.ts';

export interface VolumeResize {
  readonly shop: Workshop;
  /** /dev/vda: as large as the larger of both sizes. */
  readonly disk: string;
  /** Of the disk as it was. */
  readonly report: ImageReport;
  readonly volume: Volume;
  /** Of the disk, then: whole sectors. */
  readonly bytes: number;
  readonly isSmaller: boolean;
}

/** As `findVolume`. Of several partitions the last one gives and takes room: it is meant where none is named. */
export function findResized(
  device: BlockDevice,
  report: ImageReport,
  { partition, type }: Pick<VolumeChoice, 'partition' | 'type'>,
): Promise<Volume> {
  const [last] = [...report.partitions].sort((a, b) => b.startBytes - a.startBytes);
  return findVolume(device, report, { partition: partition ?? last?.number, type, can: () => true });
}

/**
 * Answers the table, which is to be written once more where the disk became smaller: its backup goes to the new end. Undefined: there is
 * none. `changed` is called before the first change of the table. Rejects with `cannot-resize`.
 */
export async function resizeVolume(job: VolumeResize, changed: () => void = () => {}): Promise<string | undefined> {
  return job.volume.partition === undefined ? whole(job) : inTable(job, job.volume.partition, changed);
}

async function whole({ shop, disk, volume: { type }, bytes, isSmaller }: VolumeResize): Promise<undefined> {
  const place = { disk, partition: undefined };
  await prepareResize(shop, place, type, isSmaller);
  await resizeFileSystem(shop, place, type, bytes);
}

/** The file system before its partition when it becomes smaller, after it when it becomes larger. */
async function inTable(
  { shop, disk, report, volume: { type }, bytes }: VolumeResize,
  partition: number,
  changed: () => void,
): Promise<string> {
  const found = await readTable(shop, disk);
  // Of a GPT in other sectors than of 512 bytes sfdisk sees the protective table alone.
  if (found.label !== report.partitionTable)
    throw new HostError('cannot-resize', `the ${report.partitionTable} partition table is none that is changed`);
  const { table, before, after } = resizedTable(found, partition, bytes / SECTOR_BYTES);
  const script = tableScript(table);
  const place = { disk, partition };
  const shrinks = after.size < before.size;
  await prepareResize(shop, place, type, shrinks);
  if (shrinks) await resizeFileSystem(shop, place, type, after.size * SECTOR_BYTES);
  changed();
  await writeTable(shop, disk, script);
  if (!shrinks) await resizeFileSystem(shop, place, type, after.size * SECTOR_BYTES);
  return script;
}
