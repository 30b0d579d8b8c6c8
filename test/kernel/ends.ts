/** Every way in which a kernel ends, as work that brings a fresh one there: for tests and for scripts/soak.ts. */

import { O_CREAT, O_RDWR } from '../../src/abi/uapi/fs.ts';
import type { HostedTask } from '../../src/kernel/hosted-task.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { openat, write } from '../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../src/kernel/syscalls/memory.ts';
import { sleepNs } from '../../src/kernel/syscalls/time.ts';
import { nodeHost } from '../../src/node/host.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';

const MIB = 1 << 20;

/** Settled, whatever became of it. */
const settled = (work: Promise<unknown>): Promise<unknown> => work.catch(() => {});

async function children(kernel: Kernel, count: number): Promise<HostedTask[]> {
  const tasks: HostedTask[] = [];
  while (tasks.length < count) tasks.push(await kernel.spawn());
  return tasks;
}

/** A read of a pipe into which nobody writes. */
async function blockedRead(task: HostedTask): Promise<unknown> {
  await task.syscall('pipe2', task.scratch, 0);
  return task.syscall('read', task.memory.i32(task.scratch), task.scratch, 1);
}

async function fill(kernel: Kernel): Promise<void> {
  const { init } = kernel;
  const buffer = await mapBuffer(init, MIB / 4);
  const fd = await openat(init, -100, '/tmp/fill', O_RDWR | O_CREAT, 0o600);
  while ((await write(init, fd, buffer, buffer.bytes)) > 0);
}

/** A disk that answers nothing but what `answer` lets it. */
function slowDisk(): { readonly device: BlockDevice; readonly answer: () => void } {
  const gate = Promise.withResolvers<void>();
  return { device: { sectors: 2048, read: () => gate.promise }, answer: () => gate.resolve() };
}

/** When the work settles the kernel is dead. */
export const ends: Readonly<Record<string, (kernel: Kernel) => Promise<void>>> = {
  'killed before it ran': async (kernel) => kernel.kill(),

  'killed while its program thinks': async (kernel) => {
    await kernel.init.syscall('getpid');
    kernel.kill();
  },

  'killed while it sleeps': async (kernel) => {
    await kernel.init.syscall('getpid');
    kernel.init.detach();
    await nodeHost.turn();
    kernel.kill();
  },

  'killed with calls of many tasks under way': async (kernel) => {
    const tasks = await children(kernel, 8);
    const blocked = tasks.map((task) => settled(blockedRead(task)));
    await kernel.init.syscall('getpid');
    await nodeHost.turn();
    kernel.kill();
    await Promise.all(blocked);
  },

  'killed while a disk is asked': async (kernel) => {
    const { device, answer } = slowDisk();
    const attached = settled(kernel.attachDisk(device));
    await nodeHost.turn();
    kernel.kill();
    await attached;
    answer();
  },

  'killed by a disk that it asks': async (kernel) => {
    const device: BlockDevice = {
      sectors: 2048,
      read() {
        kernel.kill();
      },
    };
    await settled(kernel.attachDisk(device));
  },

  'many tasks came and went': async (kernel) => {
    for (const task of await children(kernel, 16)) {
      await settled(task.syscall('exit_group', 0));
      await kernel.init.syscall('wait4', task.pid, 0, 0, 0);
    }
    kernel.kill();
  },

  'exit of pid 1': (kernel) => settled(kernel.init.syscall('exit_group', 7)).then(() => {}),

  'halt by reboot(2)': (kernel) =>
    settled(kernel.init.syscall('reboot', 0xfee1_dead, 672_274_793, 0x4321_fedc, 0)).then(() => {}),

  'panic by sysrq': async (kernel) => {
    const { init } = kernel;
    const fd = await openat(init, -100, '/proc/sysrq-trigger', O_RDWR);
    init.memory.write(init.scratch, new TextEncoder().encode('c'));
    await settled(init.syscall('write', fd, init.scratch, 1));
    kernel.kill(); // where there is no sysrq
  },

  trap: async (kernel) => {
    const asleep = settled(sleepNs((await children(kernel, 1))[0] ?? kernel.init, 1_000_000_000n));
    kernel.engine.die(new WebAssembly.RuntimeError('unreachable'));
    await asleep;
  },

  deadlock: async (kernel) => {
    await settled(blockedRead(kernel.init));
  },

  'out of memory': (kernel) => settled(fill(kernel)).then(() => {}),

  deadline: async (kernel) => {
    const asleep = settled(sleepNs((await children(kernel, 1))[0] ?? kernel.init, 1_000_000_000n));
    kernel.kill('deadline', 'not done in time');
    await asleep;
  },
};
