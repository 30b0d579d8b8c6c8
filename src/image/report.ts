/** What is on an image, as blkid(8) and the kernel tell it. */

import { KernelError } from '../kernel/kernel-error.ts';
import { type Statfs, statfs64 } from '../kernel/syscalls/mount.ts';
import { SECTOR } from '../storage/block-device.ts';
import { identityOf } from './identity/identify.ts';
import { type Image, MOUNT_POINT } from './image.ts';
import type { FileSystemReport, ImageReport, PartitionReport } from './mounted-image.ts';
import { tableReader } from './probe/partition-entry.ts';
import { partitionTypeName } from './probe/partition-types.ts';
import { toldBy } from './told-by-kernel.ts';
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
      content: await partition.content(),
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
    content: await whole.content(),
    fileSystem,
  };
}

async function fileSystemOf(image: Image, volume: ProbedVolume): Promise<FileSystemReport | undefined> {
  const mounted = await image.look(volume, async (superblock) => {
    const known = await identityOf(volume.bytes, superblock);
    return { type: superblock.types[0], known, told: await toldBy(image.task, MOUNT_POINT), use: await useOf(image) };
  });
  if (mounted === undefined) return undefined;
  const { type, known, told, use } = mounted;
  const unit = use && (use.frsize || use.bsize);
  return {
    type,
    label: told.label ?? known.label,
    uuid: told.uuid ?? known.uuid,
    blockBytes: use?.bsize,
    sizeBytes: use && use.blocks * (unit ?? 0),
    usedBytes: use && (use.blocks - use.bfree) * (unit ?? 0),
    freeBytes: use && use.bfree * (unit ?? 0),
  };
}

/** Undefined where the kernel cannot tell: what it mounted is there all the same. */
async function useOf({ task }: Image): Promise<Statfs | undefined> {
  try {
    return await statfs64(task, MOUNT_POINT);
  } catch (cause) {
    if (cause instanceof KernelError) return undefined;
    throw cause;
  }
}
