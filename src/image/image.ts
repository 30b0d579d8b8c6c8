/** One image as a disk of one kernel: its volumes, and the mount of one of them. */

import { type ErrnoName, errnoName, errnos } from '../abi/errno.ts';
import { AT_FDCWD } from '../abi/uapi/fs.ts';
import { CLONE_FILES, CLONE_VM } from '../abi/uapi/sched.ts';
import { HostError } from '../errors/host-error.ts';
import type { Disk, Kernel } from '../kernel/kernel.ts';
import { KernelError, must } from '../kernel/kernel-error.ts';
import { KernelLog } from '../kernel/kernel-log.ts';
import { close, openat } from '../kernel/syscalls/file.ts';
import { mount, umount2 } from '../kernel/syscalls/mount.ts';
import { readText } from '../kernel/sysfs.ts';
import type { PlayedTask } from '../kernel/user-task.ts';
import { type BlockDevice, bytesOf, SECTOR } from '../storage/block-device.ts';
import { extended } from '../storage/extended.ts';
import { slice } from '../storage/slice.ts';
import { blaming } from './blaming.ts';
import { chooseVolume, type ProbedPartition, type Volumes } from './choose.ts';
import { EVEN_IF_CUT, imageCut, mountFailed } from './mount-failed.ts';
import { type MountOptions, parseMountOptions } from './mount-options.ts';
import type { MountedImage, MountRequest } from './mounted-image.ts';
import { type Presented, padded } from './presented.ts';
import { tableReader } from './probe/partition-entry.ts';
import { partitionTableOf } from './probe/superblock.ts';
import type { Superblock } from './probe/superblocks.ts';
import { volumeBytes } from './probe/volume-bytes.ts';
import { ofType, type ProbedVolume, partitionsOf, probe } from './volumes.ts';

export const MOUNT_POINT = '/mnt';

/** How a disk is to be mounted. */
export interface MountPlan extends MountRequest {
  /** An existing directory. */
  readonly at: string;
  readonly readOnly: boolean;
}

export type Mounted = Pick<MountedImage, 'type' | 'partition' | 'log' | 'missing'>;

/** What the driver is asked to do: as a superblock row, without what only describes. */
type Attempt = Pick<Superblock, 'types' | 'options'>;

export interface ImageParts {
  readonly kernel: Kernel;
  /** As the host has it. */
  readonly device: BlockDevice;
  /** As the kernel sees it. */
  readonly shown: Presented;
  readonly disk: Disk;
  /** Makes another view of the image a disk of the same kernel; absent: there is no other than that one. */
  readonly attach?: (device: BlockDevice) => Promise<Disk>;
  /** No larger kernel is to come: ENOMEM is a reason like others. Drivers say it of sizes that are damaged, too. */
  readonly last: boolean;
}

/** Units that old disks counted their DOS tables in, tried where 512 bytes lead to nothing. */
const OTHER_UNITS = [2048, 4096];

export class Image {
  readonly kernel: Kernel;
  readonly task: PlayedTask;
  readonly device: BlockDevice;
  readonly shown: Presented;
  readonly #disk: Disk;
  readonly #attach: ImageParts['attach'];
  readonly #last: boolean;
  readonly #disks: Disk[] = [];

  constructor({ kernel, device, shown, disk, attach, last }: ImageParts) {
    this.kernel = kernel;
    this.device = device;
    this.shown = shown;
    this.#disk = disk;
    this.#disks.push(disk);
    this.#attach = attach;
    this.#last = last;
    this.task = blaming(this.#disks, kernel.init);
  }

  async newTask(): Promise<PlayedTask> {
    return blaming(this.#disks, await this.kernel.spawn(this.kernel.init, CLONE_VM | CLONE_FILES));
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

  /** What there is, all of it or only of a type. */
  async volumes(type?: string): Promise<Volumes> {
    const { device, bytes, gpt } = this.shown;
    const { name } = this.#disk;
    const all = { partition: undefined, name, startSector: 0, sectors: device.sectors, label: undefined };
    const whole = ofType(await probe(all, bytes), type);
    const table = gpt ? 'gpt' : partitionTableOf(whole.head)?.type;
    const unit = gpt?.blockBytes ?? SECTOR;
    const partitions = await this.#partitions(name, table, unit, type);
    if (table === 'dos' && [whole, ...partitions].every(({ superblocks }) => superblocks.length === 0)) {
      for (const other of this.#attach ? OTHER_UNITS : []) {
        const found = await this.#partitionsInUnits(other, type);
        if (found.some(({ superblocks }) => superblocks.length > 0)) return { whole, partitions: found, table };
      }
    }
    return { whole, partitions, table };
  }

  async #partitions(
    disk: string,
    table: string | undefined,
    unit: number,
    type: string | undefined,
  ): Promise<ProbedPartition[]> {
    const { bytes, gpt } = this.shown;
    const reader = tableReader(bytes, table, gpt, unit);
    const partitions: ProbedPartition[] = [];
    for (const volume of await partitionsOf(this.task, disk)) {
      const { partition = 0, startSector, sectors } = volume;
      const own = volumeBytes(this.device, startSector * SECTOR, sectors * SECTOR);
      const entry = await reader.entry(partition, startSector);
      partitions.push({ ...ofType(await probe(volume, own), type), ...entry });
    }
    return partitions;
  }

  async #partitionsInUnits(unit: number, type: string | undefined): Promise<ProbedPartition[]> {
    const disk = await this.#also({ ...this.shown.device, logicalBlockBytes: unit });
    return this.#partitions(disk.name, 'dos', unit, type);
  }

  async #also(device: BlockDevice): Promise<Disk> {
    if (this.#attach === undefined) throw new Error('this image is one disk only');
    const disk = await this.#attach(device);
    this.#disks.push(disk);
    return disk;
  }

  async mountAs({ at, type, partition, options = '', readOnly, evenIfCut = false }: MountPlan): Promise<Mounted> {
    const parsed = parseMountOptions(options, { writable: !readOnly });
    if (type !== undefined) await this.mustKnow(type);
    const volumes = await this.volumes(type);
    const volume = await chooseVolume(volumes, { type, partition, evenIfCut }, (one) => this.#looksLikeRoot(one));
    const cut = cutOf(volume) ?? knownCut(this.device);
    if (cut && !evenIfCut) throw cut;
    const name = await this.#deviceOf(volume);
    const drivers = attempts(volume, type);
    const { attempt, log } = await this.mount(volume, name, cut ? withoutReplay(drivers) : drivers, parsed, at);
    return {
      type: attempt.types[0],
      partition: volume.partition,
      log,
      missing: cut ? [cut.message.replace(/: on-error.*/, '')] : [],
    };
  }

  /** The device to mount: a view of its own where the kernel's would end too early or count in other blocks. */
  async #deviceOf(volume: ProbedVolume): Promise<string> {
    const { partition, name, startSector, sectors, claimed = 0 } = volume;
    if (partition === undefined || this.#attach === undefined) return name;
    const short = claimed > sectors * SECTOR;
    const blocks = this.shown.device.logicalBlockBytes ?? SECTOR;
    const foreign = !name.startsWith(this.#disk.name);
    if (!short && blocks === SECTOR && !foreign && claimed % 1024 === 0) return name;
    const there = volume.bytes.sizeBytes;
    const own = slice(this.device, startSector * SECTOR, there);
    const wanted = Math.max(sectors, Math.ceil(claimed / SECTOR));
    return (await this.#also(there < wanted * SECTOR ? extended(own, wanted) : padded(own, claimed))).name;
  }

  /** By the first driver that takes it; else what the first one said. */
  async mount(
    volume: ProbedVolume,
    device: string,
    attempts: readonly Attempt[],
    { flags, data }: MountOptions,
    at = MOUNT_POINT,
  ): Promise<{ readonly attempt: Attempt; readonly log: KernelLog }> {
    let refusal: HostError | undefined;
    for (const attempt of attempts) {
      const { types, options } = attempt;
      const all = [options, data].filter(Boolean).join(',');
      const log = await KernelLog.open(this.task);
      const ret = await mount(this.task, `/dev/${device}`, at, types[0], flags, all);
      if (ret >= 0) return { attempt, log };
      if (!this.#last && -ret === errnos.ENOMEM.number) throw new KernelError('mount', -ret, device);
      const errno: ErrnoName | undefined = errnoName(-ret);
      const { partition } = volume;
      refusal ??= mountFailed({ errno, partition, type: types[0], options: all, log: await log.records() });
      await log.close();
    }
    throw refusal ?? new HostError('no-file-system');
  }

  /** A mount to look at, undone again; undefined where no driver takes it. */
  async look<T>(volume: ProbedVolume, see: (attempt: Superblock) => Promise<T>): Promise<T | undefined> {
    const name = await this.#deviceOf(volume);
    for (const superblock of volume.superblocks) {
      try {
        const { log } = await this.mount(volume, name, [superblock], parseMountOptions(''));
        await log.close();
      } catch (cause) {
        if (!(cause instanceof HostError && cause.kind === 'mount-failed')) throw cause;
        continue;
      }
      const seen = await see(superblock);
      must('umount2', await umount2(this.task, MOUNT_POINT), MOUNT_POINT);
      return seen;
    }
    return undefined;
  }

  /** os-release(5) says that it is an operating system; older ones have /etc and /bin. */
  async #looksLikeRoot(volume: ProbedVolume): Promise<boolean> {
    const found = await this.look(volume, async () => {
      const has = async (path: string) => {
        const fd = await openat(this.task, AT_FDCWD, `${MOUNT_POINT}/${path}`, 0);
        if (fd >= 0) await close(this.task, fd);
        return fd >= 0;
      };
      return (await has('usr/lib/os-release')) || ((await has('etc')) && ((await has('bin')) || (await has('sbin'))));
    });
    return found === true;
  }
}

/** The drivers to try on a volume, in order; the type asked for goes by its own name. */
function attempts({ superblocks }: ProbedVolume, type: string | undefined): readonly Attempt[] {
  if (type === undefined) return superblocks;
  const [superblock] = superblocks;
  return [{ ...superblock, types: [type] }];
}

const NO_REPLAY: Readonly<Record<string, string>> = {
  ext3: 'noload',
  ext4: 'noload',
  xfs: 'norecovery',
  nilfs2: 'norecovery',
  f2fs: 'norecovery',
};

/** Of what is cut short, the journal may lie behind the end: after each driver the same without it. */
const withoutReplay = (attempts: readonly Attempt[]): readonly Attempt[] =>
  attempts.flatMap((attempt) => {
    const option = NO_REPLAY[attempt.types[0]];
    const options = [attempt.options, option].filter(Boolean).join(',');
    return option === undefined ? [attempt] : [attempt, { ...attempt, options }];
  });

/** Why a volume is not whole: its file system says that it has more bytes than there are. */
function cutOf({ partition, bytes, sectors, claimed, superblocks: [superblock] }: ProbedVolume): HostError | undefined {
  if (superblock === undefined) {
    if (partition === undefined || bytes.sizeBytes > 0) return undefined;
    return new HostError('image-cut', `partition ${partition} lies behind the end of the image`);
  }
  const where = partition === undefined ? 'the image' : `of partition ${partition} the image`;
  const needed = claimed ?? (partition === undefined ? 0 : sectors * SECTOR);
  if (needed <= bytes.sizeBytes) return undefined;
  const inTable = partition !== undefined && bytes.sizeBytes === sectors * SECTOR;
  return imageCut(inTable ? `partition ${partition}` : where, superblock.types[0], bytes.sizeBytes, needed);
}

/** What whoever made the device knows of it. */
const knownCut = ({ cut }: BlockDevice): HostError | undefined =>
  cut === undefined ? undefined : new HostError('image-cut', `${cut}: ${EVEN_IF_CUT}`);

/** The part of `device` that a request is about. */
export function partOf(device: BlockDevice, { offsetBytes = 0, sizeBytes }: MountRequest): BlockDevice {
  if (offsetBytes === 0 && sizeBytes === undefined) return device;
  const rest = bytesOf(device) - offsetBytes;
  const wanted = sizeBytes ?? rest;
  if (rest <= 0 || wanted > rest) {
    throw new HostError(
      'invalid-request',
      `offset ${offsetBytes}${sizeBytes === undefined ? '' : `, size ${sizeBytes}`}: the image has ${bytesOf(device)} bytes`,
    );
  }
  return slice(device, offsetBytes, wanted);
}
