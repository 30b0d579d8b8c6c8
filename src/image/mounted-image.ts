/** What the jobs on an image's content need of a kernel: the image mounted, or described. */

import type { UserTask } from '../kernel/user-task.ts';
import type { BlockDevice } from '../storage/block-device.ts';

/** How to mount; what is absent is found out. */
export interface MountRequest {
  /** A file system as in /proc/filesystems. */
  readonly type?: string | undefined;
  /** From 1. Absent: the whole device, or the only partition with a file system. */
  readonly partition?: number | undefined;
  /** As for mount -o. */
  readonly options?: string | undefined;
}

/** One kernel with one image mounted read-only. */
export interface MountedImage {
  readonly task: UserTask;
  readonly mountPoint: string;
  readonly type: string;
  readonly partition: number | undefined;
  /** Discards the kernel. */
  close(): Promise<void>;
}

/** What the kernel says of a file system. */
export interface FileSystemReport {
  readonly type: string;
  readonly label: string | undefined;
  readonly uuid: string | undefined;
  readonly blockBytes: number;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly freeBytes: number;
}

export interface PartitionReport {
  readonly number: number;
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** As the partition table has them, where it does. */
  readonly label: string | undefined;
  readonly uuid: string | undefined;
  /** Undefined where there is none that the kernel can mount. */
  readonly fileSystem: FileSystemReport | undefined;
}

export interface ImageReport {
  readonly sizeBytes: number;
  /** 'gpt', 'dos' …; undefined when there is none. */
  readonly partitionTable: string | undefined;
  readonly partitions: readonly PartitionReport[];
  /** Of the whole device. */
  readonly fileSystem: FileSystemReport | undefined;
}

/** The jobs' view of the kernel. Each call has a kernel of its own. */
export interface ImageMounter {
  /** Rejects with a HostError of the kinds no-file-system, several-file-systems, no-such-partition, unknown-file-system. */
  mount(device: BlockDevice, request: MountRequest): Promise<MountedImage>;
  inspect(device: BlockDevice): Promise<ImageReport>;
}
