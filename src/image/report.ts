/** What is on an image, as blkid(8) and the kernel tell it. */

import { statfs64 } from '../kernel/syscalls/mount.ts';
import { SECTOR } from '../storage/block-device.ts';
import { type Image, MOUNT_POINT } from './image.ts';
import type { FileSystemReport, ImageReport, PartitionReport } from './mounted-image.ts';
import { tableReader } from './probe/partition-entry.ts';
import { partitionTypeName } from './probe/partition-types.ts';
import type { ProbedVolume } from './volumes.ts';

export async function reportOf(image: Image, sizeBytes: number): Promise<ImageReport> {
  const { whole, partitions, table } = await image.volumes();
  const { bytes, gpt, claimedBytes } = image.shown;
  const fileSystem = await fileSystemOf(image, whole);
  const reports: PartitionReport[] = [];
  for (const partition of partitions) {
    const { partition: number = 0, startSector, sectors, label, uuid, typeCode } = partition;
    reports.push({
      number,
      startBytes: startSector * SECTOR,
      sizeBytes: sectors * SECTOR,
      label,
      uuid,
      typeCode,
      typeName: typeCode === undefined ? undefined : partitionTypeName(typeCode),
      content: undefined,
      fileSystem: await fileSystemOf(image, partition),
    });
  }
  // A boot sector ends like a DOS partition table.
  const hasTable = reports.length > 0 || whole.superblocks.length === 0;
  return {
    sizeBytes,
    claimedBytes,
    partitionTable: hasTable ? table : undefined,
    partitionTableId: hasTable ? await tableReader(bytes, table, gpt, SECTOR).id() : undefined,
    partitions: reports,
    content: undefined,
    fileSystem,
  };
}

async function fileSystemOf(image: Image, volume: ProbedVolume): Promise<FileSystemReport | undefined> {
  return image.look(volume, async ({ types }) => {
    const { bsize, frsize, blocks, bfree } = await statfs64(image.task, MOUNT_POINT);
    const unit = frsize || bsize;
    return {
      type: types[0],
      label: volume.fileSystemLabel,
      uuid: volume.fileSystemUuid,
      blockBytes: bsize,
      sizeBytes: blocks * unit,
      usedBytes: (blocks - bfree) * unit,
      freeBytes: bfree * unit,
    };
  });
}
