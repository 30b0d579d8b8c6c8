/** The Worker of `npm run bench`: times what has no route of its own, inside workerd, and answers samples. */

import { AT_FDCWD, O_RDONLY } from '../../src/abi/uapi/fs.ts';
import { imageMounter } from '../../src/image/mounting/mounter.ts';
import { boot } from '../../src/kernel/boot.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { must } from '../../src/kernel/kernel-error.ts';
import type { Machine } from '../../src/kernel/machine.ts';
import { cleanMachine, freshMachine, restore } from '../../src/kernel/snapshot/snapshot.ts';
import { openat } from '../../src/kernel/syscalls/file.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { memoryDevice } from '../../src/storage/memory.ts';
import { openDisk } from '../../src/storage/open-disk.ts';
import { fs2tar } from '../../src/tree/fs2tar/fs2tar.ts';
import type { Bindings } from '../../src/worker/env.ts';
import { workerHost } from '../../src/worker/host.ts';
import { imageStore } from '../../src/worker/storage/image-store.ts';
import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import vmlinux from '../../wasm/dist/vmlinux.wasm';

const MEMORY_MIB = 20;
const CACHE_MIB = 16;

const restored = (machine: Machine): Kernel => restore(machine, snapshot, { host: workerHost, memoryMib: MEMORY_MIB });

/** The clock tells whole milliseconds. Waits for the next one; answers how often it had to look. */
function untilTick(): number {
  const now = performance.now();
  let spins = 0;
  while (performance.now() === now) spins += 1;
  return spins;
}

/** So many samples share one count of what a millisecond of waiting is: a machine's speed varies. */
const SAMPLES_A_COUNT = 10;

/** What is timed, and what is done before and after it. */
interface Timed<T> {
  readonly prepare?: () => void | Promise<void>;
  readonly action: () => Promise<T>;
  readonly finish?: (result: T) => void | Promise<void>;
}

/**
 * Milliseconds of each of `samples` runs, after `warmups` that compile what they use. Each is exact to a few microseconds:
 * from one tick to another, less what was waited for the last one.
 */
async function sample<T>(query: URLSearchParams, { prepare, action, finish }: Timed<T>): Promise<number[]> {
  const [warmups, samples] = [Number(query.get('warmups')), Number(query.get('samples'))];
  const times: number[] = [];
  let spinsPerMs = 0;
  for (let taken = 0; taken < warmups + samples; taken += 1) {
    await prepare?.();
    untilTick();
    if (taken % SAMPLES_A_COUNT === 0) spinsPerMs = Math.max(untilTick(), untilTick(), untilTick());
    const start = performance.now();
    const result = await action();
    const spins = untilTick();
    times.push(performance.now() - start - spins / spinsPerMs);
    await finish?.(result);
  }
  return times.slice(warmups);
}

const newMachine = (): Machine => freshMachine(kernelModule, snapshot);

/** From a clean machine to the end of the first system call. */
async function firstSyscall(machine: Machine): Promise<Kernel> {
  const kernel = restored(machine);
  await kernel.init.syscall('getpid');
  return kernel;
}

/** Its machine is free for the next when this settles. */
const kill = (kernel: Kernel): Promise<void> => {
  kernel.kill();
  return kernel.gone;
};

const imagesOf = ({ IMAGES }: Bindings) =>
  imageStore(IMAGES, {
    prefix: 'images/',
    contents: 'contents/',
    making: 'making/',
    nowMs: () => Date.now(),
    volumes: 'volumes/',
    uniqueName: () => crypto.randomUUID(),
  });

/** The stored image, all of it, as a device in memory. */
async function heldImage(query: URLSearchParams, env: Bindings): Promise<BlockDevice> {
  const source = await imagesOf(env).source(query.get('image') ?? '');
  const bytes = new Uint8Array(source.sizeBytes);
  const PIECE = 8 * 2 ** 20;
  for (let at = 0; at < bytes.length; at += PIECE) await source.read(at, bytes.subarray(at, at + PIECE));
  return memoryDevice(bytes);
}

/** An ext4 that is mounted as the Worker mounts images, and the first bytes of a file read. Answers the linear memory that took. */
async function firstFile(machine: Machine, device: BlockDevice): Promise<number> {
  const kernel = restored(machine);
  const image = await imageMounter([async () => kernel]).mount(device, {});
  const { task, mountPoint } = image;
  const fd = must('openat', await openat(task, AT_FDCWD, `${mountPoint}/6144/0/0`, O_RDONLY));
  must('read', await task.syscall('read', fd, task.scratch, 6144));
  const bytes = kernel.memoryBytes;
  await image.close();
  await kernel.gone;
  return bytes;
}

const benches: Readonly<Record<string, (query: URLSearchParams, env: Bindings) => Promise<unknown>>> = {
  /** From the first instruction. */
  async boot() {
    const start = performance.now();
    const kernel = await boot(vmlinux, { host: workerHost });
    const ms = performance.now() - start;
    kernel.kill();
    return [ms];
  },
  /** With a machine that is clean, as the pool has them ready. */
  'restore-pooled'(query) {
    const machine = newMachine();
    return sample(query, {
      prepare: () => cleanMachine(machine),
      action: () => firstSyscall(machine),
      finish: kill,
    });
  },
  /** With a machine that served another kernel, which is overwritten first. */
  'restore-used'(query) {
    const machine = newMachine();
    const action = () => {
      cleanMachine(machine);
      return firstSyscall(machine);
    };
    return sample(query, { action, finish: kill });
  },
  /** With a machine that is made first. What those before took is freed late: ask for few. */
  'restore-fresh': (query) => sample(query, { action: () => firstSyscall(newMachine()), finish: kill }),
  /** From a clean machine to the first bytes of a file in an image. */
  async 'mounted-first-file'(query, env) {
    const device = await heldImage(query, env);
    const machine = newMachine();
    return sample(query, {
      prepare: () => cleanMachine(machine),
      action: () => firstFile(machine, device),
    });
  },
  /** The linear memory of a kernel that did so. */
  'mounted-bytes': async (query, env) => [await firstFile(newMachine(), await heldImage(query, env))],
  /** System calls a second that do next to nothing. */
  async syscalls(query) {
    const calls = Number(query.get('calls'));
    const kernel = restored(freshMachine(kernelModule, snapshot));
    const start = performance.now();
    for (let made = 0; made < calls; made += 1) await kernel.init.syscall('getpid');
    const seconds = (performance.now() - start) / 1000;
    kernel.kill();
    return [calls / seconds];
  },
  /** A stored image to a tar that goes nowhere: its milliseconds, and the most linear memory its kernel had. */
  async tar(query, env) {
    const start = performance.now();
    let kernel: Kernel | undefined;
    const newKernel = async () => {
      kernel = restored(freshMachine(kernelModule, snapshot));
      return kernel;
    };
    const mounter = imageMounter([newKernel]);
    const source = await imagesOf(env).source(query.get('image') ?? '');
    const { device } = await openDisk(source, { cacheMib: CACHE_MIB });
    const image = await mounter.mount(device, {});
    await fs2tar(image.task, image.mountPoint, async () => {}, { onError: 'stop' });
    const bytes = kernel?.memoryBytes;
    await image.close();
    return [performance.now() - start, bytes];
  },
};

// biome-ignore lint/style/noDefaultExport: it is the entry of a Worker
export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const bench = benches[pathname.slice(1)];
    return bench === undefined ? new Response(null, { status: 404 }) : Response.json(await bench(searchParams, env));
  },
};
