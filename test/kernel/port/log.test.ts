/** The log is whole: no message that says why is held back because there were others of its kind. */

import { afterEach, expect, it } from 'vitest';
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, O_WRONLY } from '../../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { getdents64, mkdirat } from '../../../src/kernel/syscalls/dir.ts';
import { close, openat } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import { mount, umount2 } from '../../../src/kernel/syscalls/mount.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { memoryDevice } from '../../../src/storage/memory.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { restoredKernel } from '../restored.ts';
import { saveText } from './tasks.ts';

const MS_RDONLY = 1;
const kernels: Kernel[] = [];
const fresh = () => {
  const kernel = restoredKernel();
  kernels.push(kernel);
  return kernel;
};
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel.kill();
});

it('40 messages of one kind in no time are 40 lines', async () => {
  const kernel = fresh();
  for (let i = 0; i < 40; i++) await saveText(kernel.init, '/dev/kmsg', `<4>line ${i} of the test\n`, O_WRONLY);
  expect(kernel.console.match(/line \d+ of the test/g)).toHaveLength(40);
  expect(kernel.console).not.toMatch(/suppressed/);
});

it('an ext4 with 40 damaged directories tells of each', async () => {
  const DIRECTORIES = 40;
  const first = fresh();
  const disk = overlay(await fixtureDevice('ext4'));
  await first.attachDisk(disk);
  must('mount', await mount(first.init, '/dev/vda', '/mnt', 'ext4', 0), '/mnt');
  for (let i = 0; i < DIRECTORIES; i++)
    must('mkdirat', await mkdirat(first.init, AT_FDCWD, `/mnt/damaged-${i}`, 0o755));
  must('umount2', await umount2(first.init, '/mnt'), '/mnt');
  const bytes = new Uint8Array(disk.sectors * 512);
  await disk.read(0, bytes);
  // The first entry of a directory's block: an inode number, 12 bytes, one character, a directory, ".". Entries of no length are damage.
  let damaged = 0;
  for (let at = 0; at < bytes.length; at += 1024) {
    const [, , , , low, high, length, type, dot, nul] = bytes.subarray(at, at + 10);
    if (low !== 12 || high !== 0 || length !== 1 || type !== 2 || dot !== 0x2e || nul !== 0) continue;
    if (bytes[at] === 2 && bytes[at + 1] === 0) continue; // the root
    bytes[at + 4] = 1;
    damaged++;
  }
  expect(damaged).toBeGreaterThanOrEqual(DIRECTORIES);

  const second = fresh();
  await second.attachDisk(overlay(memoryDevice(bytes)));
  must('mount', await mount(second.init, '/dev/vda', '/mnt', 'ext4', MS_RDONLY, 'errors=continue'), '/mnt');
  const buffer = await mapBuffer(second.init, 4096);
  for (let i = 0; i < DIRECTORIES; i++) {
    const fd = must('openat', await openat(second.init, AT_FDCWD, `/mnt/damaged-${i}`, O_RDONLY | O_DIRECTORY));
    await getdents64(second.init, fd, buffer).catch(() => []);
    await close(second.init, fd);
  }
  const told = new Set(second.console.match(/EXT4-fs error .*inode #\d+/g)?.map((line) => /#(\d+)/.exec(line)?.[1]));
  expect(told.size).toBeGreaterThanOrEqual(DIRECTORIES);
});
