/** Snapshots: what two restores share and what they must not, machines used again, a mounted kernel saved and restored. */

import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR } from '../../../src/abi/uapi/fs.ts';
import { TaskExited } from '../../../src/kernel/errors.ts';
import type { Host } from '../../../src/kernel/host.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { plus } from '../../../src/kernel/memory.ts';
import { KernelPool } from '../../../src/kernel/pool/pool.ts';
import { cleanMachine, freshMachine, NotQuiesced, quiesce, restore } from '../../../src/kernel/snapshot/snapshot.ts';
import { resume, suspend } from '../../../src/kernel/snapshot/suspend.ts';
import { openat, write } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import { mount, umount2 } from '../../../src/kernel/syscalls/mount.ts';
import { sleepNs } from '../../../src/kernel/syscalls/time.ts';
import { readText } from '../../../src/kernel/sysfs.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { bootedKernel, kernelModule, restoredKernel, snapshot } from '../restored.ts';

const MIB = 1 << 20;
const kernels: Kernel[] = [];
const keep = (kernel: Kernel): Kernel => {
  kernels.push(kernel);
  return kernel;
};
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel.kill();
});

const fresh = (host: Host = nodeHost): Kernel => keep(restoredKernel(64, host));

async function random(kernel: Kernel, bytes = 32): Promise<string> {
  const { init } = kernel;
  expect(await init.syscall('getrandom', init.scratch, bytes, 0)).toBe(bytes);
  return init.memory.copy(init.scratch, bytes).join();
}

const bootId = (kernel: Kernel): Promise<string> => readText(kernel.init, '/proc/sys/kernel/random/boot_id');

describe('two restores of one snapshot', () => {
  it('draw different randomness', async () => {
    const [a, b] = [fresh(), fresh()];
    expect(await random(a)).not.toBe(await random(b));
    expect(await bootId(a)).not.toBe(await bootId(b));
  });

  it('draw the same randomness when the host gives the same entropy', async () => {
    const host: Host = { ...nodeHost, entropy: (into) => into.fill(42), realtimeNs: () => 1e18 };
    const [a, b] = [fresh(host), fresh(host)];
    expect(await random(a)).toBe(await random(b));
    expect(await bootId(a)).toBe(await bootId(b));
  });

  it('know the day, whenever the snapshot was made', async () => {
    const month = 30 * 86_400;
    const kernel = fresh({ ...nodeHost, realtimeNs: () => (1_800_000_000 + month) * 1e9 });
    const { init } = kernel;
    expect(await init.syscall('clock_gettime64', 0, init.scratch)).toBe(0);
    expect(Number(init.memory.u64(init.scratch))).toBe(1_800_000_000 + month);
  });

  it('answer as a kernel that was just booted', async () => {
    const questions = ['/proc/version', '/proc/filesystems', '/proc/partitions', '/proc/mounts', '/proc/net/protocols'];
    const booted = keep(await bootedKernel());
    const restored = fresh();
    for (const path of questions) expect(await readText(restored.init, path)).toBe(await readText(booted.init, path));
  });
});

/** Writes it to /tmp/secret, over and over: more than there is room for at first, so that memory grows by one step. */
async function plant({ init }: Kernel, secret: Uint8Array): Promise<void> {
  const buffer = await mapBuffer(init, secret.length);
  init.memory.write(buffer.at, secret);
  const fd = await openat(init, AT_FDCWD, '/tmp/secret', O_RDWR | O_CREAT, 0o600);
  for (let i = 0; i < 40; i++) expect(await write(init, fd, buffer, secret.length)).toBe(secret.length);
}

describe('a machine that is used again', () => {
  it('holds nothing of the kernel before', async () => {
    const machine = freshMachine(kernelModule, snapshot);
    const secret = new TextEncoder().encode(`planted-${crypto.randomUUID()}-`.repeat(2000));
    const first = restore(machine, snapshot, { host: nodeHost, memoryMib: 12 });
    await plant(first, secret);
    const grownBytes = first.memoryBytes;
    expect(grownBytes).toBeGreaterThan(snapshot.memoryBytes);
    first.kill();
    await first.gone;
    const needle = new TextDecoder().decode(secret.subarray(0, 40));
    const holds = () => new TextDecoder('latin1').decode(machine.memory.bytes).includes(needle);
    expect(holds()).toBe(true);

    cleanMachine(machine);
    expect(holds()).toBe(false);
    const pristine = freshMachine(kernelModule, snapshot).memory.bytes;
    expect(machine.memory.bytes.findIndex((byte, at) => byte !== (pristine[at] ?? 0))).toBe(-1);
    const second = keep(restore(machine, snapshot, { host: nodeHost }));
    expect(await openat(second.init, AT_FDCWD, '/tmp/secret', O_RDONLY)).toBe(-2);
    // It does not know of the memory that its predecessor left, and gets it when it grows.
    expect(second.memoryBytes).toBe(snapshot.memoryBytes);
    await plant(second, secret);
    expect(second.memoryBytes).toBe(grownBytes);
    expect(machine.memory.size).toBe(grownBytes);
  });

  it('serves a thousand kernels', async () => {
    const machine = freshMachine(kernelModule, snapshot);
    for (let i = 0; i < 1000; i++) {
      if (i > 0) cleanMachine(machine);
      const kernel = restore(machine, snapshot, { host: nodeHost });
      expect(await kernel.init.syscall('getpid')).toBe(1);
      kernel.kill();
      await kernel.gone;
    }
  });

  it('serves no kernel while something of another is left', async () => {
    const machine = freshMachine(kernelModule, snapshot);
    const first = restore(machine, snapshot, { host: nodeHost });
    await first.init.syscall('getpid');
    first.kill();
    cleanMachine(machine);
    expect(() => restore(machine, snapshot, { host: nodeHost })).toThrow('still in this machine');
    await first.gone;
    keep(restore(machine, snapshot, { host: nodeHost }));
  });
});

describe('the pool', () => {
  const pool = (budgetMib: number, patienceMs = 10_000) =>
    new KernelPool(kernelModule, snapshot, { budgetMib, ready: 2, usualMib: 20, patienceMs, host: nodeHost });

  it('serves twenty at once within its budget, in the order they came', async () => {
    const kernels = pool(64);
    const order: number[] = [];
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const kernel = await kernels.acquire({ host: nodeHost, memoryMib: 20 });
        order.push(i);
        most = Math.max(most, kernels.bytes);
        expect(await kernel.init.syscall('getpid')).toBe(1);
        await setTimeout(5);
        kernel.kill();
        kernels.refill();
        most = Math.max(most, kernels.bytes);
      }),
    );
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(most).toBeLessThanOrEqual(64 * MIB);
  });

  it('uses a machine again that has grown by one step, and counts all of it', async () => {
    const kernels = pool(64);
    const first = await kernels.acquire({ host: nodeHost, memoryMib: 20 });
    await plant(first, new Uint8Array(100_000).fill(7));
    const grown = first.memoryBytes;
    expect(grown).toBeGreaterThan(snapshot.memoryBytes);
    first.kill();
    await first.gone;
    expect(kernels.bytes).toBe(grown);
    kernels.refill();
    expect(kernels.bytes).toBe(grown + snapshot.memoryBytes);
    const next = [0, 1].map(async () => keep(await kernels.acquire({ host: nodeHost, memoryMib: 20 })));
    const both = await Promise.all(next);
    expect(both.map(({ engine }) => engine.memory.size).sort()).toEqual([grown, snapshot.memoryBytes].sort());
    expect(both.map(({ memoryBytes }) => memoryBytes)).toEqual([snapshot.memoryBytes, snapshot.memoryBytes]);
  });

  it.each([
    ['cleaned since', true],
    ['not cleaned yet', false],
  ])('gives a machine on with nothing of the kernel before: one that was %s', async (_, isRefilled) => {
    const kernels = pool(64);
    const secret = new TextEncoder().encode(`planted-${crypto.randomUUID()}-`.repeat(2000));
    const first = await kernels.acquire({ host: nodeHost, memoryMib: 20 });
    await plant(first, secret);
    const { size } = first.engine.memory;
    first.kill();
    await first.gone;
    if (isRefilled) kernels.refill();
    const next = [0, 1].map(async () => keep(await kernels.acquire({ host: nodeHost, memoryMib: 20 })));
    const again = (await Promise.all(next)).find(({ engine }) => engine.memory.size === size);
    if (again === undefined) return expect.fail('no machine was used again');
    const needle = new TextDecoder().decode(secret.subarray(0, 40));
    expect(new TextDecoder('latin1').decode(again.engine.memory.bytes).includes(needle)).toBe(false);
    expect(await openat(again.init, AT_FDCWD, '/tmp/secret', O_RDONLY)).toBe(-2);
  });

  it('says that it is busy when no memory comes free', async () => {
    const kernels = pool(20, 50);
    const first = keep(await kernels.acquire({ host: nodeHost, memoryMib: 20 }));
    await expect(kernels.acquire({ host: nodeHost, memoryMib: 20 })).rejects.toMatchObject({ kind: 'kernel-busy' });
    first.kill();
    keep(await kernels.acquire({ host: nodeHost, memoryMib: 20 }));
  });
});

describe('quiesce', () => {
  it('names a task that is inside a system call', async () => {
    const kernel = fresh();
    const child = await kernel.spawn();
    expect(await child.syscall('pipe2', child.scratch, 0)).toBe(0);
    const blocked = child.syscall('read', child.memory.i32(child.scratch), child.scratch, 1).catch(() => {});
    await expect(quiesce(kernel, nodeHost.turn)).rejects.toBeInstanceOf(NotQuiesced);
    kernel.kill();
    await blocked;
  });

  it('leaves zombies alone', async () => {
    const kernel = fresh();
    const child = await kernel.spawn();
    await expect(child.syscall('exit', 7)).rejects.toBeInstanceOf(TaskExited);
    const clean = () => freshMachine(kernelModule, snapshot).memory.bytes;
    const suspended = await suspend(kernel, { clean, turn: nodeHost.turn });
    const resumed = keep(
      await resume(freshMachine(kernelModule, snapshot), suspended, snapshot.buildId, { host: nodeHost }),
    );
    const { init } = resumed;
    expect(await init.syscall('wait4', child.pid, init.scratch, 0, 0)).toBe(child.pid);
    expect(init.memory.u32(init.scratch)).toBe(7 << 8);
  });
});

describe('a kernel with a file system mounted', () => {
  const readFile = (kernel: Kernel, path: string) => readText(kernel.init, path);
  async function writeFile(kernel: Kernel, path: string, text: string): Promise<void> {
    const { init } = kernel;
    const fd = await openat(init, AT_FDCWD, path, O_RDWR | O_CREAT, 0o600);
    expect(fd).toBeGreaterThanOrEqual(0);
    const bytes = new TextEncoder().encode(text);
    const at = plus(init.scratch, init.scratchBytes / 2);
    init.memory.write(at, bytes);
    expect(await write(init, fd, { at, bytes: bytes.length }, bytes.length)).toBe(bytes.length);
    await init.syscall('close', fd);
  }

  it('goes on after suspend and resume, read and write, for many generations', async () => {
    const disk = overlay(await fixtureDevice('ext4'), { limitMib: 32 });
    const base = freshMachine(kernelModule, snapshot).memory.bytes;
    let kernel = keep(restoredKernel());
    await kernel.attachDisk(disk);
    expect(await mount(kernel.init, '/dev/vda', '/mnt', 'ext4', 0)).toBe(0);
    await writeFile(kernel, '/mnt/generation-0', 'written before');
    const fd = await openat(kernel.init, AT_FDCWD, '/mnt/generation-0', O_RDONLY);
    expect(await kernel.init.syscall('read', fd, kernel.init.scratch, 8)).toBe(8);
    const pipes = kernel.init.scratch;
    expect(await kernel.init.syscall('pipe2', pipes, 0)).toBe(0);
    const [reader, writer] = [kernel.init.memory.i32(pipes), kernel.init.memory.i32(plus(pipes, 4))];

    for (let generation = 1; generation <= 30; generation++) {
      const suspended = await suspend(kernel, { clean: () => base, turn: nodeHost.turn });
      kernel.kill();
      const machine = freshMachine(kernelModule, snapshot);
      machine.grow(suspended.state.memoryBytes);
      kernel = keep(await resume(machine, suspended, snapshot.buildId, { host: nodeHost, disks: [disk] }));
      expect(await readFile(kernel, `/mnt/generation-${generation - 1}`)).toContain('written');
      await writeFile(kernel, `/mnt/generation-${generation}`, `written in ${generation}`);
    }
    // What was open is open: the offset of a file, both ends of a pipe.
    expect(await kernel.init.syscall('read', fd, kernel.init.scratch, 64)).toBe('written before'.length - 8);
    expect(await kernel.init.syscall('write', writer, kernel.init.scratch, 5)).toBe(5);
    expect(await kernel.init.syscall('read', reader, kernel.init.scratch, 64)).toBe(5);
    // The journal thread lives: a commit after a long sleep, and a clean unmount.
    await sleepNs(kernel.init, 60_000_000_000n);
    expect(await kernel.init.syscall('close', fd)).toBe(0);
    expect(await umount2(kernel.init, '/mnt')).toBe(0);
    expect(await mount(kernel.init, '/dev/vda', '/mnt', 'ext4', 0)).toBe(0);
    expect(await readFile(kernel, '/mnt/generation-30')).toBe('written in 30');
    expect(kernel.console).not.toMatch(/EXT4-fs error|recovery|WARNING/);
  });
});
