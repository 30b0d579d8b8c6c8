/** The Worker of `npm run bench`: times what has no route of its own, inside workerd, and answers samples. */

import type { Bindings } from '../../src/env.ts';
import { fs2tar } from '../../src/jobs/fs2tar.ts';
import { imageMounter } from '../../src/jobs/mounter.ts';
import { boot } from '../../src/kernel/boot.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import type { Machine } from '../../src/kernel/machine.ts';
import { cleanMachine, freshMachine, restore } from '../../src/kernel/snapshot.ts';
import { cached } from '../../src/storage/cached.ts';
import { fetchDevice } from '../../src/storage/fetch-device.ts';
import { workerHost } from '../../src/worker-host.ts';
import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import vmlinux from '../../wasm/dist/vmlinux.wasm';

const MEMORY_MIB = 20;
const CACHE_MIB = 16;

const restored = (machine: Machine): Kernel => restore(machine, snapshot, { host: workerHost, memoryMib: MEMORY_MIB });

/** The clock tells whole milliseconds: what is shorter is timed this many times in a row. */
const BATCH = 10;

/** Milliseconds of one `action`, as the mean over `on`, `samples` times. `prepare` is not timed. */
async function sample<T>(
  query: URLSearchParams,
  on: readonly T[],
  prepare: (one: T) => void,
  action: (one: T) => Promise<void>,
): Promise<number[]> {
  const times: number[] = [];
  for (let taken = 0; taken < Number(query.get('samples')); taken += 1) {
    for (const one of on) prepare(one);
    const start = performance.now();
    for (const one of on) await action(one);
    times.push((performance.now() - start) / on.length);
  }
  return times;
}

/** Few: what their memories take is freed late. */
const machines = (count: number): Machine[] =>
  Array.from({ length: count }, () => freshMachine(kernelModule, snapshot));

/** From a clean machine to the end of the first system call. */
async function firstSyscall(machine: Machine): Promise<void> {
  const kernel = restored(machine);
  await kernel.init.syscall('getpid');
  kernel.kill();
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
  /** With machines that are ready, as the pool has them. */
  'restore-ready': (query) =>
    sample(query, machines(BATCH), (machine) => cleanMachine(machine, snapshot), firstSyscall),
  /** With a machine that was used before and is cleaned first. */
  'restore-used': (query) =>
    sample(
      query,
      Array(BATCH).fill(machines(1)[0]),
      () => {},
      async (machine) => {
        cleanMachine(machine, snapshot);
        await firstSyscall(machine);
      },
    ),
  /** With a machine that is made first. */
  'restore-fresh': (query) =>
    sample(
      query,
      [undefined],
      () => {},
      () => firstSyscall(freshMachine(kernelModule, snapshot)),
    ),
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
  /** A file to a tar that goes nowhere: its milliseconds, and the most linear memory its kernel had. */
  async tar(query, { FILES: files }) {
    if (files === undefined) throw new Error('no files are bound');
    const start = performance.now();
    let kernel: Kernel | undefined;
    const newKernel = async () => {
      kernel = restored(freshMachine(kernelModule, snapshot));
      return kernel;
    };
    const mounter = imageMounter([newKernel]);
    const device = await fetchDevice((request) => files.fetch(request), query.get('file') ?? '');
    const image = await mounter.mount(cached(device, { maxMib: CACHE_MIB }), {});
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
