/** What the jobs on an image's content need of a kernel: the image mounted, or described. */

import type { Kernel } from '../kernel/kernel.ts';
import type { KernelLog } from '../kernel/log/kernel-log.ts';
import type { PlayedTask } from '../kernel/user-task.ts';
import type { BlockDevice } from '../storage/block-device.ts';
import type { Unlock } from './stack/keyring.ts';

/**
 * A partition by its number, its label or UUID (those of the table or those of its file system), or one of these words:
 * `whole`, the whole image whatever its partition table; `root`, the partition that has a root file system.
 * LABEL=, UUID=, PARTLABEL= and PARTUUID= before it say which is meant, as for mount(8). What is stacked on partitions goes by
 * its name: `vg/root`, `/dev/vg/root`, `/dev/md/data`, `/dev/mapper/luks-…`; of several images `vdb2` is partition 2 of the second.
 */
export type PartitionSelector = number | string;

/** What else is there beside the image, and what opens it. */
export interface StackRequest {
  /** More disks of the same machine: members of an array, of a volume group, of a btrfs. */
  readonly also?: readonly BlockDevice[] | undefined;
  /** A detached header of LUKS, of the one volume that looks like nothing. */
  readonly header?: BlockDevice | undefined;
  /** Opens encrypted volumes. Absent: they stay closed. */
  readonly unlock?: Unlock | undefined;
}

/** How to mount; what is absent is found out. */
export interface MountRequest extends StackRequest {
  /** A file system as in /proc/filesystems. */
  readonly type?: string | undefined;
  /** Numbers are from 1. Absent: what the image shows to be the only file system. */
  readonly partition?: PartitionSelector | undefined;
  /** As for mount -o. */
  readonly options?: string | undefined;
  /** Of a btrfs: a subvolume or snapshot, by its path or its number. */
  readonly subvolume?: string | undefined;
  /** Where the disk begins in the image, and its bytes: an AppImage, firmware. Default: all of it. */
  readonly offsetBytes?: number | undefined;
  readonly sizeBytes?: number | undefined;
  /**
   * Mount also what was cut short: what lies behind the end is EIO to read, and `missing` tells of it.
   * Else that is refused as `image-cut`.
   */
  readonly evenIfCut?: boolean | undefined;
  /** A kernel that the caller has, with memory for another beside it: the smallest one that can is taken, however many files there are. */
  readonly beside?: Kernel | undefined;
}

/** One kernel with one image mounted read-only. */
export interface MountedImage {
  /** Attached. */
  readonly task: PlayedTask;
  /** One more, with the memory and the open files of the first: what may happen at once needs several. Attached, too. */
  newTask(): Promise<PlayedTask>;
  readonly mountPoint: string;
  readonly type: string;
  readonly partition: number | undefined;
  /** What it is called: "partition 2", "/dev/vg/root". */
  readonly volume: string;
  /** The kernel's log from before the mount. */
  readonly log: KernelLog;
  /** What was cut off, in numbers, where it is known to be; undefined unless `evenIfCut`. */
  readonly cut?: string | undefined;
  /** Which options it was mounted with because it could not be mounted as it is, as a sentence; undefined unless `evenIfCut`. */
  readonly rescued?: string | undefined;
  /** What is known to be missing from the tree, that among it; none unless `evenIfCut`. */
  readonly missing: readonly string[];
  /** Discards the kernel. */
  close(): Promise<void>;
}

/** What is on a volume, as blkid(8) tells it. */
export interface VolumeReport {
  /** As blkid(8) calls it: a file system of this kernel, or something that is none (crypto_LUKS, LVM2_member, swap …). */
  readonly type: string;
  readonly label: string | undefined;
  readonly uuid: string | undefined;
  /** What that is, and what to do with it, where it is no file system of this kernel. */
  readonly words?: string | undefined;
  /** All this is what a copy of its superblock says: of the first one nothing is left. */
  readonly byCopy?: boolean;
}

/** What the kernel says of a file system. */
export interface FileSystemReport extends VolumeReport {
  /** Undefined where the kernel mounted it and could not tell. */
  readonly blockBytes: number | undefined;
  readonly sizeBytes: number | undefined;
  readonly usedBytes: number | undefined;
  readonly freeBytes: number | undefined;
  /** Of a btrfs that has any. */
  readonly subvolumes?: readonly SubvolumeReport[] | undefined;
}

export interface PartitionReport {
  readonly number: number;
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** As the partition table has them, where it does. */
  readonly label: string | undefined;
  readonly uuid: string | undefined;
  /** The type's GUID of a GPT, the code of another table in hex (0x83). */
  readonly typeCode: string | undefined;
  /** What that stands for, in words. */
  readonly typeName: string | undefined;
  /** What its bytes say it is, mountable or not. */
  readonly content: VolumeReport | undefined;
  /** Undefined where there is none that the kernel can mount. */
  readonly fileSystem: FileSystemReport | undefined;
}

/** A volume that lies on partitions or on other volumes. */
export interface StackedReport {
  /** What it can be chosen by: `/dev/vg/root`. */
  readonly name: string;
  /** As lsblk(8) has it: crypt, lvm, raid1, part … */
  readonly kind: string;
  /** The names of what it lies on: "partition 2", "/dev/md/data". */
  readonly on: readonly string[];
  readonly sizeBytes: number;
  readonly content: VolumeReport | undefined;
  readonly fileSystem: FileSystemReport | undefined;
}

/** What could not be opened or mounted, and why not. */
export interface ClosedReport {
  readonly on: readonly string[];
  /** A kind of error: passphrase-needed, wrong-passphrase, stack-incomplete, bad-stack, mount-failed, image-cut, no-file-system. */
  readonly error: string;
  readonly message: string;
}

/** A subvolume of a btrfs, or a snapshot of one. */
export interface SubvolumeReport {
  readonly id: number;
  /** From the top of the file system. */
  readonly path: string;
  readonly readOnly: boolean;
  /** It was made as a snapshot of another. */
  readonly snapshot: boolean;
  /** The one that is mounted where none is asked for. */
  readonly default: boolean;
}

export interface ImageReport {
  readonly sizeBytes: number;
  /** Where partition table or file system say that the image is longer than it is: how long. */
  readonly claimedBytes: number | undefined;
  /** 'gpt', 'dos' …; undefined when there is none. */
  readonly partitionTable: string | undefined;
  /** The table's own id. */
  readonly partitionTableId: string | undefined;
  readonly partitions: readonly PartitionReport[];
  /** Of the whole device. */
  readonly content: VolumeReport | undefined;
  readonly fileSystem: FileSystemReport | undefined;
  /** What lies on these, in the order in which it was opened. */
  readonly stacked: readonly StackedReport[];
  readonly closed: readonly ClosedReport[];
  /** The other images, where several were given. */
  readonly also: readonly Omit<ImageReport, 'stacked' | 'closed' | 'also'>[];
}

/** The jobs' view of the kernel. Each call has a kernel of its own. */
export interface ImageMounter {
  /** Rejects with a HostError: no-file-system, several-file-systems, no-such-partition, unknown-file-system, image-cut, mount-failed. */
  mount(device: BlockDevice, request: MountRequest): Promise<MountedImage>;
  inspect(device: BlockDevice, request?: StackRequest): Promise<ImageReport>;
}
