/** Kernels as sessions have them, suspended with file systems mounted to be written. */

import { expect, it } from 'vitest';
import { AT_FDCWD } from '../../../src/abi/uapi/fs.ts';
import { type KernelRequest, prepareKernel, type SetupNeeds } from '../../../src/batch/kernel-setup.ts';
import { KernelPool } from '../../../src/kernel/pool/pool.ts';
import { suspend } from '../../../src/kernel/snapshot/suspend.ts';
import { unlinkat } from '../../../src/kernel/syscalls/dir.ts';
import { readText } from '../../../src/kernel/sysfs.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { kernelModule, snapshot } from '../restored.ts';
import { saveText } from '../save-text.ts';

const pool = new KernelPool(kernelModule, snapshot, {
  budgetMib: 64,
  ready: 1,
  patienceMs: 20,
  host: nodeHost,
});
let flushed = 0;
const needs: SetupNeeds = {
  newKernel: (options) => pool.acquire(options),
  openImages: () => ({ image: async (name) => ({ device: await fixtureDevice(name), etag: name }) }),
  host: nodeHost,
  flushed: () => {
    flushed++;
  },
};
const request = (image: string): KernelRequest => ({
  disks: [{ image, at: '/mnt', readOnly: false }],
  loopback: true,
  sysctl: {},
  commandLine: '',
  memoryMib: 24,
  clock: 'wall',
});
/** So long, threads that end with their file system may take. */
const PATIENCE = { patienceNs: 300_000_000n };

it.each(['ext4', 'ext3', 'ext2', 'xfs', 'btrfs', 'vfat32', 'exfat'])(
  '%s goes on, written to, for five generations',
  async (image) => {
    const prepared = await prepareKernel(request(image), needs);
    let { kernel } = prepared;
    for (let generation = 1; generation <= 5; generation++) {
      await saveText(kernel, 'mnt/generation', `${generation}`);
      const clean = () => pool.cleanMemory;
      const suspended = await suspend(kernel, { clean, turn: nodeHost.turn, ...PATIENCE });
      kernel.kill();
      const disks = prepared.disks.map(({ device }) => device);
      kernel = await pool.resume(suspended, { host: nodeHost, clock: 'wall', memoryMib: 24, disks });
      expect(await readText(kernel.init, '/mnt/generation')).toBe(`${generation}`);
    }
    expect(await unlinkat(kernel.init, AT_FDCWD, '/mnt/generation')).toBe(0);
    expect(kernel.console).not.toMatch(/error|WARNING|Corruption/);
    kernel.kill();
  },
);

it('a flush of the kernel is told', async () => {
  const { kernel } = await prepareKernel(request('ext4'), needs);
  flushed = 0;
  await saveText(kernel, 'mnt/file', 'text');
  expect(flushed).toBe(0);
  await kernel.init.syscall('sync');
  expect(flushed).toBeGreaterThan(0);
  kernel.kill();
});

it('a resumed kernel counts in the pool as any other', async () => {
  const { kernel } = await prepareKernel({ ...request('ext4'), memoryMib: 40 }, needs);
  const suspended = await suspend(kernel, { clean: () => pool.cleanMemory, turn: nodeHost.turn });
  kernel.kill();
  const before = pool.bytes;
  const resume = async () => {
    const disks = [await fixtureDevice('ext4')];
    return pool.resume(suspended, { host: nodeHost, memoryMib: 40, disks });
  };
  const first = await resume();
  expect(pool.bytes).toBeGreaterThanOrEqual(40 * 2 ** 20);
  await expect(resume()).rejects.toMatchObject({ kind: 'kernel-busy' });
  first.kill();
  expect(pool.bytes).toBeLessThanOrEqual(before + snapshot.memoryBytes);
  (await resume()).kill();
});
