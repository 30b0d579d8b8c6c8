/** A kernel may have more memory than the page map made at boot covers: the map grows with the first memory that is added. */

import { expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_RDWR } from '../../../src/abi/uapi/fs.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { openat, pread64, pwrite64 } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import { mount } from '../../../src/kernel/syscalls/mount.ts';
import { readText } from '../../../src/kernel/sysfs.ts';
import { restoredKernel } from '../restored.ts';

const MIB = 1 << 20;
/** Beyond the 112 MiB of the page map made at boot (CONFIG_LKL_MEMORY_MAP_MIB). */
const MEMORY_MIB = 240;
const FILE_MIB = 200;

const inFile = (at: number): number => (at / MIB) % 251;

it('a kernel of 240 MiB keeps a file of 200 MiB in memory, each of its pages its own', async () => {
  const kernel = restoredKernel(MEMORY_MIB);
  const task = kernel.init;
  must('mount', await mount(task, 'ramfs', '/mnt', 'ramfs', 0));
  const fd = must('openat', await openat(task, AT_FDCWD, '/mnt/large', O_CREAT | O_RDWR, 0o600));
  const buffer = await mapBuffer(task, MIB);
  for (let at = 0; at < FILE_MIB * MIB; at += MIB) {
    task.memory.view(buffer.at, MIB).fill(inFile(at));
    expect(await pwrite64(task, fd, buffer, MIB, at)).toBe(MIB);
  }
  for (let at = 0; at < FILE_MIB * MIB; at += MIB) {
    expect(await pread64(task, fd, buffer, MIB, at)).toBe(MIB);
    const bytes = task.memory.view(buffer.at, MIB);
    expect(bytes.every((byte) => byte === inFile(at))).toBe(true);
  }
  expect(await readText(task, '/proc/meminfo')).toMatch(/^MemTotal: +2\d{5} kB$/m);
});
