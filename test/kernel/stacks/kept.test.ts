/** What is stacked on disks, mounted in kernels of batches and sessions: read, written, put to rest, and never with keys. */

import { describe, expect, it } from 'vitest';
import {
  type DiskRequest,
  type KernelRequest,
  prepareKernel,
  type SetupNeeds,
} from '../../../src/batch/kernel-setup.ts';
import { KernelPool } from '../../../src/kernel/pool/pool.ts';
import { suspend } from '../../../src/kernel/snapshot/suspend.ts';
import { readNames, readText } from '../../../src/kernel/sysfs.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { stackDevice } from '../../fixtures/load.ts';
import { kernelModule, snapshot } from '../restored.ts';
import { saveText } from '../save-text.ts';

const pool = new KernelPool(kernelModule, snapshot, { budgetMib: 128, ready: 1, patienceMs: 20, host: nodeHost });
const needs: SetupNeeds = {
  newKernel: (options) => pool.acquire(options),
  openImages: () => ({ image: async (name) => ({ device: await stackDevice(name), etag: name }) }),
  host: nodeHost,
};
const request = (
  ...disks: readonly (Omit<DiskRequest, 'readOnly'> & { readonly readOnly?: boolean })[]
): KernelRequest => ({
  disks: disks.map((disk) => ({ readOnly: false, ...disk })),
  loopback: true,
  sysctl: {},
  commandLine: '',
  memoryMib: 40,
  clock: 'virtual',
});
const unlock = { secrets: [new TextEncoder().encode('correct horse')] };

const at = '/mnt';

describe('a volume of a stack is mounted in a kernel that is kept', () => {
  it.each<[string, Omit<DiskRequest, 'readOnly'>]>([
    ['LVM', { image: 'lvm', at, partition: 'vg/root' }],
    ['MD, parity', { image: 'md-raid5-0', also: ['md-raid5-1', 'md-raid5-2'], at }],
    ['thin LVM', { image: 'lvm-thin', at, partition: 'vg/thin' }],
  ])('%s: it is written, put to rest, and goes on', async (_, disk) => {
    const prepared = await prepareKernel(request(disk), needs);
    let { kernel } = prepared;
    expect(prepared.holdsKeys).toBe(false);
    await saveText(kernel, 'mnt/new', 'text');
    const clean = () => pool.cleanMemory;
    const suspended = await suspend(kernel, { clean, turn: nodeHost.turn });
    kernel.kill();
    const disks = prepared.disks.map(({ device }) => device);
    kernel = await pool.resume(suspended, { host: nodeHost, clock: 'virtual', memoryMib: 40, disks });
    expect(await readText(kernel.init, '/mnt/new')).toBe('text');
    await saveText(kernel, 'mnt/again', 'text');
    expect(kernel.console).not.toMatch(/I\/O error|WARNING|Corruption/);
    kernel.kill();
  });

  it.each(['linear', 'striped', 'mirror'])('LVM over two disks, %s: it is put to rest, and goes on', async (name) => {
    const disk = { image: 'lvm-two-0', also: ['lvm-two-1'], at, partition: `vg/${name}`, readOnly: true };
    const prepared = await prepareKernel(request(disk), needs);
    const suspended = await suspend(prepared.kernel, { clean: () => pool.cleanMemory, turn: nodeHost.turn });
    prepared.kernel.kill();
    const disks = prepared.disks.map(({ device }) => device);
    const kernel = await pool.resume(suspended, { host: nodeHost, clock: 'virtual', memoryMib: 40, disks });
    expect(await readText(kernel.init, '/mnt/etc/hostname')).toBe(`vg/${name}\n`.trim());
    kernel.kill();
  });

  it.each<[string, Omit<DiskRequest, 'readOnly'>]>([
    ['MD, a mirror', { image: 'md-raid1-0', also: ['md-raid1-1'], at }],
    ['btrfs over two disks', { image: 'btrfs-two-0', also: ['btrfs-two-1'], at }],
  ])('%s: it is written, and read again', async (_, disk) => {
    const { kernel, holdsKeys } = await prepareKernel(request(disk), needs);
    expect(holdsKeys).toBe(false);
    await saveText(kernel, 'mnt/new', 'text');
    expect(await readText(kernel.init, '/mnt/new')).toBe('text');
    kernel.kill();
  });

  it.each<[string, Omit<DiskRequest, 'readOnly'>]>([
    ['LUKS', { image: 'luks1', at }],
    ['LUKS with a detached header', { image: 'luks2-header', header: 'luks2-header-header', at }],
    ['LVM on LUKS on GPT', { image: 'gpt-luks-lvm', at, partition: 'vg/root' }],
    ['LVM on LUKS on MD', { image: 'md-luks-lvm-0', also: ['md-luks-lvm-1'], at, partition: 'vg/root' }],
  ])('%s: it is written, and known to hold keys', async (_, disk) => {
    const { kernel, holdsKeys } = await prepareKernel(request(disk), needs, unlock);
    expect(holdsKeys).toBe(true);
    await saveText(kernel, 'mnt/new', 'text');
    expect(await readText(kernel.init, '/mnt/new')).toBe('text');
    expect(await readText(kernel.init, '/mnt/etc/hostname')).not.toBe('');
    kernel.kill();
  });

  it('what lies beside it has the name that udev would give it, and pid 1 has nothing open', async () => {
    const { kernel } = await prepareKernel(request({ image: 'gpt-luks-lvm', at, partition: 'vg/root' }), needs, unlock);
    expect((await readNames(kernel.init, '/dev/vg')).sort()).toEqual(['home', 'root', 'swap']);
    expect(await readNames(kernel.init, '/proc/self/fd')).toHaveLength(1); // the listing itself
    kernel.kill();
  });
});

describe('what cannot be opened', () => {
  it.each<[string, Omit<DiskRequest, 'readOnly'>, typeof unlock | undefined, string]>([
    ['no passphrase', { image: 'luks1', at }, undefined, 'passphrase-needed'],
    ['a wrong one', { image: 'luks1', at }, { secrets: [Uint8Array.of(1)] }, 'wrong-passphrase'],
    ['half of an array', { image: 'md-raid0-0', at }, undefined, 'stack-incomplete'],
    ['no such volume', { image: 'lvm', at, partition: 'vg/none' }, undefined, 'no-such-partition'],
  ])('%s is told as everywhere', async (_, disk, secrets, kind) => {
    await expect(prepareKernel(request(disk), needs, secrets)).rejects.toMatchObject({ kind });
  });

  it('more disks than a kernel takes', async () => {
    const also = Array.from({ length: 16 }, () => 'md-raid1-1');
    await expect(prepareKernel(request({ image: 'md-raid1-0', also, at }), needs)).rejects.toMatchObject({
      kind: 'invalid-request',
    });
  });
});
