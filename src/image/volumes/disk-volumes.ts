/** The volumes of one device: all of it, and its partitions. */

import type { UserTask } from '../../kernel/user-task.ts';
import { SECTOR } from '../../storage/block-device.ts';
import type { Gpt } from '../probe/partition-table/gpt.ts';
import { tableReader } from '../probe/partition-table/partition-entry.ts';
import { partitionTableOf } from '../probe/partition-table/partition-tables.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';
import { ofType, partitionsOf, probe, type Volume } from './volumes.ts';
import type { ProbedPartition, Volumes } from './whole-or-partitions.ts';

export interface ProbedDevice {
  readonly whole: Volume;
  readonly bytes: VolumeBytes;
  readonly gpt: Gpt | undefined;
  /** Of a partition. */
  readonly bytesOf: (volume: Volume) => VolumeBytes | Promise<VolumeBytes>;
  /** Only what is of this type is a file system. */
  readonly type: string | undefined;
}

/** `partitions` answers what the kernel finds; it is asked once. */
export async function volumesOf(
  device: ProbedDevice,
  partitions: (table: string | undefined) => Promise<readonly Volume[]>,
): Promise<Volumes> {
  const { whole: all, bytes, gpt, type } = device;
  const whole = ofType(await probe(all, bytes), type);
  const table = gpt ? 'gpt' : partitionTableOf(whole.head)?.type;
  return {
    whole,
    partitions: await probedPartitions(device, await partitions(table), table, gpt?.blockBytes ?? SECTOR),
    table,
  };
}

/** `unit`: the bytes that the table's numbers count. */
export async function probedPartitions(
  { bytes, gpt, bytesOf, type }: ProbedDevice,
  volumes: readonly Volume[],
  table: string | undefined,
  unit: number,
): Promise<readonly ProbedPartition[]> {
  const reader = tableReader(bytes, table, gpt, unit);
  const partitions: ProbedPartition[] = [];
  for (const volume of volumes) {
    const entry = await reader.entry(volume.partition ?? 0, volume.startSector);
    partitions.push({ ...ofType(await probe(volume, await bytesOf(volume)), type), ...entry });
  }
  return partitions;
}

/** As the kernel's own parsers found them on a disk of its. */
export const ownPartitions = (task: UserTask, whole: Volume) => (): Promise<readonly Volume[]> =>
  partitionsOf(task, whole.name, whole);
