/** One image as a disk of one kernel: its volumes, and the mount of one of them. */

import { type ErrnoName, errnoName, errnos } from '../abi/errno.ts';
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../abi/uapi/fs.ts';
import { CLONE_FILES, CLONE_VM } from '../abi/uapi/sched.ts';
import { HostError } from '../errors/host-error.ts';
import type { HostedTask } from '../kernel/hosted-task.ts';
import type { Disk, Kernel } from '../kernel/kernel.ts';
import { KernelError, must } from '../kernel/kernel-error.ts';
import { KernelLog } from '../kernel/log/kernel-log.ts';
import { close, openat } from '../kernel/syscalls/file.ts';
import { mount, umount2 } from '../kernel/syscalls/mount.ts';
import { readText } from '../kernel/sysfs.ts';
import type { PlayedTask } from '../kernel/user-task.ts';
import { type BlockDevice, bytesOf, SECTOR } from '../storage/block-device.ts';
import { extended } from '../storage/layers/extended.ts';
import { slice } from '../storage/layers/slice.ts';
import { blaming } from './blaming.ts';
import type { MountedImage, MountRequest, PartitionSelector } from './mounted-image.ts';
import { BY_COPY, EVEN_IF_CUT, imageCut, MountFailed, mountFailed, numbersOf } from './mounting/mount-failed.ts';
import { type MountOptions, parseMountOptions, withSubvolume } from './mounting/mount-options.ts';
import { type Attempt, rescued, withRescue } from './mounting/rescue.ts';
import { type Presented, padded } from './presented.ts';
import { patched } from './probe/patch.ts';
import type { Spare } from './probe/superblock/spare-superblock.ts';
import type { Superblock } from './probe/superblock/superblocks.ts';
import { volumeBytes } from './probe/volume-bytes.ts';
import { btrfsPart, btrfsSeeds, btrfsSiblings } from './stack/btrfs.ts';
import { blobsBeside, erofsBlobs } from './stack/erofs.ts';
import { kernelDevice } from './stack/kernel-device.ts';
import type { Keyring } from './stack/keyring.ts';
import { Stack, type Stacked } from './stack/stack.ts';
import { chooseVolume, type Disks, type Wanted } from './volumes/choose.ts';
import { ownPartitions, type ProbedDevice, probedPartitions, volumesOf } from './volumes/disk-volumes.ts';
import { memberType } from './volumes/exposed.ts';
import { type ProbedVolume, partitionsOf, type Volume, WHOLE, wholeVolume } from './volumes/volumes.ts';
import type { Volumes } from './volumes/whole-or-partitions.ts';

export const MOUNT_POINT = '/mnt';

interface StackedOptions {
  readonly type?: string | undefined;
  readonly evenIfIncomplete?: boolean;
}

/** How a disk is to be mounted. */
export interface MountPlan extends MountRequest {
  /** An existing directory. */
  readonly at: string;
  readonly readOnly: boolean;
}

/** A volume that is not mounted. */
export interface LocatedVolume {
  /** /dev/dm-0. */
  readonly path: string;
  /** What is on it as blkid(8) calls it; undefined: nobody knows. */
  readonly type: string | undefined;
  /** What it is called: "/dev/vg/root". */
  readonly title: string;
}

export type Mounted = Pick<MountedImage, 'type' | 'partition' | 'volume' | 'log' | 'cut' | 'rescued' | 'missing'>;

/** One image as a disk. */
export interface DiskView {
  /** As the host has it. */
  readonly device: BlockDevice;
  /** As the kernel sees it. */
  readonly shown: Presented;
  readonly disk: Disk;
}

export interface ImageParts {
  readonly kernel: Kernel;
  /** The image, then others of the same machine. */
  readonly disks: readonly [DiskView, ...DiskView[]];
  /** A detached header of LUKS. */
  readonly header?: DiskView | undefined;
  readonly keyring: Keyring;
  /** Makes another view of the image a disk of the same kernel; absent: there is no other than that one. */
  readonly attach?: (device: BlockDevice) => Promise<Disk>;
  /** What is stacked on the disks may be opened. Default: where views can be attached. */
  readonly stacks?: boolean;
  /** Whose calls these are. Default: pid 1's. */
  readonly task?: HostedTask;
  /** What is mounted is written, and what it lies on. */
  readonly writable?: boolean;
  /** No larger kernel is to come: ENOMEM is a reason like others. Drivers say it of sizes that are damaged, too. */
  readonly last: boolean;
}

/** It is in an array, a volume group or an encrypted volume, and those are not opened. */
export class StackNeeded extends HostError {}

/** Units that old disks counted their DOS tables in, tried where 512 bytes lead to nothing. */
const OTHER_UNITS = [2048, 4096];

export class Image {
  readonly kernel: Kernel;
  readonly task: PlayedTask;
  readonly views: ImageParts['disks'];
  readonly #parts: ImageParts;
  readonly #disks: Disk[];
  #stacked: Promise<Stacked> | undefined;
  #known: Disks | undefined;
  #forgives = false;
  readonly #isForgiving = () => this.#forgives;
  #stack: Stack | undefined;

  constructor(parts: ImageParts) {
    const { kernel, disks, header, task = kernel.init } = parts;
    this.kernel = kernel;
    this.views = disks;
    this.#parts = parts;
    this.#disks = [...disks, ...(header ? [header] : [])].map(({ disk }) => disk);
    this.task = blaming(this.#disks, task, this.#isForgiving);
  }

  /** From now on, what the format around a disk has lost is no more than a bad sector. */
  forgive(): void {
    this.#forgives = true;
  }

  /** A detached header was given: some volume that looks like nothing is not. */
  get hasHeader(): boolean {
    return this.#parts.header !== undefined;
  }

  async newTask(): Promise<PlayedTask> {
    const task = await this.kernel.spawn(this.kernel.init, CLONE_VM | CLONE_FILES);
    return blaming(this.#disks, task, this.#isForgiving);
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

  /** What there is on each disk, all of it or only of a type. */
  async volumes(type?: string): Promise<Disks> {
    if (type === undefined && this.#known) return this.#known;
    const [first, ...others] = this.views;
    const disks: [Volumes, ...Volumes[]] = [await this.#volumesOf(first, WHOLE, type)];
    for (const [i, view] of others.entries()) disks.push(await this.#volumesOf(view, `image ${i + 2}`, type));
    if (type === undefined) this.#known = disks;
    return disks;
  }

  /** What lies on these: opened once. */
  stacked(disks: Disks, { type, evenIfIncomplete = false }: StackedOptions = {}): Promise<Stacked> {
    this.#stacked ??= this.#openStack(disks, type, evenIfIncomplete);
    return this.#stacked;
  }

  async #openStack(disks: Disks, type: string | undefined, evenIfIncomplete: boolean): Promise<Stacked> {
    const { kernel, task } = this;
    const { keyring, header, attach, stacks = attach !== undefined } = this.#parts;
    if (!stacks)
      throw new StackNeeded(
        'bad-stack',
        'what lies in arrays, volume groups or encrypted volumes is not mounted here: fs2tar, ls, cat and the like open it',
      );
    const own = header && { device: await kernelDevice(kernel, task, header.disk.name), bytes: header.shown.bytes };
    const { writable = false } = this.#parts;
    this.#stack = new Stack({ kernel, task, keyring, header: own, evenIfIncomplete, writable, type });
    return this.#stack.open(disks);
  }

  async #volumesOf(view: DiskView, title: string, type: string | undefined): Promise<Volumes> {
    const { bytes, gpt } = view.shown;
    const { name } = view.disk;
    const all = wholeVolume(name, view.shown.device.sectors, { title, names: [name] });
    const bytesOf = ({ startSector, sectors }: Volume) =>
      volumeBytes(view.device, startSector * SECTOR, sectors * SECTOR);
    const probed: ProbedDevice = { whole: all, bytes, gpt, bytesOf, type };
    const volumes = await volumesOf(probed, ownPartitions(this.task, all));
    const { whole, partitions, table } = volumes;
    if (table === 'dos' && [whole, ...partitions].every(({ superblocks }) => superblocks.length === 0)) {
      for (const other of this.#parts.attach ? OTHER_UNITS : []) {
        const disk = await this.#also({ ...view.shown.device, logicalBlockBytes: other });
        const seen = await partitionsOf(this.task, disk.name, all);
        const found = await probedPartitions(probed, seen, 'dos', other);
        if (found.some(({ superblocks }) => superblocks.length > 0)) return { whole, partitions: found, table };
      }
    }
    return volumes;
  }

  async #also(device: BlockDevice): Promise<Disk> {
    const { attach } = this.#parts;
    if (attach === undefined) throw new Error('this image is one disk only');
    const disk = await attach(device);
    this.#disks.push(disk);
    return disk;
  }

  mountAs(plan: MountPlan): Promise<Mounted> {
    return this.#orCut(this.#mountAs(plan));
  }

  /** The device of what would be mounted. Rejects with `image-cut` where not all of it is there. */
  async locate(partition: PartitionSelector | undefined): Promise<LocatedVolume> {
    const { volume } = await this.#orCut(this.#chosen({ type: undefined, partition, evenIfCut: false }));
    const cut = this.#cutOf(volume);
    if (cut) throw cut;
    return { path: `/dev/${await this.#deviceOf(volume)}`, type: (await volume.content())?.type, title: volume.title };
  }

  async #orCut<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      throw nothingOf(cause, this.#knownCut) ?? notThere(cause, this.#knownCut ?? this.#saidCut) ?? cause;
    }
  }

  async #chosen({ type, partition, evenIfCut }: Wanted) {
    const disks = await this.volumes(type);
    const stacked = () => this.stacked(disks, { type, evenIfIncomplete: evenIfCut });
    const looking = {
      stacked,
      hasHeader: this.hasHeader,
      looksLikeRoot: (one: ProbedVolume) => this.#looksLikeRoot(one),
    };
    return { disks, stacked, volume: await chooseVolume(disks, { type, partition, evenIfCut }, looking) };
  }

  async #mountAs(plan: MountPlan): Promise<Mounted> {
    const { at, type, partition, options, readOnly, subvolume, evenIfCut = false } = plan;
    this.#forgives = evenIfCut;
    const parsed = parseMountOptions(withSubvolume(options, subvolume), { writable: !readOnly });
    if (type !== undefined) await this.mustKnow(type);
    const { disks, stacked, volume } = await this.#chosen({ type, partition, evenIfCut });
    if (subvolume !== undefined && volume.superblocks[0]?.types[0] !== 'btrfs')
      throw new HostError('invalid-request', `${volume.title} has no subvolumes: it is no btrfs`);
    const cut = this.#cutOf(volume);
    if (cut && !evenIfCut) throw cut;
    if (volume.spare && !(evenIfCut && readOnly && this.#canMend(volume))) throw spareNeeded(volume, volume.spare);
    const name = await this.#deviceOf(volume);
    const drivers = await this.#withSiblings(volume, attempts(volume, type), evenIfCut, disks, stacked);
    const lacking = cut && numbersOf(cut);
    const { attempt, log } = await this.mount(volume, name, evenIfCut ? withRescue(drivers) : drivers, parsed, {
      at,
      cut: lacking,
    });
    const { rescue } = attempt;
    const withOptions = rescue && lacking === undefined ? rescued(volume.title, rescue) : undefined;
    const byCopy = volume.spare && readByCopy(volume, volume.spare);
    const all = [lacking, byCopy, withOptions].filter((one) => one !== undefined);
    const known = all.length > 0 ? all.join('; ') : undefined;
    if (known !== undefined) await this.#mustHaveRoot(volume, at, known);
    return {
      type: attempt.types[0],
      partition: volume.partition,
      volume: volume.title,
      log,
      cut: lacking,
      rescued: byCopy ?? withOptions,
      missing: known === undefined ? [] : [known],
    };
  }

  /** Some drivers mount what has no root directory any more. */
  async #mustHaveRoot({ title }: Volume, at: string, lacking: string): Promise<void> {
    const fd = await openat(this.task, AT_FDCWD, at, O_RDONLY | O_DIRECTORY);
    if (fd < 0) throw new HostError('mount-failed', `${title}: ${lacking}, and its root directory is missing`);
    await close(this.task, fd);
  }

  /** The device to mount: a view of its own where the kernel's would end too early or count in other blocks. */
  async #deviceOf(volume: ProbedVolume): Promise<string> {
    const { partition, name, startSector, sectors, claimed = 0 } = volume;
    if (volume.spare) return (await this.#also(this.#mended(volume, volume.spare))).name;
    const view = this.#viewOf(volume);
    const wantedSectors = Math.ceil(claimed / SECTOR);
    if (view === undefined && this.#stack && volume.kind !== 'disk' && wantedSectors > sectors)
      return this.#stack.extended(volume, wantedSectors);
    if (partition === undefined || view === undefined || this.#parts.attach === undefined) return name;
    const short = claimed > sectors * SECTOR;
    const blocks = view.shown.device.logicalBlockBytes ?? SECTOR;
    const foreign = !name.startsWith(view.disk.name);
    const isOdd = claimed % 1024 !== 0 && !this.#parts.writable;
    if (!short && blocks === SECTOR && !foreign && !isOdd) return name;
    const own = this.#parts.writable
      ? slice(view.device, startSector * SECTOR, volume.bytes.sizeBytes)
      : asClaimed(volume, view);
    return (await this.#also(own)).name;
  }

  /** Not of what lies on other than a disk. */
  #canMend(volume: ProbedVolume): boolean {
    const isOnDisk = volume.kind === 'disk' || this.#viewOf(volume) !== undefined;
    return isOnDisk && this.#parts.attach !== undefined && this.#parts.writable !== true;
  }

  /** With a copy of its superblock as its first one. */
  #mended(volume: ProbedVolume, { patch }: Spare): BlockDevice {
    const view = this.#viewOf(volume) ?? this.views.find(({ disk }) => disk.name === volume.name);
    if (view === undefined) throw new Error('it lies on no disk');
    return patched(asClaimed(volume, view), [patch]);
  }

  /** What whoever made the devices knows of them. */
  get #knownCut(): string | undefined {
    return this.views.find(({ device }) => device.cut !== undefined)?.device.cut;
  }

  /** By what the first image begins with, where that is more than there is. */
  get #saidCut(): string | undefined {
    const view = this.views.find(({ shown }) => shown.claimedBytes !== undefined);
    if (view === undefined) return undefined;
    const [there, claimed] = [view.shown.bytes.sizeBytes, view.shown.claimedBytes ?? 0];
    return `the image has ${there.toLocaleString('en')} of ${claimed.toLocaleString('en')} bytes`;
  }

  /** Why not all of a volume is there, if that is known. */
  #cutOf(volume: ProbedVolume): HostError | undefined {
    const known = this.#knownCut;
    const cut = cutOf(volume) ?? this.#stackCut(volume);
    if (known === undefined) return cut;
    const { members } = cut?.problem ?? {};
    const numbers = cut === undefined ? known : `${known}; ${numbersOf(cut)}`;
    return new HostError('image-cut', `${numbers}: ${EVEN_IF_CUT}`, { ...(members && { members }) });
  }

  /** What lies on a disk that was cut short may lie behind its end: nothing between tells where. */
  #stackCut(volume: Volume): HostError | undefined {
    if (volume.kind === 'disk' || this.#viewOf(volume) !== undefined) return undefined;
    const known = knownBelow(volume);
    if (known !== undefined) return new HostError('image-cut', `${known}: ${EVEN_IF_CUT}`);
    const view = this.views.find(({ disk, shown }) => shown.claimedBytes !== undefined && reaches(volume, disk.name));
    if (view === undefined) return undefined;
    const [there, claimed] = [view.shown.bytes.sizeBytes, view.shown.claimedBytes ?? 0];
    const numbers = `${there.toLocaleString('en')} of ${claimed.toLocaleString('en')} bytes`;
    return new HostError(
      'image-cut',
      `${volume.title} lies on an image of which ${numbers} are there: ${EVEN_IF_CUT}`,
      {
        members: { there_bytes: there, claimed_bytes: claimed },
      },
    );
  }

  /** The disk that a partition is of; undefined where it lies on something else. */
  #viewOf({ on: [whole], kind }: Volume): DiskView | undefined {
    return kind === 'part' ? this.views.find(({ disk }) => disk.name === whole?.name) : undefined;
  }

  /** A file system over several devices is mounted by one of them; the others are named as options. */
  async #withSiblings(
    volume: ProbedVolume,
    drivers: readonly Attempt[],
    evenIfIncomplete: boolean,
    disks: Disks,
    stacked: () => Promise<Stacked>,
  ): Promise<readonly Attempt[]> {
    if (erofsBlobs(volume) > 0) return this.#withDevices(drivers, await this.#blobsOf(volume, disks));
    const part = btrfsPart(volume);
    if (part === undefined || part.devices < 2) return drivers;
    const all = disks.flatMap(({ whole, partitions }) => [whole, ...partitions]);
    let siblings = btrfsSiblings(volume, all);
    if (siblings.length + 1 < part.devices && (await Promise.all(all.map(memberType))).some(Boolean)) {
      const inner = (await stacked()).opened.flatMap(({ whole, partitions }) => [whole, ...partitions]);
      siblings = btrfsSiblings(volume, [...all, ...inner]);
    }
    if (siblings.length + 1 < part.devices)
      siblings = [...siblings, ...btrfsSeeds(volume, all)].slice(0, part.devices - 1);
    const missing = part.devices - 1 - siblings.length;
    if (missing > 0 && !evenIfIncomplete) {
      const numbers = `a btrfs over ${part.devices} devices, of which ${siblings.length + 1} ${siblings.length === 0 ? 'is' : 'are'} here`;
      throw new HostError(
        'stack-incomplete',
        `${volume.title} is part of ${numbers}: name the images of the others too; without them: ${EVEN_IF_CUT}`,
        {
          members: { members_there: siblings.length + 1, members: part.devices },
        },
      );
    }
    return this.#withDevices(drivers, siblings, missing > 0 ? ['degraded'] : []);
  }

  async #withDevices(drivers: readonly Attempt[], volumes: readonly ProbedVolume[], also: readonly string[] = []) {
    const named: string[] = [];
    for (const volume of volumes) named.push(`device=/dev/${await this.#deviceOf(volume)}`);
    return drivers.map((attempt) => ({
      ...attempt,
      options: [attempt.options, ...named, ...also].filter(Boolean).join(','),
    }));
  }

  /** Where the data of an erofs are that it has not itself; without them it is not mounted at all. */
  async #blobsOf(volume: ProbedVolume, disks: Disks): Promise<readonly ProbedVolume[]> {
    const [wanted, beside] = [erofsBlobs(volume), blobsBeside(volume, disks)];
    if (beside.length >= wanted) return beside.slice(0, wanted);
    const files = wanted === 1 ? 'another file' : `${wanted} other files, of which ${beside.length} are here`;
    throw new HostError(
      'stack-incomplete',
      `${volume.title} is an erofs whose data lie in ${files} (blobs): name them behind it, in their order`,
      { members: { members_there: 1 + beside.length, members: 1 + wanted } },
    );
  }

  /** What was opened of what is stacked on the disks. */
  async openedVolumes(): Promise<readonly Volume[]> {
    const { opened } = (await this.#stacked) ?? { opened: [] };
    return opened.flatMap(({ whole, partitions }) => [whole, ...partitions]);
  }

  /** Lets go of what is stacked on the disks, once nothing of it is mounted or open. */
  async closeStack(): Promise<void> {
    await this.#stack?.close();
  }

  /** No larger kernel is tried after this one. */
  get isLast(): boolean {
    return this.#parts.last;
  }

  /** What a disk could not do for the kernel; nobody else is told of a write that failed behind Linux's back. */
  get lastError(): unknown {
    return this.#disks.find(({ lastError }) => lastError !== undefined)?.lastError;
  }

  /** By the first driver that takes it; else what the first one said. */
  async mount(
    volume: ProbedVolume,
    device: string,
    attempts: readonly Attempt[],
    { flags, data }: MountOptions,
    { at = MOUNT_POINT, cut }: { readonly at?: string; readonly cut?: string | undefined } = {},
  ): Promise<{ readonly attempt: Attempt; readonly log: KernelLog }> {
    let refusal: HostError | undefined;
    for (const attempt of attempts) {
      const { types, options } = attempt;
      const all = [options, data].filter(Boolean).join(',');
      const log = await KernelLog.open(this.task);
      // It would not look at a disk whose last sector is missing; all other drivers find out when they need it.
      for (const { shown } of this.views) shown.sizing.on = cut !== undefined && types[0] === 'xfs';
      const ret = await mount(this.task, `/dev/${device}`, at, types[0], flags, all).finally(() => {
        for (const { shown } of this.views) shown.sizing.on = false;
      });
      if (ret >= 0) return { attempt, log };
      // Some drivers say so of a block that they cannot read, too.
      if (!this.#parts.last && -ret === errnos.ENOMEM.number && cut === undefined)
        throw new KernelError('mount', -ret, device);
      const errno: ErrnoName | undefined = errnoName(-ret);
      const { partition, title } = volume;
      refusal ??= mountFailed({
        errno,
        title,
        partition,
        type: types[0],
        options: data,
        log: await log.records(),
        cut,
        alsoWith: attempts.flatMap(({ types: [other], rescue }) =>
          other === types[0] && rescue ? [rescue.options] : [],
        ),
      });
      await log.close();
    }
    throw refusal ?? new HostError('no-file-system');
  }

  /** A mount to look at, undone again; undefined where no driver takes it: `refused` hears why. */
  async look<T>(
    volume: ProbedVolume,
    see: (attempt: Superblock) => Promise<T>,
    refused: (cause: HostError) => void = () => {},
  ): Promise<T | undefined> {
    let refusal: HostError | undefined;
    if (volume.spare) {
      refused(spareNeeded(volume, volume.spare));
      return undefined;
    }
    const name = await this.#deviceOf(volume);
    for (const superblock of volume.superblocks) {
      try {
        const disks = this.#known ?? (await this.volumes());
        const lacking = this.#cutOf(volume);
        const attempts = lacking === undefined ? [superblock] : withRescue([superblock]);
        const tried = await this.#withSiblings(volume, attempts, false, disks, () => this.stacked(disks));
        const { log } = await this.mount(volume, name, tried, parseMountOptions(''), {
          cut: lacking && numbersOf(lacking),
        });
        await log.close();
      } catch (cause) {
        if (!(cause instanceof HostError && ['mount-failed', 'stack-incomplete'].includes(cause.kind))) throw cause;
        refusal ??= cause;
        continue;
      }
      const seen = await see(superblock);
      must('umount2', await umount2(this.task, MOUNT_POINT), MOUNT_POINT);
      return seen;
    }
    // What was tried and could not be mounted even so is not to be tried again.
    const why = refusal ?? cutOf(volume);
    if (why) refused(why);
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

const lostSuperblock = ({ title }: Volume, { type, at }: Spare): string =>
  `${title}, ${type}: its superblock is damaged or gone, a copy at byte ${at.toLocaleString('en')} is whole`;

/** Told of a tree that was read by it. */
const readByCopy = (volume: Volume, spare: Spare): string =>
  `${lostSuperblock(volume, spare)}, and was taken for it: ${spare.means}`;

const spareNeeded = (volume: Volume, spare: Spare): HostError =>
  new MountFailed(
    `${lostSuperblock(volume, spare)}: ${BY_COPY}`,
    { file_system_type: spare.type, damaged: true },
    true,
  );

/** A volume of a disk, as long as its file system says. */
function asClaimed(
  { startSector, sectors, claimed = 0, bytes }: ProbedVolume,
  { device, shown: { sizing } }: DiskView,
): BlockDevice {
  const own = slice(device, startSector * SECTOR, bytes.sizeBytes);
  const wanted = Math.max(sectors, Math.ceil(claimed / SECTOR));
  return bytes.sizeBytes < wanted * SECTOR ? extended(own, wanted, { sizing }) : padded(own, claimed);
}

/** What whoever opened it, or what it lies on, found to be missing. */
const knownBelow = ({ cut, on }: Volume): string | undefined =>
  cut ?? on.map(knownBelow).find((one) => one !== undefined);

/** Whether it lies on that disk, by way of whatever. */
const reaches = ({ on }: Volume, disk: string): boolean => on.some((one) => one.name === disk || reaches(one, disk));

/** Why a volume is not whole: its file system says that it has more bytes than there are. */
function cutOf(volume: ProbedVolume): HostError | undefined {
  const { partition, title, bytes, sectors, claimed, kind } = volume;
  const [superblock] = volume.superblocks;
  if (superblock === undefined) {
    if (partition === undefined || bytes.sizeBytes > 0) return undefined;
    return new HostError('image-cut', `${title} lies behind the end of the image`);
  }
  const isDisk = kind === 'disk';
  const where = isDisk ? 'the image' : partition === undefined ? title : `of ${title} the image`;
  const needed = claimed ?? (partition === undefined ? 0 : sectors * SECTOR);
  if (needed <= bytes.sizeBytes) return undefined;
  const inTable = partition !== undefined && bytes.sizeBytes === sectors * SECTOR;
  return imageCut(inTable ? title : where, superblock.types[0], bytes.sizeBytes, needed);
}

/** What is not found on a disk that was cut short may have been there. */
const nothingOf = (cause: unknown, cut: string | undefined): HostError | undefined =>
  cut !== undefined && cause instanceof HostError && cause.kind === 'no-file-system'
    ? new HostError(
        'image-cut',
        `${cut}, and in what is there no file system was found: what it begins with may be missing`,
      )
    : undefined;

/** Nor what is asked for by name, and what is missing may be what it opens by. */
function notThere(cause: unknown, cut: string | undefined): HostError | undefined {
  if (!(cause instanceof HostError) || cut === undefined) return undefined;
  const { kind, message, members } = cause;
  if (!MAY_BE_MISSING.has(kind) || message.includes(cut)) return undefined;
  return new HostError(kind, `${message}; ${cut}: what is needed may be missing`, { members, cause });
}

const MAY_BE_MISSING: ReadonlySet<string> = new Set(['no-such-partition', 'wrong-passphrase', 'bad-stack']);

/** The part of `device` that a request is about. */
export function partOf(
  device: BlockDevice,
  { offsetBytes = 0, sizeBytes }: Pick<MountRequest, 'offsetBytes' | 'sizeBytes'>,
): BlockDevice {
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
