/** Finds the volume of a disk that a tool is to work on, and judges whether it can be worked on at all. */

import { HostError } from '../errors/host-error.ts';
import type { ImageReport, PartitionSelector, VolumeReport } from '../image/mounted-image.ts';
import { claimedBytes } from '../image/probe/superblock/claims.ts';
import { volumeBytes } from '../image/probe/volume-bytes.ts';
import { isMemberType } from '../image/volumes/exposed.ts';
import type { BlockDevice } from '../storage/block-device.ts';
import { typeByBackup } from './file-system/backup-superblock.ts';
import { type Volume, volumeOf } from './volume.ts';

export interface VolumeChoice {
  readonly partition?: PartitionSelector | undefined;
  /** What it was, whatever its bytes say. */
  readonly type?: string | undefined;
  /** Types that the tool knows. */
  readonly can: (type: string) => boolean;
  /** Of what others lie in, the types that it goes into. */
  readonly opens?: (type: string) => boolean;
}

/**
 * Rejects as `volumeOf` does; where nothing is known of what is there it says which file system left a copy of its superblock,
 * and a file system that is larger than its partition is `image-cut`.
 */
export async function findVolume(
  device: BlockDevice,
  report: ImageReport,
  { partition, type, can, opens = () => false }: VolumeChoice,
): Promise<Volume> {
  let volume: Volume;
  try {
    volume = volumeOf(report, partition, type, can);
  } catch (cause) {
    const isUnknown = cause instanceof HostError && cause.kind === 'no-file-system';
    throw isUnknown ? ((await byBackup(device, report)) ?? cause) : cause;
  }
  // A checker looks for copies itself where the first superblock is there, damaged or not.
  if (volume.byCopy) throw onlyBackup(volume.partition, volume.type);
  if (type === undefined && isMemberType(volume.type) && !opens(volume.type)) throw inside(volume);
  const bytes = volumeBytes(device, volume.startBytes, volume.sizeBytes);
  const claimed = (await claimedBytes(bytes, volume.type)) ?? 0;
  if (volume.partition !== undefined && claimed > volume.sizeBytes) throw larger(volume, claimed);
  return volume;
}

async function byBackup(device: BlockDevice, report: ImageReport): Promise<HostError | undefined> {
  const lost = ({ content }: { readonly content: VolumeReport | undefined }) => content === undefined;
  for (const { number, startBytes, sizeBytes } of report.partitions.filter(lost)) {
    const type = await typeByBackup(volumeBytes(device, startBytes, sizeBytes));
    if (type) return onlyBackup(number, type);
  }
  if (report.partitions.length > 0 || !lost(report)) return undefined;
  const type = await typeByBackup(volumeBytes(device));
  return type === undefined ? undefined : onlyBackup(undefined, type);
}

function onlyBackup(partition: number | undefined, type: string): HostError {
  const where = partition === undefined ? 'the image' : `partition ${partition}`;
  const options = `${partition === undefined ? '' : `--partition ${partition} `}--type ${type}`;
  return new HostError(
    'no-file-system',
    `what ${where} begins with is lost; there is a copy of a superblock of ${type}: fsck --yes ${options} repairs it`,
  );
}

function inside({ partition, type }: Volume): HostError {
  const where = partition === undefined ? 'the image' : `partition ${partition}`;
  return new HostError(
    'unknown-file-system',
    `${where} is ${type}: what lies in a volume group, an array or BitLocker is resized by nothing here; it is checked (fsck), read and written (mount, shell, cp, tar)`,
  );
}

function larger({ partition, sizeBytes, type }: Volume, claimed: number): HostError {
  const [has, wants] = [sizeBytes, claimed].map((bytes) => bytes.toLocaleString('en'));
  return new HostError(
    'image-cut',
    `partition ${partition} has ${has} bytes, the ${type} on it ${wants}: half of it is neither checked nor resized`,
    { members: { there_bytes: sizeBytes, claimed_bytes: claimed } },
  );
}
