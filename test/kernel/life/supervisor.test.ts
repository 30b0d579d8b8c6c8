/** What the host does for itself goes through nothing that a guest can change: whatever it broke, its kernel can be put to rest. */

import { expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_RDWR } from '../../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { plus } from '../../../src/kernel/memory.ts';
import { freshMachine } from '../../../src/kernel/snapshot/snapshot.ts';
import { resume, suspend } from '../../../src/kernel/snapshot/suspend.ts';
import { openat } from '../../../src/kernel/syscalls/file.ts';
import { mount, umount2 } from '../../../src/kernel/syscalls/mount.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { kernelModule, restoredKernel, snapshot } from '../restored.ts';

const MNT_DETACH = 2;
const RLIMIT_NOFILE = 7;

const text = ({ init }: Kernel, value: string) => {
  init.memory.writeCstring(init.scratch, new TextEncoder().encode(value));
  return init.scratch;
};

const breakages: Readonly<Record<string, (kernel: Kernel) => Promise<unknown>>> = {
  'unmounted /proc': ({ init }) => umount2(init, '/proc', MNT_DETACH),
  chrooted: (kernel) => kernel.init.syscall('chroot', text(kernel, '/tmp')),
  'may have no file': ({ init }) => {
    init.memory.write(init.scratch, new Uint8Array(16));
    return init.syscall('prlimit64', 0, RLIMIT_NOFILE, init.scratch, 0);
  },
  'gave up its uid': ({ init }) => init.syscall('setresuid', 1000, 1000, 1000),
  // Last: no call with memory of its own works from here on.
  'unmapped its memory': ({ init }) => init.syscall('munmap', init.scratch, init.scratchBytes),
};

const guests: readonly (readonly [string, readonly string[]])[] = [
  ...Object.keys(breakages).map((name) => [name, [name]] as const),
  ['did all that', Object.keys(breakages)],
];

it.each(guests)('a guest that %s is suspended, and goes on', async (_, names) => {
  const clean = freshMachine(kernelModule, snapshot).memory.bytes;
  const disk = overlay(await fixtureDevice('ext4'), { limitMib: 32 });
  const kernel = restoredKernel(24);
  const { init } = kernel;
  await kernel.attachDisk(disk);
  expect(await mount(init, '/dev/vda', '/mnt', 'ext4', 0)).toBe(0);
  const fd = await openat(init, AT_FDCWD, '/mnt/new', O_RDWR | O_CREAT, 0o600);
  const before = plus(init.scratch, 4096);
  init.memory.write(before, new TextEncoder().encode('kept'));
  expect(await init.syscall('write', fd, before, 4)).toBe(4);
  for (const name of names) must('umount2', Number(await breakages[name]?.(kernel)), name);

  const suspended = await suspend(kernel, { clean: () => clean, turn: nodeHost.turn });
  kernel.kill();
  const machine = freshMachine(kernelModule, snapshot, 24);
  machine.grow(suspended.state.memoryBytes);
  const resumed = await resume(machine, suspended, snapshot.buildId, { host: nodeHost, disks: [disk] });
  expect(await resumed.init.syscall('write', fd, 0, 0)).toBe(0);
  expect(resumed.console).not.toMatch(/BUG|WARNING|error/);
  resumed.kill();
});

it('tasks are listed outside of all memory that a guest has', async () => {
  const kernel = restoredKernel(24);
  const { init, engine } = kernel;
  await init.syscall('getpid');
  init.detach();
  while (!engine.quiet) await nodeHost.turn();
  const used = engine.memory.copy(0 as typeof init.scratch, engine.memoryBytes);
  const names = kernel.tasks().map(({ comm }) => comm);
  expect(names).toContain('kthreadd');
  expect(engine.memoryBytes).toBe(used.length);
  const after = engine.memory.bytes;
  // Only the C stack on which the list was made differs.
  const changed = used.reduce((count, byte, at) => count + (byte === after[at] ? 0 : 1), 0);
  expect(changed).toBeLessThan(2048);
  expect(after.subarray(used.length).every((byte) => byte === 0)).toBe(true);
  kernel.kill();
});
