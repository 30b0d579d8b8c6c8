/** How kernels end, and what a kernel's end does to others; memory that grows. */

import { afterEach, describe, expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_RDWR } from '../../../src/abi/uapi/fs.ts';
import { KernelDead, TaskExited } from '../../../src/kernel/errors.ts';
import type { HostedTask } from '../../../src/kernel/hosted-task.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { plus } from '../../../src/kernel/memory.ts';
import { seededHost } from '../../../src/kernel/snapshot/seed.ts';
import { openat, write } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import { setSysctl } from '../../../src/kernel/syscalls/sysctl.ts';
import { sleepNs } from '../../../src/kernel/syscalls/time.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { wakeExactly } from '../../../src/simulation/run/programs/program.ts';
import { restoredKernel, snapshot } from '../restored.ts';

const MIB = 1 << 20;
const SIGCHLD = 17;
const EAGAIN = 11;
const EINVAL = 22;
/** include/uapi/linux/io_uring.h; `flags` is the third member of struct io_uring_params. */
const IORING_SETUP_SQPOLL = 2;
const kernels: Kernel[] = [];
const fresh = async (memoryMib?: number): Promise<Kernel> => {
  const kernel = restoredKernel(memoryMib);
  kernels.push(kernel);
  return kernel;
};
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel.kill();
});

/** What `work` rejects with. */
const failure = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    return { resolved: await work };
  } catch (error) {
    return error;
  }
};

async function fillMemory(kernel: Kernel, mib: number): Promise<number> {
  const { init } = kernel;
  const buffer = await mapBuffer(init, MIB / 4);
  const fd = await openat(init, AT_FDCWD, '/tmp/fill', O_RDWR | O_CREAT, 0o600);
  let written = 0;
  while (written < mib * MIB) {
    const n = await write(init, fd, buffer, buffer.bytes);
    if (n < 0) return n;
    written += n;
  }
  return written;
}

describe('the end of a kernel', () => {
  it('a panic is one named error with the end of the log, for every call that waits', async () => {
    const kernel = await fresh();
    const error = await failure(kernel.init.syscall('exit_group', 7));
    // The exit of pid 1 is heard first, then the panic it is.
    expect(error).toSatisfy((e) => e instanceof KernelDead || e instanceof TaskExited);
    const next = await failure(kernel.init.syscall('getpid'));
    expect(next).toSatisfy((e) => e instanceof KernelDead || e instanceof TaskExited);
    expect(kernel.dead?.end).toBe('panic');
    expect(kernel.dead?.message).toContain('Attempted to kill init');
    expect(kernel.dead?.console).toContain('Attempted to kill init');
  });

  it('out of memory is a named error', async () => {
    const kernel = await fresh(16);
    const error = await failure(fillMemory(kernel, 32));
    expect(error).toBeInstanceOf(KernelDead);
    expect(kernel.dead?.end).toBe('oom');
  });

  it('a trap is a named error', async () => {
    const kernel = await fresh();
    // A call through a system call table that was overwritten: what a wild write in the kernel would do.
    kernel.engine.die(new WebAssembly.RuntimeError('unreachable'));
    expect(kernel.dead?.end).toBe('trap');
    expect(await failure(kernel.init.syscall('getpid'))).toBe(kernel.dead);
  });

  it('a reboot call ends it as a halt', async () => {
    const kernel = await fresh();
    const error = await failure(kernel.init.syscall('reboot', 0xfee1_dead, 672_274_793, 0x4321_fedc, 0));
    expect(error).toBeInstanceOf(KernelDead);
    expect(kernel.dead?.end).toBe('halt');
  });

  it('leaves other kernels as they were', async () => {
    const [doomed, other] = [await fresh(), await fresh()];
    const asleep = sleepNs(other.init, 1_000_000_000n);
    await failure(doomed.init.syscall('exit_group', 1));
    await asleep;
    expect(await other.init.syscall('getpid')).toBe(1);
  });

  it('tasks that wait for each other for ever are found at once', async () => {
    const kernel = await fresh();
    const { init } = kernel;
    expect(await init.syscall('pipe2', init.scratch, 0)).toBe(0);
    const error = await failure(init.syscall('read', init.memory.i32(init.scratch), init.scratch, 1));
    expect(error).toBeInstanceOf(KernelDead);
    expect(kernel.dead?.end).toBe('deadlock');
    expect(kernel.dead?.message).toContain('task 1 in read');
  });
});

describe('tasks', () => {
  it('a task that exits tells its program and its parent', async () => {
    const kernel = await fresh();
    const child = await kernel.spawn();
    const error = await failure(child.syscall('exit_group', 3));
    expect(error).toBeInstanceOf(TaskExited);
    expect((error as TaskExited).status >> 8).toBe(3);
    expect(await kernel.init.syscall('wait4', child.pid, kernel.init.scratch, 0, 0)).toBe(child.pid);
    expect(kernel.init.memory.i32(kernel.init.scratch)).toBe(3 << 8);
  });

  it('a task killed inside a call never returns from it', async () => {
    const kernel = await fresh();
    const child = await kernel.spawn();
    const asleep = failure(sleepNs(child, 1_000_000_000_000n));
    expect(await kernel.init.syscall('kill', child.pid, 9)).toBe(0);
    const error = await kernel.init.waitFor(asleep);
    expect(error).toBeInstanceOf(TaskExited);
    expect((error as TaskExited).status & 0x7f).toBe(9);
  });

  it('a task that gets no scratch memory does not hold time up', async () => {
    const kernel = await fresh();
    expect(await failure(kernel.spawn(kernel.init, 0, 64 * MIB))).toMatchObject({
      name: 'KernelError',
      errno: 'ENOMEM',
    });
    await sleepNs(kernel.init, 1_000_000_000n);
  });

  it('eight tasks that wake in one turn keep their C stacks', async () => {
    const kernel = await fresh();
    const tasks: HostedTask[] = [];
    for (let i = 0; i < 8; i++) tasks.push(await kernel.spawn());
    const rounds = 50;
    const run = async (task: HostedTask, seed: number): Promise<void> => {
      const fds = task.scratch;
      for (let round = 0; round < rounds; round++) {
        await sleepNs(task, 1_000_000n);
        expect(await task.syscall('pipe2', fds, 0)).toBe(0);
        const [reader, writer] = [task.memory.i32(fds), task.memory.i32((fds + 4) as typeof fds)];
        const at = (fds + 64) as typeof fds;
        task.memory.setU32(at, seed * 1000 + round);
        expect(await task.syscall('write', writer, at, 4)).toBe(4);
        task.memory.setU32(at, 0);
        expect(await task.syscall('read', reader, at, 4)).toBe(4);
        expect(task.memory.u32(at)).toBe(seed * 1000 + round);
        await task.syscall('close', reader);
        await task.syscall('close', writer);
      }
    };
    await kernel.init.waitFor(Promise.all(tasks.map((task, i) => task.play((played) => run(played, i)))));
  });

  it('a thousand seconds of sleep take no time', async () => {
    const kernel = await fresh();
    const before = kernel.engine.clock.nowNs;
    await sleepNs(kernel.init, 1_000_000_000_000n);
    expect(kernel.engine.clock.nowNs - before).toBeGreaterThanOrEqual(1e12);
  });
});

describe('time that the host waits for', () => {
  it('passes without a task of a program, timers of the kernel included', async () => {
    const kernel = await fresh();
    const { engine, init } = kernel;
    const asleep = sleepNs(init, 50_000_000n);
    const before = engine.clock.nowNs;
    await init.waitFor(engine.pass(1e9));
    expect(engine.clock.nowNs - before).toBeGreaterThanOrEqual(1e9);
    expect(engine.clock.nowNs - before).toBeLessThan(1.1e9);
    await asleep;
    init.detach();
    await engine.pass(1000e9);
    expect(engine.clock.nowNs - before).toBeGreaterThanOrEqual(1001e9);
    init.attach();
    expect(await init.syscall('getpid')).toBe(1);
  });

  it('stands still while a program thinks, and ends with the kernel', async () => {
    const kernel = await fresh();
    const before = kernel.engine.clock.nowNs;
    const passed = failure(kernel.engine.pass(1e9));
    for (let turn = 0; turn < 20; turn++) await nodeHost.turn();
    expect(kernel.engine.clock.nowNs - before).toBeLessThan(1e6);
    kernel.kill();
    expect(await passed).toBe(kernel.dead);
    expect(await failure(kernel.engine.pass(1))).toBe(kernel.dead);
  });
});

describe('user memory', () => {
  it.each([
    ['the kernel, low', 4096],
    ['the kernel, where its data is', 0x18_0000],
    ['beyond all memory', 0x7fff_0000],
    ['NULL', 0],
  ])('a pointer into %s is EFAULT', async (_where, address) => {
    const kernel = await fresh();
    const fd = await openat(kernel.init, AT_FDCWD, '/tmp/f', O_RDWR | O_CREAT, 0o600);
    expect(await kernel.init.syscall('write', fd, address, 64)).toBe(-14);
    expect(await kernel.init.syscall('read', fd, address, 64)).toBeLessThanOrEqual(0);
    expect(await kernel.init.syscall('openat', AT_FDCWD, address, 0, 0)).toBe(-14);
  });

  it('a buffer that runs over the end of its mapping is EFAULT', async () => {
    const kernel = await fresh();
    const { init } = kernel;
    const fd = await openat(init, AT_FDCWD, '/tmp/f', O_RDWR | O_CREAT, 0o600);
    expect(await init.syscall('write', fd, init.scratch, init.scratchBytes)).toBe(init.scratchBytes);
    expect(await init.syscall('write', fd, init.scratch, init.scratchBytes + 4096)).toBe(-14);
  });
});

describe('memory', () => {
  it('grows when it is needed, and not before', async () => {
    const kernel = await fresh(64);
    const before = kernel.memoryBytes;
    expect(before).toBe(snapshot.memoryBytes);
    expect(await fillMemory(kernel, 30)).toBe(30 * MIB);
    expect(kernel.memoryBytes).toBeGreaterThan(before);
    expect(kernel.memoryBytes).toBeLessThanOrEqual(64 * MIB);
  });

  it('is refused to none of many tasks that need it at once, while there is some', async () => {
    for (let tasks = 60; tasks <= 70; tasks++) {
      const kernel = restoredKernel(28, seededHost(nodeHost, '1'));
      const { init } = kernel;
      // As in simulations: no background reclaim comes in between.
      await wakeExactly(init);
      await setSysctl(init, 'vm.min_free_kbytes', '2080');
      await setSysctl(init, 'kernel.threads-max', '1000');
      const all: HostedTask[] = [];
      while (all.length < tasks) all.push(await kernel.spawn(init, 0, 4096));
      const mapped = all.map((task) => failure(task.play(() => mapBuffer(task, 64 * 1024))));
      const buffers = await init.waitFor(Promise.all(mapped));
      expect(buffers).toEqual(buffers.map(() => ({ resolved: expect.anything() })));
      kernel.kill();
    }
  });
});

describe('a task that never sleeps', () => {
  it('fails to clone thousands of times, and memory comes back each time', async () => {
    const { init } = await fresh(24);
    const results = new Map<number, number>();
    for (let made = 0; made < 5000; made++) {
      const ret = Math.min(1, await init.syscall('clone', SIGCHLD, 0, 0, 0, 0));
      results.set(ret, (results.get(ret) ?? 0) + 1);
    }
    expect([...results.keys()].sort()).toEqual([-EAGAIN, 1]);
    expect(results.get(-EAGAIN)).toBeGreaterThan(4000);
  });

  it('gets no thread that polls for what it submits: it would never let it run again', async () => {
    const { init } = await fresh();
    const params = async (flags: number) => {
      init.memory.write(init.scratch, new Uint8Array(120));
      init.memory.write(plus(init.scratch, 8), new Uint8Array(Uint32Array.of(flags).buffer));
      return init.syscall('io_uring_setup', 8, init.scratch);
    };
    expect(await params(IORING_SETUP_SQPOLL)).toBe(-EINVAL);
    expect(await params(0)).toBeGreaterThanOrEqual(0);
  });
});
