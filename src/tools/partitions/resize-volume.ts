/** Gives the file system of a disk another size, with the partition at its end that it is in. */

import { HostError } from '../../errors/host-error.ts';
import type { LocatedVolume } from '../../image/image.ts';
import type { ImageReport } from '../../image/mounted-image.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { prepareResize, resizeFileSystem } from '../file-system/resize-file-system.ts';
import { findVolume, type VolumeChoice } from '../find-volume.ts';
import type { Volume } from '../volume.ts';
import type { Workshop } from '../workshop.ts';
import { encryptedContent, isEncrypted, type ResizedContent } from './encrypted-content.ts';
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
  /** Runs `work` on what lies in an encrypted volume; undefined: the whole disk is one. */
  readonly inVolume: InVolume;
}

export type InVolume = <T>(partition: number | undefined, work: (volume: LocatedVolume) => Promise<T>) => Promise<T>;

/** As `findVolume`. Of several partitions the last one gives and takes room: it is meant where none is named. */
export function findResized(
  device: BlockDevice,
  report: ImageReport,
  { partition, type }: Pick<VolumeChoice, 'partition' | 'type'>,
): Promise<Volume> {
  const [last] = [...report.partitions].sort((a, b) => b.startBytes - a.startBytes);
  return findVolume(device, report, {
    partition: partition ?? last?.number,
    type,
    can: () => true,
    opens: isEncrypted,
  });
}

/**
 * Answers the table, which is to be written once more where the disk became smaller: its backup goes to the new end. Undefined: there is
 * none. `changed` is called before the first change. Rejects with `cannot-resize`.
 */
export async function resizeVolume(job: VolumeResize, changed: () => void = () => {}): Promise<string | undefined> {
  return job.volume.partition === undefined ? whole(job, changed) : inTable(job, job.volume.partition, changed);
}

async function whole(job: VolumeResize, changed: () => void): Promise<undefined> {
  const { bytes, isSmaller } = job;
  const content = contentOf(job, undefined, Math.max(bytes, job.report.sizeBytes));
  await content.prepare(isSmaller);
  changed();
  await content.resize({ bytes, isSmaller });
}

/** The file system before its partition when it becomes smaller, after it when it becomes larger. */
async function inTable(job: VolumeResize, partition: number, changed: () => void): Promise<string> {
  const { shop, disk, report, bytes } = job;
  const found = await readTable(shop, disk);
  // Of a GPT in other sectors than of 512 bytes sfdisk sees the protective table alone.
  if (found.label !== report.partitionTable)
    throw new HostError('cannot-resize', `the ${report.partitionTable} partition table is none that is changed`);
  const { table, before, after } = resizedTable(found, partition, bytes / SECTOR_BYTES);
  const script = tableScript(table);
  const size = { bytes: after.size * SECTOR_BYTES, isSmaller: after.size < before.size };
  const content = contentOf(job, partition, before.size * SECTOR_BYTES);
  await content.prepare(size.isSmaller);
  changed();
  if (size.isSmaller) await content.resize(size);
  await writeTable(shop, disk, script);
  if (!size.isSmaller) await content.resize(size);
  return script;
}

/** What is in the volume: a file system, or an encrypted volume with one in it. Sizes are of the volume. */
function contentOf(job: VolumeResize, partition: number | undefined, bytesBefore: number): ResizedContent {
  const { shop, disk, volume, inVolume } = job;
  if (isEncrypted(volume.type)) return encryptedContent(shop, (work) => inVolume(partition, work), bytesBefore);
  const place = { disk, partition };
  return {
    prepare: (isSmaller) => prepareResize(shop, place, volume.type, isSmaller),
    resize: (size) => resizeFileSystem(shop, place, volume.type, size),
  };
}
