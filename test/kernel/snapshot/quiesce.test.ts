/** What cannot be saved is refused by name, and goes on: never a guess. */

import { afterEach, expect, it } from 'vitest';
import { AT_FDCWD } from '../../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { freshMachine, NotQuiesced, quiesce } from '../../../src/kernel/snapshot/snapshot.ts';
import { resume, suspend } from '../../../src/kernel/snapshot/suspend.ts';
import { mkdirat } from '../../../src/kernel/syscalls/dir.ts';
import { mount, umount2 } from '../../../src/kernel/syscalls/mount.ts';
import { sleepNs } from '../../../src/kernel/syscalls/time.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { kernelModule, restoredKernel, snapshot } from '../restored.ts';

/** wasm/arch/lkl/include/asm/thread_info.h */
const THREAD_BYTES = 16_384;

const kernels: Kernel[] = [];
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel.kill();
});

it.each([
  ['nilfs2', 'a thread that is not in the table', /\(segctord\) is not known to be re-enterable/],
  ['ext4', 'a thread that soon ends', /\(ext4lazyinit\) is not known to be re-enterable/],
])('%s, mounted to be written: %s', async (type, _, message) => {
  const kernel = restoredKernel();
  kernels.push(kernel);
  const { init } = kernel;
  await kernel.attachDisk(overlay(await fixtureDevice(type), { limitMib: 32 }));
  expect(await mount(init, '/dev/vda', '/mnt', type, 0)).toBe(0);
  const refusal = await quiesce(kernel, nodeHost.turn).catch((cause: unknown) => cause);
  expect(refusal).toBeInstanceOf(NotQuiesced);
  expect((refusal as NotQuiesced).message).toMatch(message);
  init.attach();
  expect(await mkdirat(init, AT_FDCWD, '/mnt/afterwards', 0o700)).toBe(0);
  await sleepNs(init, 60_000_000_000n);
  expect(await umount2(init, '/mnt')).toBe(0);
});

it.each([
  ['ext4', 'noinit_itable', 'jbd2/'],
  ['btrfs', '', 'btrfs-transacti'],
  ['f2fs', '', 'f2fs_'],
])('no stack of a kernel with %s grows deeper from generation to generation', async (type, options, thread) => {
  const clean = freshMachine(kernelModule, snapshot).memory.bytes;
  let kernel = restoredKernel();
  kernels.push(kernel);
  const disk = overlay(await fixtureDevice(type), { limitMib: 32 });
  await kernel.attachDisk(disk);
  expect(await mount(kernel.init, '/dev/vda', '/mnt', type, 0, options)).toBe(0);
  const depths: Record<string, number>[] = [];
  for (let generation = 0; generation < 40; generation++) {
    expect(await mkdirat(kernel.init, AT_FDCWD, `/mnt/generation-${generation}`, 0o700)).toBe(0);
    await sleepNs(kernel.init, 10_000_000_000n);
    const suspended = await suspend(kernel, { clean: () => clean, turn: nodeHost.turn });
    depths.push(
      Object.fromEntries(
        kernel.tasks().map(({ comm, pid, stack, sp }) => [`${comm} ${pid}`, stack + THREAD_BYTES - sp]),
      ),
    );
    kernel.kill();
    const machine = freshMachine(kernelModule, snapshot);
    machine.grow(suspended.state.memoryBytes);
    kernel = await resume(machine, suspended, snapshot.buildId, { host: nodeHost, disks: [disk] });
    kernels.push(kernel);
  }
  // By then each has been woken once, by its timer, or kswapd when memory was short, and was entered anew.
  const early = depths[20] ?? {};
  expect(Object.keys(early).join()).toContain(thread);
  // Workers come and go.
  const last = depths.at(-1) ?? {};
  const stayed = Object.entries(early).filter(([task]) => task in last);
  expect(stayed.length).toBeGreaterThan(20);
  expect(Object.fromEntries(stayed.map(([task]) => [task, last[task]]))).toEqual(Object.fromEntries(stayed));
});
