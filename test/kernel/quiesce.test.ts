/** What cannot be saved is refused by name, and goes on: never a guess. */

import { afterEach, expect, it } from 'vitest';
import { AT_FDCWD } from '../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { NotQuiesced, quiesce } from '../../src/kernel/snapshot.ts';
import { mkdirat } from '../../src/kernel/syscalls/dir.ts';
import { mount, umount2 } from '../../src/kernel/syscalls/mount.ts';
import { sleepNs } from '../../src/kernel/syscalls/time.ts';
import { overlay } from '../../src/storage/overlay.ts';
import { workerHost } from '../../src/worker-host.ts';
import { fixtureDevice } from '../fixtures/load.ts';
import { restoredKernel } from './restored.ts';

const kernels: Kernel[] = [];
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel.kill();
});

it.each([
  ['nilfs2', 'a thread that is not in the table', /\(segctord\) is not known to be re-enterable/],
  ['btrfs', 'a thread of the table with a timer on its stack', /\(btrfs-transacti\) sleeps with a timeout/],
  ['ext4', 'a thread that soon ends', /\(ext4lazyinit\) sleeps with a timeout/],
  ['f2fs', 'a thread in the middle of something', /\(f2fs_gc-254:0\) is not asleep/],
])('%s, mounted to be written: %s', async (type, _, message) => {
  const kernel = restoredKernel();
  kernels.push(kernel);
  const { init } = kernel;
  await kernel.attachDisk(overlay(await fixtureDevice(type), { limitMib: 32 }));
  expect(await mount(init, '/dev/vda', '/mnt', type, 0)).toBe(0);
  const refusal = await quiesce(kernel, workerHost.turn).catch((cause: unknown) => cause);
  expect(refusal).toBeInstanceOf(NotQuiesced);
  expect((refusal as NotQuiesced).message).toMatch(message);
  init.attach();
  expect(await mkdirat(init, AT_FDCWD, '/mnt/afterwards', 0o700)).toBe(0);
  await sleepNs(init, 60_000_000_000n);
  expect(await umount2(init, '/mnt')).toBe(0);
});
