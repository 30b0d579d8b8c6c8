/** Mounts images: each in a kernel of its own, read-only, journals replayed in memory and never on the image. */

import { type ErrnoName, errnoName, errnos } from '../abi/errno.ts';
import { HostError } from '../errors/host-error.ts';
import { KernelDead } from '../kernel/errors.ts';
import type { Disk, Kernel } from '../kernel/kernel.ts';
import { KernelError, must } from '../kernel/kernel-error.ts';
import { mount, statfs64, umount2 } from '../kernel/syscalls/mount.ts';
import { readText } from '../kernel/sysfs.ts';
import type { UserTask } from '../kernel/user-task.ts';
import { type BlockDevice, SECTOR } from '../storage/block-device.ts';
import { DeviceFullError } from '../storage/errors.ts';
import { overlay } from '../storage/overlay.ts';
import { type MountOptions, parseMountOptions } from './mount-options.ts';
import type { FileSystemReport, ImageMounter, MountedImage, MountRequest, PartitionReport } from './mounted-image.ts';
import { partitionUuid } from './probe/partition-uuid.ts';
import { labelOf, partitionTableOf, uuidOf } from './probe/superblock.ts';
import type { Superblock } from './probe/superblocks.ts';
import { chooseVolume, type ProbedVolume, partitionsOf, probe, wholeOf } from './volumes.ts';

/** What replaying journals may write. */
const REPLAY_MIB = 32;

const MOUNT_POINT = '/mnt';

/** How a disk is to be mounted. */
export interface MountPlan extends MountRequest {
  /** An existing directory. */
  readonly at: string;
  readonly readOnly: boolean;
}

/** Mount a disk that `kernel` has, of which `device` is the content; answers as what. */
export function mountDisk(kernel: Kernel, device: BlockDevice, disk: Disk, plan: MountPlan): Promise<Mounted> {
  return new Image(kernel, device, disk, { last: true }).mountAs(plan);
}

export type Mounted = Pick<MountedImage, 'type' | 'partition'>;

/** What the driver is asked to do: as a superblock row, without what only describes. */
type Attempt = Pick<Superblock, 'types' | 'options'>;

/** `kernels` from small to large: in which the drivers find too little memory, the next one takes the image. */
export function imageMounter(
  kernels: readonly [() => Promise<Kernel>, ...(() => Promise<Kernel>)[]],
  replayMib = REPLAY_MIB,
): ImageMounter {
  /** Runs `action` with a kernel that has the image as a disk; when that fails, the kernel goes. */
  async function withImage<T>(
    device: BlockDevice,
    action: (image: Image) => Promise<T>,
    [newKernel, ...larger] = kernels,
  ): Promise<T> {
    const kernel = await newKernel();
    const [next, ...others] = larger;
    try {
      const disk = await kernel.attachDisk(overlay(device, { limitMib: replayMib }));
      return await action(new Image(kernel, device, disk, { last: next === undefined }));
    } catch (cause) {
      kernel.kill();
      if (next && isOutOfMemory(cause)) return withImage(device, action, [next, ...others]);
      throw cause instanceof DeviceFullError ? journalTooLarge(replayMib, cause) : cause;
    }
  }

  return {
    mount(device, request) {
      return withImage(device, async (image) => ({
        task: image.task,
        mountPoint: MOUNT_POINT,
        ...(await image.mountAs({ ...request, at: MOUNT_POINT, readOnly: true })),
        close: async () => image.kernel.kill(),
      }));
    },
    inspect(device) {
      return withImage(device, async (image) => {
        try {
          return await image.report();
        } finally {
          image.kernel.kill();
        }
      });
    },
  };
}

const journalTooLarge = (replayMib: number, cause: DeviceFullError): HostError => {
  const instead = 'the mount option noload (ext3, ext4) or norecovery (xfs) leaves it alone';
  const how = '--options of the command line, options= in a URL';
  return new HostError(
    'journal-too-large',
    `replaying the journal writes more than ${replayMib} MiB: ${instead} (${how})`,
    {
      cause,
    },
  );
};

const isOutOfMemory = (cause: unknown): boolean =>
  (cause instanceof KernelDead && cause.end === 'oom') || (cause instanceof KernelError && cause.errno === 'ENOMEM');

/** The drivers to try on a volume, in order; the type asked for goes by its own name. */
function attempts({ superblocks }: ProbedVolume, type: string | undefined): readonly Attempt[] {
  if (type === undefined) return superblocks;
  const [superblock] = superblocks;
  return [{ ...superblock, types: [type] }];
}

/** One image as a disk of one kernel. */
class Image {
  readonly kernel: Kernel;
  readonly task: UserTask;
  readonly #device: BlockDevice;
  readonly #disk: Disk;
  /** No larger kernel is to come: ENOMEM is a reason like others. Drivers say it of sizes that are damaged, too. */
  readonly #last: boolean;

  constructor(kernel: Kernel, device: BlockDevice, disk: Disk, { last }: { readonly last: boolean }) {
    this.kernel = kernel;
    this.task = blaming(disk, kernel.init);
    this.#device = device;
    this.#disk = disk;
    this.#last = last;
  }

  /** Types that are not for block devices are the kernel's own (`nodev` in /proc/filesystems). */
  async mustKnow(type: string): Promise<void> {
    const lines = (await readText(this.task, '/proc/filesystems')).split('\n');
    const types = lines.flatMap((line) => (line.startsWith('\t') ? [line.slice(1)] : []));
    if (types.includes(type)) return;
    throw new HostError('unknown-file-system', `the kernel has no file system ${type} for block devices`, {
      members: { types: types.sort() },
    });
  }

  async choose(wanted: {
    readonly type: string | undefined;
    readonly partition: number | undefined;
  }): Promise<ProbedVolume> {
    const whole = wholeOf(this.#device, this.#disk.name);
    return chooseVolume(this.#device, whole, await partitionsOf(this.task, this.#disk.name), wanted);
  }

  async mountAs({ at, type, partition, options = '', readOnly }: MountPlan): Promise<Mounted> {
    const parsed = parseMountOptions(options, { writable: !readOnly });
    if (type !== undefined) await this.mustKnow(type);
    const volume = await this.choose({ type, partition });
    const mounted = await this.mount(volume, attempts(volume, type), parsed, at);
    return { type: mounted.types[0], partition: volume.partition };
  }

  /** By the first driver that takes it; else what the first one said. */
  async mount(
    volume: ProbedVolume,
    attempts: readonly Attempt[],
    { flags, data }: MountOptions,
    at = MOUNT_POINT,
  ): Promise<Attempt> {
    let refusal: HostError | undefined;
    const { console } = this.kernel.engine;
    for (const attempt of attempts) {
      const { types, options } = attempt;
      const written = console.written;
      const all = [options, data].filter(Boolean).join(',');
      const ret = await mount(this.task, `/dev/${volume.name}`, at, types[0], flags, all);
      if (ret >= 0) return attempt;
      if (!this.#last && -ret === errnos.ENOMEM.number) throw new KernelError('mount', -ret, volume.name);
      refusal ??= mountFailed(errnoName(-ret), volume.partition, types[0], all, console.since(written));
    }
    throw refusal ?? new HostError('no-file-system');
  }

  async report() {
    const whole = await probe(this.#device, wholeOf(this.#device, this.#disk.name));
    const partitions: PartitionReport[] = [];
    const fileSystem = await this.#reportFileSystem(whole);
    for (const partition of await partitionsOf(this.task, this.#disk.name)) {
      partitions.push({
        number: partition.partition ?? 0,
        startBytes: partition.startSector * SECTOR,
        sizeBytes: partition.sectors * SECTOR,
        label: partition.label,
        uuid: await partitionUuid(this.#device, whole.head, partition.partition ?? 0),
        fileSystem: await this.#reportFileSystem(await probe(this.#device, partition)),
      });
    }
    // A boot sector ends like a DOS partition table.
    const table = fileSystem && partitions.length === 0 ? undefined : partitionTableOf(whole.head)?.type;
    return { sizeBytes: this.#device.sectors * SECTOR, partitionTable: table, partitions, fileSystem };
  }

  async #reportFileSystem(volume: ProbedVolume): Promise<FileSystemReport | undefined> {
    const superblock = await this.#mountable(volume);
    if (superblock === undefined) return undefined;
    const { bsize, frsize, blocks, bfree } = await statfs64(this.task, MOUNT_POINT);
    must('umount2', await umount2(this.task, MOUNT_POINT), MOUNT_POINT);
    const unit = frsize || bsize;
    return {
      type: superblock.types[0],
      label: labelOf(volume.head, superblock),
      uuid: uuidOf(volume.head, superblock),
      blockBytes: bsize,
      sizeBytes: blocks * unit,
      usedBytes: (blocks - bfree) * unit,
      freeBytes: bfree * unit,
    };
  }

  /** Mounts it, if a driver takes it. */
  async #mountable(volume: ProbedVolume): Promise<Superblock | undefined> {
    for (const superblock of volume.superblocks) {
      try {
        await this.mount(volume, [superblock], parseMountOptions(''));
        return superblock;
      } catch (cause) {
        if (!(cause instanceof HostError && cause.kind === 'mount-failed')) throw cause;
      }
    }
    return undefined;
  }
}

/** A task whose failed calls are blamed on the disk once that has failed: Linux only knows EIO, or gives up. */
const blaming = (disk: Disk, task: UserTask): UserTask => ({
  pid: task.pid,
  memory: task.memory,
  scratch: task.scratch,
  scratchBytes: task.scratchBytes,
  syscall: (call, ...args) =>
    task.syscall(call, ...args).then(
      (ret) => {
        if (ret < 0 && disk.lastError !== undefined) throw disk.lastError;
        return ret;
      },
      (cause) => {
        throw disk.lastError ?? cause;
      },
    ),
});

/** What the driver answered, and why: that is in the kernel's log alone. */
function mountFailed(
  errno: ErrnoName | undefined,
  partition: number | undefined,
  type: string,
  options: string,
  log: string,
): HostError {
  const console = log.replaceAll(/^\[ *\d+\.\d+\] /gm, '').trimEnd();
  const command = ['mount -t', type, ...(options ? ['-o', options] : [])].join(' ');
  const why = errno ? `${errnos[errno].message} (${errno})` : 'failed';
  const lastLine = console.split('\n').at(-1);
  return new HostError('mount-failed', `${command}: ${why}${lastLine ? `: ${lastLine}` : ''}`, {
    members: {
      file_system_type: type,
      ...(partition !== undefined && { partition }),
      ...(errno && { errno }),
      ...(console && { console }),
    },
  });
}
