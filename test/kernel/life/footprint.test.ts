/** What one kernel takes of an isolate's memory: with an ext4 image mounted and read, no more than it starts with. */

import { expect, it } from 'vitest';
import { imageMounter } from '../../../src/image/mounting/mounter.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { readText } from '../../../src/kernel/sysfs.ts';
import { fs2tar } from '../../../src/tree/fs2tar/fs2tar.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { newKernel } from '../kernel.ts';

const MIB = 1 << 20;
/** The budget; an isolate has 128 for everything. */
const MOUNTED_MIB = 8;

it('a kernel with an ext4 image mounted has at most 12 MiB, and room in them', async () => {
  let kernel: Kernel | undefined;
  const mounter = imageMounter([async () => (kernel = await newKernel())]);
  const image = await mounter.mount(await fixtureDevice('ext4'), { type: 'ext4' });
  expect(kernel?.memoryBytes).toBeLessThanOrEqual(MOUNTED_MIB * MIB);
  const [, freeKib = 0] = /^MemFree: +(\d+) kB$/m.exec(await readText(image.task, '/proc/meminfo')) ?? [];
  expect(Number(freeKib)).toBeGreaterThan(1024);
  await image.close();
});

it('nor does a small image take more when all of it is read', async () => {
  let kernel: Kernel | undefined;
  const mounter = imageMounter([async () => (kernel = await newKernel())]);
  const image = await mounter.mount(await fixtureDevice('ext4-features'), { type: 'ext4' });
  await fs2tar(image.task, image.mountPoint, () => {}, { onError: 'stop' });
  expect(kernel?.memoryBytes).toBeLessThanOrEqual(MOUNTED_MIB * MIB);
  await image.close();
});
