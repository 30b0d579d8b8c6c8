/** A host that gives less memory than it promised: the kernel is short of it, and does not trap. */

import { afterEach, expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_RDWR } from '../../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { HOST_BYTES, Machine } from '../../../src/kernel/machine.ts';
import { restore } from '../../../src/kernel/snapshot/snapshot.ts';
import { openat, write } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { kernelModule, snapshot } from '../restored.ts';

const MIB = 1 << 20;
const WASM_PAGE = 65_536;
const EIO_OR_WORSE = -1;
let kernel: Kernel;
afterEach(() => kernel.kill());

/** A kernel that is told it may grow to 64 MiB on a machine whose memory ends before: then it takes the host's page, too. */
function promised(maximumBytes: number): Machine {
  const machine = new Machine(kernelModule, snapshot.memoryBytes, maximumBytes);
  machine.call('restore', 0);
  kernel = restore(machine, snapshot, { host: nodeHost });
  kernel.engine.memoryLimit = 64 * MIB;
  return machine;
}

/** Bytes that fit into files in memory, until one write fails or the kernel does. */
async function fill(): Promise<number> {
  const { init } = kernel;
  const buffer = await mapBuffer(init, 64 * 1024);
  const fd = await openat(init, AT_FDCWD, '/tmp/fill', O_RDWR | O_CREAT, 0o600);
  for (let written = 0; ; ) {
    const n = await write(init, fd, buffer, buffer.bytes).catch(() => EIO_OR_WORSE);
    if (n <= 0) return written;
    written += n;
  }
}

it('a memory that ends at 14 MiB is used to its last page, then the kernel is out of memory', async () => {
  const machine = promised(14 * MIB);
  expect(await fill()).toBeGreaterThan(7 * MIB);
  expect(machine.memory.size).toBe(14 * MIB + HOST_BYTES);
  expect(kernel.dead?.end ?? 'oom').toBe('oom');
});

it('one that ends within a chunk of 4 MiB gives what it has', async () => {
  const machine = promised(9 * MIB + WASM_PAGE);
  await fill();
  expect(machine.memory.size).toBe(9 * MIB + WASM_PAGE + HOST_BYTES);
});

it('one that cannot grow at all is enough for what it started with', async () => {
  const machine = promised(snapshot.memoryBytes);
  expect(await kernel.init.syscall('getpid')).toBe(1);
  await fill();
  expect(machine.memory.size).toBe(snapshot.memoryBytes + HOST_BYTES);
});
