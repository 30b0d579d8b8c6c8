/** The engine: everything that can be done with Linux kernels, on whatever host. It knows no binding and no global. */

import type { Sink } from './archive/chunk-writer.ts';
import type { KernelImages, SetupNeeds } from './batch/kernel-setup.ts';
import { type SyscallBatchJobs, syscallBatchJobs } from './batch/syscall-batch.ts';
import { HostError } from './errors/host-error.ts';
import type { ImageMounter, ImageReport, MountedImage, MountRequest, StackRequest } from './image/mounted-image.ts';
import { imageMounter, type ReplaySpill } from './image/mounting/mounter.ts';
import { type OpenWritableOptions, openWritable, type WritableImage } from './image/mounting/writable-image.ts';
import type { DeriveMeans } from './image/stack/derive.ts';
import type { ClockPolicy, Host } from './kernel/host.ts';
import type { Kernel } from './kernel/kernel.ts';
import { KernelLog } from './kernel/log/kernel-log.ts';
import { type Caller, kernelsFor } from './kernel/pool/caller.ts';
import { type AcquireOptions, KernelPool } from './kernel/pool/pool.ts';
import type { SnapshotState } from './kernel/snapshot/snapshot.ts';
import { type PacketdrillJobs, packetdrillJobs } from './packetdrill/packetdrill.ts';
import { type SimulationJobs, simulationJobs } from './simulation/simulate.ts';
import { type BlockDevice, bytesOf } from './storage/block-device.ts';
import { ENVIRONMENT, installTools } from './tools/install-tools.ts';
import type { Toolbox } from './tools/toolbox.ts';
import { damageWatch } from './tree/damage-watch.ts';
import { type Fs2tarOptions, type Fs2tarReport, fs2tar } from './tree/fs2tar/fs2tar.ts';
import { loggedErrors } from './tree/fs2tar/logged-errors.ts';
import { taskPool } from './tree/task-pool.ts';
import { openTree, type Tree } from './tree/tree.ts';
import { type TreeChanges, treeChanges } from './tree/write/changes.ts';
import { type CopyOptions, type CopyReport, copyTree } from './tree/write/copy-tree.ts';
import type { Entry } from './tree/write/entry.ts';
import { TreeWriter } from './tree/write/tree-writer.ts';

/** Memory, and what else of a host has an end. */
export interface Limits {
  /** MiB of linear memory for all kernels together, those kept ready included. */
  readonly kernelsMib: number;
  /** MiB that a kernel may have which runs alone. Default: `kernelsMib`. */
  readonly aloneMib?: number;
  /** MiB of a kernel with one image: at first, and once its driver found that too little. */
  readonly mountMib: readonly [number, ...number[]];
  /** What the request of a simulation may list, all together: planning is one go. Default: as much as memory has room for. */
  readonly simulatedParts?: number;
  /** Kernels kept ready for the next to ask. */
  readonly ready: number;
  /** Milliseconds to wait for memory before `kernel-busy`. */
  readonly patienceMs: number;
}

export interface WriteOptions extends OpenWritableOptions {
  /** `wall`: for a mount that lives as long as people use it, and writes back in its own time. Default: `virtual`. */
  readonly clock?: ClockPolicy;
  /** MiB of the kernel at most, where the disk is no larger than a TiB. Default: what the limits let a mount have. */
  readonly mostMib?: number;
}

export interface LinuxOptions {
  /** wasm/dist/kernel.wasm, compiled. */
  readonly module: WebAssembly.Module;
  /** wasm/dist/snapshot.json. */
  readonly snapshot: SnapshotState;
  readonly host: Host;
  readonly limits: Limits;
  /** Takes what replaying a large journal changes. Default: 32 MiB of it are kept in memory, and more is refused. */
  readonly spill?: ReplaySpill | undefined;
  /** What opening encrypted volumes may cost. Default: 64 MiB for Argon2, in JavaScript. */
  readonly derive?: DeriveMeans | undefined;
  /** Linux's own programs, for simulations that run some. Default: there are none. Rejects with `no-tools` too. */
  readonly toolbox?: (() => Promise<Toolbox>) | undefined;
}

/** What a composition adds to make batches: the images it can name, and memory for disks; called for each kernel. */
export type OpenImages = () => KernelImages;

/** What is cut short is mounted with `onError` 'continue' only, unless `evenIfCut` says otherwise. */
export interface TarRequest
  extends MountRequest,
    Omit<Fs2tarOptions, 'log' | 'missing' | 'fileSystemType' | 'waitFor'> {}

export interface Linux {
  /** The same for one caller: his kernels are counted as his, and end when he is gone. */
  for(caller: Caller, its?: Pick<LinuxOptions, 'spill'>): Linux;
  /** Names the kernel: a suspended one goes on only in its like. */
  readonly buildId: string;
  /** What the smallest kernel that reads an image takes. */
  readonly readingMib: number;
  /** Kernels for whoever plays with one himself (sessions). */
  readonly kernels: KernelPool;
  /** One for the caller: counted as his, and ended when he is gone. */
  newKernel(options: AcquireOptions): Promise<Kernel>;
  /** A kernel of its own for this image, mounted read-only; close it. Rejects with a HostError that says what the image is not. */
  mount(device: BlockDevice, request: MountRequest): Promise<MountedImage>;
  /** The same mounted for writing, on the device itself; the clock is the host's, or begins with it. Rejects with `read-only-device` too. */
  write(device: BlockDevice, request: MountRequest, options?: WriteOptions): Promise<WritableImage>;
  /** The same as a tree to read and to change, by several tasks at once. */
  openWritableTree(
    device: BlockDevice,
    request: MountRequest,
    options?: Pick<WriteOptions, 'mostMib'>,
  ): Promise<MountedWritableTree>;
  /** The same as a tree to read, by several tasks at once. */
  openTree(device: BlockDevice, request: MountRequest): Promise<MountedTree>;
  /** What is on it. */
  inspect(device: BlockDevice, request?: StackRequest): Promise<ImageReport>;
  /** Its tree as a tar, whole when this settles; rejects when it is not, whatever `sink` has got by then. */
  fs2tar(device: BlockDevice, request: TarRequest, sink: Sink): Promise<Fs2tarReport>;
  /** Batches of system calls, each on a kernel of its own. */
  batches(openImages: OpenImages): SyscallBatchJobs;
  /** What makes the kernel of a batch or a session. */
  setup(openImages: OpenImages): SetupNeeds;
  readonly simulations: SimulationJobs;
  readonly packetdrill: PacketdrillJobs;
}

/** An image's tree, on a kernel of its own. */
export interface MountedTree extends Pick<MountedImage, 'type' | 'partition' | 'volume'> {
  readonly tree: Tree;
  /** What is known to be missing from it: what was cut off (with `evenIfCut`), and what the mount could not read. */
  readonly missing: readonly string[];
  /** What was cut off, in numbers, where it is known to be: no repair brings that back. */
  readonly cut: string | undefined;
  /** Which options it was mounted with because it could not be as it is (with `evenIfCut`), as a sentence. */
  readonly rescued?: string | undefined;
  /** The tree from `path` on as a tar; other calls go on meanwhile. */
  tar(options: Omit<Fs2tarOptions, 'log' | 'missing' | 'buffer' | 'waitFor'>, sink: Sink): Promise<Fs2tarReport>;
  /** Discards the kernel. */
  close(): Promise<void>;
}

/** The same mounted for writing, on the device itself. */
export interface MountedWritableTree extends MountedTree {
  readonly changes: TreeChanges;
  /** Makes files of every type below `directory`, as `copyTree` does. */
  fill(directory: Uint8Array, tree: AsyncIterable<Entry>, options?: CopyOptions): Promise<CopyReport>;
  /** All that was written is on the device and the journal is empty when it settles; rejects when not all of it is. */
  close(): Promise<void>;
  /** Lets go of it at once, as when power fails. */
  abandon(): void;
}

/**
 * What a kernel may have whose disk is written, and more for each TiB that the disk is larger than one: the tables of its file
 * system grow with it. Not more, for the cache of what was written would fill all that there is.
 */
const WRITING_MIB = { usual: 112, aTib: 256 } as const;

/** Without the slashes that it begins and ends with. */
function relative(path: Uint8Array): Uint8Array {
  let [start, end] = [0, path.length];
  while (start < end && path[start] === 0x2f) start++;
  while (end > start && path[end - 1] === 0x2f) end--;
  return path.subarray(start, end);
}

export function linux(options: LinuxOptions): Linux {
  const { module, snapshot, host, limits } = options;
  const { kernelsMib: budgetMib, aloneMib = budgetMib, mountMib, ready, patienceMs } = limits;
  const [usualMib] = mountMib;
  const pool = new KernelPool(module, snapshot, { budgetMib, aloneMib, ready, patienceMs, usualMib, host });
  return over(pool, {}, options);
}

/** Puts the tools into a kernel. */
async function equip(kernel: Kernel, toolbox: LinuxOptions['toolbox'], hosts?: string): Promise<void> {
  if (!toolbox) throw new HostError('no-tools', 'there are no programs here: the command and the service have them');
  await installTools(kernel, await toolbox(), hosts);
}

/** Tells of mounting beside what kernels tell of: what making its kernels took is not in it. */
class MountTimes {
  readonly #timed: NonNullable<Caller['timed']>;
  readonly #host: Host;
  #makingMs = 0;

  constructor(timed: NonNullable<Caller['timed']>, host: Host) {
    this.#timed = timed;
    this.#host = host;
  }

  /** For `kernelsFor`. */
  readonly timed: NonNullable<Caller['timed']> = (phase, ms) => {
    if (phase !== 'kernel') this.#makingMs += ms;
    this.#timed(phase, ms);
  };

  over(mounter: ImageMounter): ImageMounter {
    const measured =
      <Args extends unknown[], T>(work: (...args: Args) => Promise<T>) =>
      async (...args: Args): Promise<T> => {
        const [sinceNs, beforeMs] = [this.#host.monotonicNs(), this.#makingMs];
        try {
          return await work(...args);
        } finally {
          this.#timed('mount', (this.#host.monotonicNs() - sinceNs) / 1e6 - (this.#makingMs - beforeMs));
        }
      };
    return { ...mounter, mount: measured(mounter.mount), inspect: measured(mounter.inspect) };
  }
}

function over(pool: KernelPool, caller: Caller, options: LinuxOptions): Linux {
  const { snapshot, host, limits } = options;
  const { kernelsMib, aloneMib = kernelsMib, mountMib } = limits;
  const times = caller.timed && new MountTimes(caller.timed, host);
  const kernels = kernelsFor(pool, { ...caller, ...(times && { timed: times.timed }) }, host.monotonicNs);
  /** Some directories have the time of the mount as theirs: the same image is to give the same tar on any day. */
  const timeless: Host = { ...host, realtimeNs: () => 0 };
  const mounting = (memoryMib: number) => (beside?: Kernel) => kernels.acquire({ host: timeless, memoryMib, beside });
  const derive = { turn: () => host.turn(), ...options.derive };
  const [small, ...larger] = mountMib;
  const largest = mountMib.at(-1) ?? small;
  const writingMib = (bytes: number, mostMib = largest) => {
    const tib = Math.floor(bytes / 2 ** 40);
    return Math.min(largest, tib === 0 ? mostMib : largest, WRITING_MIB.usual + WRITING_MIB.aTib * tib);
  };
  const mounts = imageMounter([mounting(small), ...larger.map(mounting)], {
    spill: options.spill,
    derive,
  });
  const mounter = times?.over(mounts) ?? mounts;
  const setup = (openImages: OpenImages): SetupNeeds => ({
    newKernel: (options) => kernels.acquire(options),
    openImages,
    host,
    derive,
  });
  const openMounted = async (device: BlockDevice, request: MountRequest): Promise<MountedTree> => {
    const mounted = await mounter.mount(device, request);
    const { mountPoint, type, partition, volume } = mounted;
    try {
      // What the mount could not read is missing from every tar of it; the log tells of it only once.
      const missing = [...mounted.missing, ...(await loggedErrors(mounted.log))];
      const tasks = await taskPool(mounted.task, { spawn: mounted.newTask });
      return {
        type,
        partition,
        volume,
        missing,
        cut: mounted.cut,
        rescued: mounted.rescued,
        tree: await openTree(tasks, mountPoint, damageWatch(tasks, mounted.log)),
        tar: (options, sink) =>
          tasks.use(({ task, buffer, waitFor }) =>
            fs2tar(task, mountPoint, (chunk) => waitFor(sink(chunk)), {
              ...options,
              missing,
              buffer,
              waitFor,
              ...(mounted.cut === undefined && { fileSystemType: type }),
            }),
          ),
        close: mounted.close,
      };
    } catch (cause) {
      await mounted.close();
      throw cause;
    }
  };
  const write: Linux['write'] = (device, request, { clock = 'virtual', settles = true, mostMib } = {}) => {
    const { spill, derive } = options;
    const newKernel = () => kernels.acquire({ host, memoryMib: writingMib(bytesOf(device), mostMib), clock });
    return openWritable(newKernel, device, request, { spill, settles, ...(derive && { derive }) });
  };
  const openChangeable: Linux['openWritableTree'] = async (device, request, its = {}) => {
    const image = await write(device, request, { ...its, clock: 'wall' });
    const { mountPoint, type, partition, volume } = image;
    try {
      const log = await KernelLog.open(image.task);
      const tasks = await taskPool(image.task, { spawn: image.newTask });
      return {
        type,
        partition,
        volume,
        missing: [],
        cut: undefined,
        tree: await openTree(tasks, mountPoint, damageWatch(tasks, log)),
        changes: await treeChanges(tasks, mountPoint),
        fill: (directory, entries, options) =>
          tasks.use(async ({ task }) => {
            const writer = await TreeWriter.open(task, mountPoint, relative(directory));
            try {
              return await copyTree(writer, entries, options);
            } finally {
              await writer.close();
            }
          }),
        tar: (options, sink) =>
          tasks.use(({ task, buffer, waitFor }) =>
            fs2tar(task, mountPoint, (chunk) => waitFor(sink(chunk)), { ...options, buffer, waitFor }),
          ),
        close: image.commit,
        abandon: image.abandon,
      };
    } catch (cause) {
      image.abandon();
      throw cause;
    }
  };
  return {
    for: (caller, its) => over(pool, caller, { ...options, ...its }),
    buildId: snapshot.buildId,
    readingMib: small,
    kernels: pool,
    newKernel: (options) => kernels.acquire(options),
    mount: mounter.mount,
    write,
    openWritableTree: openChangeable,
    openTree: openMounted,
    inspect: mounter.inspect,
    async fs2tar(device, request, sink) {
      const evenIfCut = request.evenIfCut ?? request.onError === 'continue';
      const mounted = await mounter.mount(device, { ...request, evenIfCut });
      const { log, missing } = mounted;
      try {
        const { cut, type } = mounted;
        // No repair brings back what was cut off.
        const options = { ...request, log, missing, ...(cut === undefined && { fileSystemType: type }) };
        return await fs2tar(mounted.task, mounted.mountPoint, sink, options);
      } finally {
        await mounted.close();
      }
    },
    batches: (openImages) => syscallBatchJobs(setup(openImages)),
    setup,
    packetdrill: packetdrillJobs({ newKernel: (options) => kernels.acquire(options), host }),
    simulations: simulationJobs({
      newKernel: (options) => kernels.acquire(options),
      host,
      budgetMib: aloneMib,
      mostParts: limits.simulatedParts,
      programs: { install: (kernel, hosts) => equip(kernel, options.toolbox, hosts), environment: ENVIRONMENT },
    }),
  };
}
