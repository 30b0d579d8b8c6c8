/** A stored image, and its file system, of another size: the last partition of a table, or all there is. */

import { HostError } from '../../../errors/host-error.ts';
import type { PartitionSelector } from '../../../image/mounted-image.ts';
import type { DeriveMeans } from '../../../image/stack/derive.ts';
import type { Unlock } from '../../../image/stack/keyring.ts';
import type { Linux } from '../../../linux.ts';
import { type BlockDevice, SECTOR } from '../../../storage/block-device.ts';
import { slice } from '../../../storage/layers/slice.ts';
import { writeTable } from '../../../tools/partitions/partition-table.ts';
import { findResized, type InVolume, resizeVolume } from '../../../tools/partitions/resize-volume.ts';
import { mustBeWhole } from '../../../tools/volume.ts';
import type { ImageDisks, Written } from '../../images/disks.ts';
import type { Condition } from '../../storage/image-entry.ts';
import { mustNotBeLarger } from './sizes.ts';
import { CHECKING_MIB, type Workshops } from './workshops.ts';

export interface ResizeOrder {
  readonly sizeBytes: number;
  readonly type: string | undefined;
  readonly partition: PartitionSelector | undefined;
  /** What opens the volume that the file system is in. */
  readonly unlock: Unlock;
}

export interface ResizedImage extends Written {
  readonly sizeBytes: number;
  readonly type: string;
  /** Undefined: there is no table. */
  readonly partition: number | undefined;
}

export interface ResizingNeeds {
  readonly disks: Pick<ImageDisks, 'open'>;
  readonly engine: Pick<Linux, 'inspect'>;
  readonly inWorkshop: Workshops;
  readonly maxImageBytes: number;
  /** What keys of passphrases may cost. */
  readonly derive: DeriveMeans;
}

/** Of what opening an encrypted volume writes, in memory. */
const OPENING_MIB = 8;

/** A new version of that size. */
export async function resizeImage(
  { disks, engine, inWorkshop, maxImageBytes, derive }: ResizingNeeds,
  name: string,
  condition: Condition,
  { sizeBytes: wanted, type: asked, partition: selector, unlock }: ResizeOrder,
): Promise<ResizedImage> {
  const bytes = Math.floor(wanted / SECTOR) * SECTOR;
  if (bytes === 0) throw new HostError('invalid-request', 'an image has one sector of 512 bytes at least');
  mustNotBeLarger(bytes, maxImageBytes);
  const disk = await disks.open(name, condition, { deviceBytes: bytes });
  try {
    const report = await engine.inspect(narrowed(disk.device, disk.sizeBytes));
    mustBeWhole(report);
    const volume = await findResized(disk.device, report, { partition: selector, type: asked });
    const isSmaller = bytes < disk.sizeBytes;
    const script = await inWorkshop({ programMib: CHECKING_MIB }, async (shop) => {
      const inVolume: InVolume = (partition, work) =>
        shop.withVolume(disk.device, { partition, unlock }, work, { derive, replayMib: OPENING_MIB });
      const job = { shop, disk: await shop.attach(disk.device), report, volume, bytes, isSmaller, inVolume };
      const table = await resizeVolume(job);
      await shop.commit();
      return table;
    });
    if (isSmaller && script !== undefined) {
      // The backup of the table goes to the new end.
      await inWorkshop({ programMib: CHECKING_MIB }, async (shop) => {
        await writeTable(shop, await shop.attach(slice(disk.device, 0, bytes)), script);
        await shop.commit();
      });
    }
    return { ...(await disk.commit(bytes)), sizeBytes: bytes, type: volume.type, partition: volume.partition };
  } finally {
    await disk.close();
  }
}

/** The image as it was before it grew. */
const narrowed = (device: BlockDevice, sizeBytes: number): BlockDevice => ({
  sectors: Math.ceil(sizeBytes / SECTOR),
  sizeBytes,
  read: device.read.bind(device),
});
