/** A kernel with tools in /bin and disks in /dev: where programs do their work on images. */

import { concat } from '../bytes/concat.ts';
import { HostError } from '../errors/host-error.ts';
import { type LocatedVolume, type MountPlan, partOf } from '../image/image.ts';
import type { MountRequest, StackRequest } from '../image/mounted-image.ts';
import { type DisksOptions, disksOf, mountDisk } from '../image/mounting/mounter.ts';
import type { Disk, Kernel } from '../kernel/kernel.ts';
import { must } from '../kernel/kernel-error.ts';
import { type ProgramEnd, type ProgramRun, runProgram } from '../kernel/program/run/run.ts';
import { mount, umount2 } from '../kernel/syscalls/mount.ts';
import type { BlockDevice } from '../storage/block-device.ts';
import { makeDirectories } from '../tree/make-directories.ts';
import { keepDeviceNodes } from './device-nodes.ts';
import { driverOf } from './file-system/file-systems.ts';
import { ENVIRONMENT, installTools } from './install-tools.ts';
import type { Toolbox } from './toolbox.ts';

/** Where a program is and what it is told of its surroundings, beside what every one is told. */
export type Surroundings = Pick<ProgramRun, 'cwd' | 'env' | 'terminal' | 'started'>;

/** What a program hears and says. */
export type Streams = Pick<ProgramRun, 'stdin' | 'stdout' | 'stderr'>;

const MOUNT_POINT = '/mnt';

interface AttachedDisk {
  readonly device: BlockDevice;
  readonly disk: Disk;
}

export class Workshop {
  readonly kernel: Kernel;
  readonly #toolbox: Toolbox;
  readonly #disks: AttachedDisk[] = [];

  private constructor(kernel: Kernel, toolbox: Toolbox) {
    this.kernel = kernel;
    this.#toolbox = toolbox;
  }

  /** The kernel is this workshop's from now on. `memoryBytes`: what all programs may have together. */
  static async open(kernel: Kernel, toolbox: Toolbox, memoryBytes: number): Promise<Workshop> {
    kernel.programs.memoryLimit = memoryBytes;
    await installTools(kernel, toolbox);
    await keepDeviceNodes(kernel);
    return new Workshop(kernel, toolbox);
  }

  /** Plugs a disk in and answers its path: /dev/vda. */
  async attach(device: BlockDevice): Promise<string> {
    const disk = await this.kernel.attachDisk(device);
    this.#disks.push({ device, disk });
    return `/dev/${disk.name}`;
  }

  /** Runs a program to its end. A name without a slash is looked for in /bin. Rejects with `no-such-tool`. */
  async run(
    [program = '', ...words]: readonly string[],
    streams: Streams = {},
    { env = [], ...where }: Surroundings = {},
  ): Promise<ProgramEnd> {
    if (!program.includes('/') && !this.has(program)) throw noSuchTool(program);
    const path = program.includes('/') ? program : `/bin/${program}`;
    return runProgram(this.kernel, {
      path,
      argv: [program, ...words],
      env: [...env, ...ENVIRONMENT],
      ...where,
      ...streams,
    });
  }

  /** The same for one that must succeed: what it said is the error's text otherwise. */
  async must(argv: readonly string[], streams: Streams = {}, isGood = (code: number) => code === 0): Promise<void> {
    const said: Uint8Array[] = [];
    const hear = (bytes: Uint8Array) => void said.push(bytes);
    const end = await this.run(argv, { stdout: hear, stderr: hear, ...streams });
    if (end.exitCode !== undefined && isGood(end.exitCode)) return;
    // Of a disk that fails a program knows that it is an I/O error, and no more.
    for (const { disk } of this.#disks) if (disk.lastError !== undefined) throw disk.lastError;
    throw toolFailed(argv[0] ?? '', end, said);
  }

  /** All that was written is on the devices, and flushed; rejects with what went wrong there. Nothing may be mounted. */
  async commit(): Promise<void> {
    must('sync', await this.kernel.init.syscall('sync'));
    for (const { device, disk } of this.#disks) {
      // A write that failed behind Linux's back is told to nobody else.
      if (disk.lastError !== undefined) throw disk.lastError;
      await device.flush?.();
    }
  }

  /** Mounts a disk, or a partition of it, on a directory, which is made; it is there until `umount`. */
  async mount(path: string, plan: MountPlan): Promise<void> {
    const { device, disk } = this.#attached(path);
    await makeDirectories(this.kernel.init, new TextEncoder().encode(plan.at));
    await mountDisk(this.kernel, device, disk, plan);
  }

  /** Rejects with EBUSY while a program has something open there. */
  async umount(mountPoint: string): Promise<void> {
    must('umount2', await umount2(this.kernel.init, mountPoint), mountPoint);
  }

  /** Runs `work` while a disk, or a partition of it, is mounted; afterwards all that was written is on it. `path`: /dev/vda, /dev/vda1. */
  async mounted<T>(
    path: string,
    type: string,
    work: (mountPoint: string) => Promise<T>,
    {
      partition = partitionIn(path),
      readOnly = false,
      evenIfCut = false,
    }: { readonly partition?: number | 'whole'; readonly readOnly?: boolean; readonly evenIfCut?: boolean } = {},
  ): Promise<T> {
    const { device, disk } = this.#attached(diskIn(path));
    await mountDisk(this.kernel, device, disk, {
      type: driverOf(type),
      partition,
      at: MOUNT_POINT,
      readOnly,
      evenIfCut,
    });
    try {
      const done = await work(MOUNT_POINT);
      must('umount2', await umount2(this.kernel.init, MOUNT_POINT), MOUNT_POINT);
      return done;
    } catch (cause) {
      // The reason is the first error, not what follows from it.
      await umount2(this.kernel.init, MOUNT_POINT);
      throw cause;
    }
  }

  /** The same for what an image shows itself to be, whatever is stacked on it and on others. */
  async withImage<T>(
    device: BlockDevice,
    request: MountRequest,
    work: (mountPoint: string) => Promise<T>,
    options: DisksOptions = {},
  ): Promise<T> {
    const disks = await disksOf(this.kernel, partOf(device, request), request, options);
    try {
      const { log } = await disks.mount(request, MOUNT_POINT);
      await log.close();
      await disks.settle();
      let done: T;
      try {
        done = await work(MOUNT_POINT);
      } catch (cause) {
        await umount2(this.kernel.init, MOUNT_POINT);
        throw cause;
      }
      must('umount2', await umount2(this.kernel.init, MOUNT_POINT), MOUNT_POINT);
      await disks.close();
      return done;
    } finally {
      await disks.discard();
    }
  }

  /** Runs `work` on a volume that lies in others (LUKS, LVM, arrays), which are opened; all is on the disks afterwards, and flushed. */
  async withVolume<T>(
    device: BlockDevice,
    { partition, ...stack }: Pick<MountRequest, 'partition' | keyof StackRequest>,
    work: (volume: LocatedVolume) => Promise<T>,
    options: DisksOptions = {},
  ): Promise<T> {
    const disks = await disksOf(this.kernel, device, stack, options);
    try {
      const volume = await disks.locate(partition);
      await disks.settle();
      const done = await work(volume);
      must('sync', await this.kernel.init.syscall('sync'));
      await disks.close();
      return done;
    } finally {
      await disks.discard();
    }
  }

  /** Mounts what is at `path` and unmounts it again: its journal is replayed then. */
  async replay(path: string, type: string): Promise<void> {
    await this.mountedAt(path, type, async () => {});
  }

  /** Runs `work` while what is at `path` is mounted: /dev/dm-0. */
  async mountedAt<T>(path: string, type: string, work: (mountPoint: string) => Promise<T>): Promise<T> {
    const { init } = this.kernel;
    await makeDirectories(init, new TextEncoder().encode(MOUNT_POINT));
    must('mount', await mount(init, path, MOUNT_POINT, driverOf(type), 0), path);
    try {
      const done = await work(MOUNT_POINT);
      must('umount2', await umount2(init, MOUNT_POINT), MOUNT_POINT);
      return done;
    } catch (cause) {
      await umount2(init, MOUNT_POINT);
      throw cause;
    }
  }

  /** Lets go of the kernel at once. */
  close(): void {
    this.kernel.kill();
  }

  #attached(path: string): AttachedDisk {
    const attached = this.#disks.find(({ disk }) => `/dev/${disk.name}` === path);
    if (!attached) throw new Error(`${path} is no disk of this workshop`);
    return attached;
  }

  /** Whether there is a program of this name among the tools. */
  has(name: string): boolean {
    return this.#toolbox.tools.some((tool) => tool.name === name || tool.links.includes(name));
  }
}

const diskIn = (path: string): string => path.replace(/\d+$/, '');
const partitionIn = (path: string): number | 'whole' => Number(path.slice(diskIn(path).length)) || 'whole';

const noSuchTool = (name: string): HostError =>
  new HostError('no-such-tool', `there is no program ${name} among the tools`);

function toolFailed(name: string, { exitCode, signal }: ProgramEnd, said: readonly Uint8Array[]): HostError {
  const text = new TextDecoder().decode(concat(said)).trim();
  const how = signal === undefined ? `ended with ${exitCode}` : `was ended by signal ${signal}`;
  return new HostError('tool-failed', `${name} ${how}${text === '' ? '' : `: ${text}`}`);
}
