/** What is on an image, as blkid(8) and the kernel tell it. */

import type { HostError } from '../errors/host-error.ts';
import { hostErrors } from '../errors/table.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { type Statfs, statfs64 } from '../kernel/syscalls/mount.ts';
import { bytesOf, SECTOR } from '../storage/block-device.ts';
import { identityOf } from './identity/identify.ts';
import { type DiskView, type Image, MOUNT_POINT } from './image.ts';
import type { ClosedReport, FileSystemReport, ImageReport, PartitionReport, StackedReport } from './mounted-image.ts';
import { tableReader } from './probe/partition-table/partition-entry.ts';
import { partitionTypeName } from './probe/partition-table/partition-types.ts';
import type { Superblock } from './probe/superblock/superblocks.ts';
import type { Stacked } from './stack/stack.ts';
import { subvolumesAt } from './stack/subvolumes.ts';
import { toldBy } from './told-by-kernel.ts';
import type { Disks } from './volumes/choose.ts';
import { exposed, memberType } from './volumes/exposed.ts';
import { noFileSystem } from './volumes/nothing-found.ts';
import { type ProbedVolume, WHOLE } from './volumes/volumes.ts';
import type { Volumes } from './volumes/whole-or-partitions.ts';

export async function reportOf(image: Image, sizeBytes: number): Promise<ImageReport> {
  image.forgive();
  const disks = await image.volumes();
  const reports: DiskReport[] = [];
  const refused: Refused[] = [];
  for (const [i, volumes] of disks.entries()) {
    const view = image.views[i];
    if (view) reports.push(await diskReport(image, volumes, view, i === 0 ? sizeBytes : bytesOf(view.device), refused));
  }
  const [first, ...also] = reports;
  if (first === undefined) throw new Error('an image without disks');
  const { opened, closed } = await stackOn(image, disks);
  const stacked: StackedReport[] = [];
  for (const { whole, partitions } of opened) {
    for (const volume of [whole, ...partitions]) {
      stacked.push({
        name: volume.title,
        kind: volume.kind,
        on: volume.on.map(({ title }) => title),
        sizeBytes: volume.sectors * SECTOR,
        content: await volume.content(),
        fileSystem: await fileSystemOf(image, volume, refused),
      });
    }
  }
  const nothing = [...reports.flatMap((one) => [one, ...one.partitions]), ...stacked].every(
    ({ fileSystem }) => fileSystem === undefined,
  );
  if (nothing && closed.length === 0 && refused.length === 0) {
    const inside = opened.length > 0 ? opened : disks;
    const problem = await noFileSystem(inside);
    const title = inside[0]?.whole.title ?? WHOLE;
    if (problem.message !== hostErrors['no-file-system'].message) refused.push({ title, problem });
  }
  return {
    ...first,
    stacked,
    closed: [
      ...closed.map(({ members, problem }) =>
        closedReport(
          members.map(({ title }) => title),
          problem,
        ),
      ),
      ...refused.map(({ title, problem }) => closedReport([title], problem)),
    ],
    also,
  };
}

const closedReport = (on: readonly string[], { kind: error, message }: HostError): ClosedReport => ({
  on,
  error,
  message,
});

/** A volume that is known, and that Linux does not mount. */
interface Refused {
  readonly title: string;
  readonly problem: HostError;
}

type DiskReport = ImageReport['also'][number];

/** Nothing is opened where there is nothing to open. */
async function stackOn(image: Image, disks: Disks): Promise<Stacked> {
  const shown = (await Promise.all(disks.map(exposed))).flat();
  const types = await Promise.all(shown.map(memberType));
  return types.some(Boolean) || image.hasHeader ? image.stacked(disks) : { opened: [], closed: [] };
}

async function diskReport(
  image: Image,
  { whole, partitions, table }: Volumes,
  { shown: { bytes, gpt, claimedBytes } }: DiskView,
  sizeBytes: number,
  refused: Refused[],
): Promise<DiskReport> {
  const fileSystem = await fileSystemOf(image, whole, refused);
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
      fileSystem: await fileSystemOf(image, partition, refused),
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

/** Not of what is a part of something larger, even where it looks like the whole. */
async function fileSystemOf(
  image: Image,
  volume: ProbedVolume,
  refused: Refused[],
): Promise<FileSystemReport | undefined> {
  if ((await memberType(volume)) !== undefined) return undefined;
  const see = async (superblock: Superblock) => {
    const isFirst = superblock === volume.superblocks[0];
    const known = (isFirst && (await volume.fileSystem())) || (await identityOf(volume.bytes, superblock));
    const type = superblock.types[0];
    const subvolumes = type === 'btrfs' ? await subvolumesAt(image.task, MOUNT_POINT) : [];
    return { type, known, told: await toldBy(image.task, MOUNT_POINT), use: await useOf(image), subvolumes };
  };
  const mounted = await image.look(volume, see, (problem) => refused.push({ title: volume.title, problem }));
  if (mounted === undefined) return undefined;
  const { type, known, told, use, subvolumes } = mounted;
  const unit = use && (use.frsize || use.bsize);
  return {
    type,
    label: told.label ?? known.label,
    uuid: told.uuid ?? known.uuid,
    blockBytes: use?.bsize,
    sizeBytes: use && use.blocks * (unit ?? 0),
    usedBytes: use && (use.blocks - use.bfree) * (unit ?? 0),
    freeBytes: use && use.bfree * (unit ?? 0),
    ...(subvolumes.length > 0 && { subvolumes }),
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
