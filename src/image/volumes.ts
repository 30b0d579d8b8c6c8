/** The places in an image that can hold a file system: all of it, and its partitions as the kernel's parsers found them. */

import { HostError } from '../errors/host-error.ts';
import { readNames, readText } from '../kernel/sysfs.ts';
import type { UserTask } from '../kernel/user-task.ts';
import { type BlockDevice, SECTOR } from '../storage/block-device.ts';
import { foreignerOf, labelOf, readHead, superblocksOf } from './probe/superblock.ts';
import type { Superblock } from './probe/superblocks.ts';

/** Where a file system can be. */
export interface Volume {
  /** Undefined: all of the image. */
  readonly partition: number | undefined;
  /** Its name under /dev. */
  readonly name: string;
  readonly startSector: number;
  readonly sectors: number;
  /** As the partition table has it. */
  readonly label: string | undefined;
}

/** A volume and what its first bytes tell. */
export interface ProbedVolume extends Volume {
  readonly head: Uint8Array;
  /** In the order in which they are to be tried. */
  readonly superblocks: readonly Superblock[];
}

export const wholeOf = (device: BlockDevice, disk: string): Volume => ({
  partition: undefined,
  name: disk,
  startSector: 0,
  sectors: device.sectors,
  label: undefined,
});

/** The partitions of `disk` by number (Documentation/ABI/stable/sysfs-block; block/partitions/core.c: part_uevent). */
export async function partitionsOf(task: UserTask, disk: string): Promise<Volume[]> {
  const folder = `/sys/block/${disk}`;
  const partitions: Volume[] = [];
  for (const name of await readNames(task, folder)) {
    if (!name.startsWith(disk)) continue;
    const number = async (file: string) => Number(await readText(task, `${folder}/${name}/${file}`));
    const uevent = await readText(task, `${folder}/${name}/uevent`);
    partitions.push({
      partition: await number('partition'),
      name,
      startSector: await number('start'),
      sectors: await number('size'),
      label: /^PARTNAME=(.+)$/m.exec(uevent)?.[1],
    });
  }
  return partitions.sort((a, b) => (a.partition ?? 0) - (b.partition ?? 0));
}

export async function probe(device: BlockDevice, volume: Volume): Promise<ProbedVolume> {
  const head = await readHead(device, volume.startSector, volume.sectors);
  return { ...volume, head, superblocks: superblocksOf(head) };
}

export interface Wanted {
  readonly type?: string | undefined;
  readonly partition?: number | undefined;
}

/**
 * The volume to mount: the partition asked for, else the whole image if a file system begins there, else the only partition
 * with one. A type asked for leaves out volumes that show another; where none shows it, it is tried on the whole image.
 */
export async function chooseVolume(
  device: BlockDevice,
  whole: Volume,
  partitions: readonly Volume[],
  { type, partition }: Wanted,
): Promise<ProbedVolume> {
  if (partition !== undefined) {
    const wanted = partitions.find((volume) => volume.partition === partition);
    if (wanted === undefined) throw noSuchPartition(partition, partitions);
    return asked(await probe(device, wanted), type);
  }
  const all = asked(await probe(device, whole), type);
  if (all.superblocks.length > 0) return all;
  const probed: ProbedVolume[] = [];
  for (const volume of partitions) probed.push(asked(await probe(device, volume), type));
  const found = withoutEnclosing(probed.filter(({ superblocks }) => superblocks.length > 0));
  const [only] = found;
  if (found.length > 1) throw severalFileSystems(found);
  if (only !== undefined) return only;
  if (type === undefined) throw noFileSystem([all, ...probed]);
  return all;
}

const asked = (volume: ProbedVolume, type: string | undefined): ProbedVolume =>
  type === undefined
    ? volume
    : { ...volume, superblocks: volume.superblocks.filter(({ types }) => types.includes(type)) };

/** A slice and its first partition begin at one sector: the same file system seen twice. The smaller one is its own. */
const withoutEnclosing = (volumes: readonly ProbedVolume[]): ProbedVolume[] =>
  volumes.filter(
    (outer) => !volumes.some((inner) => inner.startSector === outer.startSector && inner.sectors < outer.sectors),
  );

const describe = ({ partition, label, sectors, head, superblocks: [superblock] }: ProbedVolume) => ({
  number: partition,
  type: superblock?.types[0],
  label: label ?? (superblock && labelOf(head, superblock)),
  size_bytes: sectors * SECTOR,
});

function severalFileSystems(volumes: readonly ProbedVolume[]): HostError {
  const partitions = volumes.map(describe);
  const list = partitions.map(({ number, type, label }) => `${number} (${[type, label].filter(Boolean).join(', ')})`);
  return new HostError('several-file-systems', `partitions ${list.join(', ')} have a file system: name one`, {
    members: { partitions },
  });
}

function noSuchPartition(number: number, partitions: readonly Volume[]): HostError {
  const numbers = partitions.map(({ partition }) => partition);
  const there = numbers.length > 0 ? `there is ${numbers.join(', ')}` : 'the kernel finds no partitions';
  return new HostError('no-such-partition', `there is no partition ${number}: ${there}`, {
    members: { partitions: numbers },
  });
}

/** With what there is instead, where that is known. */
function noFileSystem(volumes: readonly ProbedVolume[]): HostError {
  const known = volumes.flatMap(({ partition, head }) => {
    const foreigner = foreignerOf(head);
    const where = partition === undefined ? 'it' : `partition ${partition}`;
    return foreigner ? [`${where} is ${foreigner.name}`] : [];
  });
  return new HostError(
    'no-file-system',
    known.length > 0 ? `no file system was found: ${known.join('; ')}` : undefined,
  );
}
