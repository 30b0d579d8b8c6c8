/** One running Linux kernel: its first user task, its disks, its end. */

import { errnos } from '../abi/errno.ts';
import { AT_FDCWD, S_IFBLK } from '../abi/uapi/fs.ts';
import type { BlockDevice } from '../storage/block-device.ts';
import type { Engine } from './engine.ts';
import type { KernelDead, KernelEnd } from './errors.ts';
import type { ClockPolicy, Host } from './host.ts';
import type { HostedTask } from './hosted-task.ts';
import { must } from './kernel-error.ts';
import type { Ptr } from './memory.ts';
import { Nets } from './nets.ts';
import type { Programs } from './program/programs.ts';
import { mknodat } from './syscalls/dir.ts';
import { mapBuffer } from './syscalls/memory.ts';
import { readNames, readText } from './sysfs.ts';
import type { TaskInfo } from './tasks/task-list.ts';
import { VirtioBlk } from './virtio/blk.ts';
import { bindSlot } from './virtio/driver.ts';
import type { TransportState } from './virtio/mmio.ts';

const MIB = 1 << 20;

/** What a kernel may have unless someone says otherwise. */
export const DEFAULT_MEMORY_MIB = 64;

/** Room for paths and structs of one system call. */
export const SCRATCH_BYTES = 64 * 1024;

export interface KernelOptions {
  readonly host: Host;
  /** Default `virtual`. */
  readonly clock?: ClockPolicy;
  /** The most memory it may grow to. */
  readonly memoryMib?: number;
  /** What programs that run in it may have together, each in a memory of its own. Default: 64; of a pool's kernel, none. */
  readonly programMib?: number | undefined;
}

/** A disk the kernel knows. */
export interface Disk {
  /** Its name under /dev and /sys/block: `vda` … */
  readonly name: string;
  /** The last error of the block device behind it, which Linux only knows as EIO. */
  readonly lastError: unknown;
}

/** A disk as a snapshot keeps it: what stands behind it is the caller's to keep. */
export interface SavedDisk {
  readonly name: string;
  readonly slot: number;
  readonly transport: TransportState;
}

/** virtio-blk names disks in the order of their probes: vda, vdb … (24 slots, so one letter is enough). */
const diskName = (index: number): string => `vd${String.fromCharCode('a'.charCodeAt(0) + index)}`;

const disk = (name: string, blk: VirtioBlk): Disk => ({
  name,
  get lastError() {
    return blk.lastError;
  },
});

/** Clone flags of a process of its own: `SIGCHLD` alone. */
const SIGCHLD = 17;

export class Kernel {
  readonly engine: Engine;
  /** The task of pid 1: root in the first namespaces. */
  readonly init: HostedTask;
  /** Its network cards. */
  readonly nets: Nets;
  /** By slot, in the order they were attached. */
  readonly #disks = new Map<number, VirtioBlk>();

  constructor(engine: Engine, init: HostedTask) {
    this.engine = engine;
    this.init = init;
    this.nets = new Nets(engine, init);
  }

  get dead(): KernelDead | undefined {
    return this.engine.dead;
  }
  /** Modules of the host that run in it as processes. */
  get programs(): Programs {
    return this.engine.programs;
  }
  /** The tail of the printk log. */
  get console(): string {
    return this.engine.console.text();
  }
  /** Bytes of memory it has now. */
  get memoryBytes(): number {
    return this.engine.memoryBytes;
  }

  /** Settles after everything that the event loop has to do now. */
  turn(): Promise<unknown> {
    return this.engine.turn();
  }

  /** Throw it away: nothing in it runs again. */
  kill(end: KernelEnd = 'halt', message = 'the kernel was stopped'): void {
    this.engine.kill(end, message);
  }

  /** Settles once it is dead and nothing of it is left that could run or write into memory. */
  get gone(): Promise<void> {
    return new Promise((resolve) => this.engine.onGone(resolve));
  }

  /** Plug a disk in; it is there, with its partitions, when this settles. */
  async attachDisk(device: BlockDevice): Promise<Disk> {
    const { slot, blk } = this.#plugDisk(device);
    await bindSlot(this.init, slot);
    const name = diskName(this.#disks.size - 1);
    await this.makeBlockNodes(name);
    return disk(name, blk);
  }

  /** A disk the kernel of a snapshot knows: the same bytes must be behind it. */
  replugDisk(device: BlockDevice, { name, slot, transport }: SavedDisk): Disk {
    return disk(name, this.#plugDisk(device, slot, transport).blk);
  }

  /** The disks, as a snapshot keeps them. */
  get disks(): readonly SavedDisk[] {
    return [...this.#disks.entries()].map(([slot, blk], i) => ({ slot, name: diskName(i), transport: blk.save() }));
  }

  #plugDisk(
    device: BlockDevice,
    at?: number,
    state?: TransportState,
  ): { readonly slot: number; readonly blk: VirtioBlk } {
    let blk: VirtioBlk | undefined;
    const slot = this.engine.plug((irq, io) => {
      blk = new VirtioBlk(device, this.engine.memory, irq, io, state);
      return blk;
    }, at);
    if (!blk) throw new Error('the engine made no device');
    this.#disks.set(slot, blk);
    return { slot, blk };
  }

  /** Make the nodes of a block device and of its partitions under /dev, as sysfs has them. Those that exist stay. */
  async makeBlockNodes(name: string): Promise<void> {
    const parts = (await readNames(this.init, `/sys/block/${name}`)).filter((entry) => entry.startsWith(name));
    for (const path of [name, ...parts.map((part) => `${name}/${part}`)]) {
      const [major = 0, minor = 0] = (await readText(this.init, `/sys/block/${path}/dev`)).split(':').map(Number);
      const node = `/dev/${path.slice(path.lastIndexOf('/') + 1)}`;
      const made = await mknodat(this.init, AT_FDCWD, node, S_IFBLK | 0o600, { major, minor });
      if (made !== -errnos.EEXIST.number) must('mknodat', made, node);
    }
  }

  /**
   * clone(2): a new task of `parent` with scratch memory of its own, ready for a program.
   * `flags` are CLONE_* words; without CLONE_VM the child starts with an empty address space.
   */
  async spawn(parent: HostedTask = this.init, flags = 0, scratchBytes = SCRATCH_BYTES): Promise<HostedTask> {
    const pid = must('clone', await parent.syscall('clone', flags | SIGCHLD, 0, 0, 0, 0));
    return adopt(await parent.waitFor(this.engine.task(pid)), scratchBytes);
  }

  /** What Linux knows of its tasks. Only while the kernel sleeps. */
  tasks(): TaskInfo[] {
    return this.engine.taskList();
  }
}

/** Give a task its program: attach it and map its scratch memory. */
export function adopt(task: HostedTask, scratchBytes = SCRATCH_BYTES): Promise<HostedTask> {
  return task.begin(async () => {
    if (task.scratchBytes > 0) return;
    const buffer = await mapBuffer(task, scratchBytes);
    task.scratch = buffer.at as Ptr;
    task.scratchBytes = buffer.bytes;
  });
}

export const mib = (n: number): number => n * MIB;
