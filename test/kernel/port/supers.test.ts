/** File systems are frozen by the kernel, whatever the guest did to its own tasks, and tell when they cannot be. */

import { afterEach, describe, expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_RDWR } from '../../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { freezeSupers, thawSupers } from '../../../src/kernel/snapshot/supers.ts';
import { mkdirat } from '../../../src/kernel/syscalls/dir.ts';
import { openat } from '../../../src/kernel/syscalls/file.ts';
import { mount, umount2 } from '../../../src/kernel/syscalls/mount.ts';
import { sleepNs } from '../../../src/kernel/syscalls/time.ts';
import type { BlockDevice } from '../../../src/storage/block-device.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { restoredKernel } from '../restored.ts';
import { lay, readAll, saveText, words } from './tasks.ts';

const MNT_DETACH = 2;
const RLIMIT_NOFILE = 7;
const LOOP_SET_FD = 0x4c00;
const FIFREEZE = 0xc004_5877;
const FITHAW = 0xc004_5878;
const CREATE = O_RDWR | O_CREAT;

let kernel: Kernel;
afterEach(() => kernel.kill());

/** A kernel with a file system of this fixture at /mnt, to be written. */
async function mounted(fixture = 'ext4', type = 'ext4', wrap = (device: BlockDevice) => device): Promise<BlockDevice> {
  kernel = restoredKernel();
  const disk = overlay(await fixtureDevice(fixture));
  await kernel.attachDisk(wrap(disk));
  must('mount', await mount(kernel.init, '/dev/vda', '/mnt', type, 0), '/mnt');
  return disk;
}

const freeze = () => kernel.init.waitFor(freezeSupers(kernel.engine));
const thaw = () => kernel.init.waitFor(thawSupers(kernel.engine));

/** Whether an ext4's journal has to be replayed: EXT4_FEATURE_INCOMPAT_RECOVER in its superblock. */
async function needsRecovery(disk: BlockDevice): Promise<boolean> {
  const head = new Uint8Array(4096);
  await disk.read(0, head);
  return ((head[1024 + 0x60] ?? 0) & 4) !== 0;
}

/** A write of a task of its own, and whether it is done. */
async function beginWrite(path: string) {
  const task = await kernel.spawn();
  const state = { done: false };
  const written = mkdirat(task, AT_FDCWD, path, 0o755).then((ret) => {
    state.done = true;
    task.detach();
    return ret;
  });
  return { state, written };
}

describe('frozen', () => {
  it('an ext4 has an empty journal, and who writes waits until it is thawed', async () => {
    const disk = await mounted();
    await saveText(kernel.init, '/mnt/file', 'text', CREATE);
    expect(await needsRecovery(disk)).toBe(true);
    expect(await freeze()).toEqual([]);
    expect(await needsRecovery(disk)).toBe(false);
    const { state, written } = await beginWrite('/mnt/later');
    await sleepNs(kernel.init, 10_000_000_000n);
    expect(state.done).toBe(false);
    expect(await thaw()).toEqual([]);
    expect(await kernel.init.waitFor(written)).toBe(0);
  });

  it('twice is once, and to thaw what is not frozen is nothing', async () => {
    await mounted();
    expect(await thaw()).toEqual([]);
    expect(await freeze()).toEqual([]);
    expect(await freeze()).toEqual([]);
    expect(await thaw()).toEqual([]);
    expect(await mkdirat(kernel.init, AT_FDCWD, '/mnt/later', 0o755)).toBe(0);
  });

  it.each([
    ['xfs', 'xfs'],
    ['btrfs', 'btrfs'],
    ['f2fs', 'f2fs'],
    ['vfat32', 'vfat'],
    ['ext2', 'ext2'],
    ['jfs', 'jfs'],
    ['nilfs2', 'nilfs2'],
    ['minix3', 'minix'],
  ])('%s is, and goes on', async (fixture, type) => {
    await mounted(fixture, type);
    await saveText(kernel.init, '/mnt/a.txt', 'before', CREATE);
    expect(await freeze()).toEqual([]);
    expect(await thaw()).toEqual([]);
    await saveText(kernel.init, '/mnt/b.txt', 'after', CREATE);
    expect(await readAll(kernel.init, '/mnt/b.txt')).toEqual(new TextEncoder().encode('after'));
  });
});

describe('a guest', () => {
  it('that has no descriptor, no user, no root and no /proc left is frozen all the same', async () => {
    const disk = await mounted();
    const { init } = kernel;
    await saveText(init, '/mnt/file', 'text', CREATE);
    must('umount2', await umount2(init, '/proc', MNT_DETACH));
    must('prlimit64', await init.syscall('prlimit64', 0, RLIMIT_NOFILE, lay(init, words(0, 0, 0, 0)), 0));
    must('chroot', await init.syscall('chroot', lay(init, new TextEncoder().encode('/tmp\0'))));
    must('setresuid', await init.syscall('setresuid', 1000, 1000, 1000));
    expect(await freeze()).toEqual([]);
    expect(await needsRecovery(disk)).toBe(false);
    expect(await thaw()).toEqual([]);
  });

  it('that has only an open file of what it unmounted', async () => {
    const disk = await mounted();
    must('openat', await openat(kernel.init, AT_FDCWD, '/mnt/open', CREATE, 0o644));
    must('umount2', await umount2(kernel.init, '/mnt', MNT_DETACH));
    expect(await needsRecovery(disk)).toBe(true);
    expect(await freeze()).toEqual([]);
    expect(await needsRecovery(disk)).toBe(false);
  });

  it('that has frozen it itself keeps it frozen', async () => {
    await mounted();
    const { init } = kernel;
    const fd = must('openat', await openat(init, AT_FDCWD, '/mnt', 0));
    must('ioctl', await init.syscall('ioctl', fd, FIFREEZE, 0));
    expect(await freeze()).toEqual([]);
    expect(await thaw()).toEqual([]);
    const { state, written } = await beginWrite('/mnt/later');
    await sleepNs(init, 1_000_000_000n);
    expect(state.done).toBe(false);
    must('ioctl', await init.syscall('ioctl', fd, FITHAW, 0));
    expect(await init.waitFor(written)).toBe(0);
  });
});

it('a file system in a file of another one is frozen before it', async () => {
  const disk = await mounted();
  const { init } = kernel;
  // A whole file system as a file, by the loop driver.
  const inner = await fixtureDevice('vfat12');
  const bytes = new Uint8Array(inner.sectors * 512);
  await inner.read(0, bytes);
  const fd = must('openat', await openat(init, AT_FDCWD, '/mnt/inner', CREATE, 0o644));
  for (let at = 0; at < bytes.length; at += 32_768) {
    const part = bytes.subarray(at, at + 32_768);
    must('pwrite64', await init.syscall('pwrite64', fd, lay(init, part), part.length, at));
  }
  const control = must('openat', await openat(init, AT_FDCWD, '/dev/loop-control', O_RDWR));
  must('ioctl', await init.syscall('ioctl', control, 0x4c80, 0));
  await kernel.makeBlockNodes('loop0');
  const loop = must('openat', await openat(init, AT_FDCWD, '/dev/loop0', O_RDWR));
  must('ioctl', await init.syscall('ioctl', loop, LOOP_SET_FD, fd));
  must('mkdirat', await mkdirat(init, AT_FDCWD, '/tmp/inner', 0o755));
  must('mount', await mount(init, '/dev/loop0', '/tmp/inner', 'vfat', 0));
  await saveText(init, '/tmp/inner/new.txt', 'inside', CREATE);
  expect(await freeze()).toEqual([]);
  expect(await needsRecovery(disk)).toBe(false);
  expect(await thaw()).toEqual([]);
  await saveText(init, '/tmp/inner/newer.txt', 'inside', CREATE);
});

it('a disk that refuses writes is named with its errno, and the file system is not frozen', async () => {
  let broken = false;
  await mounted('ext4', 'ext4', (device) => ({
    ...device,
    sectors: device.sectors,
    read: (sector, into) => device.read(sector, into),
    write: (sector, from) => {
      if (broken) throw new Error('the disk is gone');
      return device.write?.(sector, from);
    },
    flush: () => device.flush?.(),
  }));
  await saveText(kernel.init, '/mnt/file', 'text', CREATE);
  broken = true;
  expect(await freeze()).toEqual([{ device: 'vda', type: 'ext4', errno: 5 }]);
});

it('raw writes to a disk are there', async () => {
  kernel = restoredKernel();
  const disk = overlay(await fixtureDevice('ext4'));
  await kernel.attachDisk(disk);
  await saveText(kernel.init, '/dev/vda', 'raw', O_RDWR);
  expect(await freeze()).toEqual([]);
  const head = new Uint8Array(512);
  await disk.read(0, head);
  expect(new TextDecoder().decode(head.subarray(0, 3))).toBe('raw');
});

it('a kernel that is killed meanwhile says so', async () => {
  await mounted();
  const frozen = freezeSupers(kernel.engine);
  kernel.kill();
  await expect(frozen).rejects.toThrow('the kernel was stopped');
  await expect(freezeSupers(kernel.engine)).rejects.toThrow('the kernel was stopped');
});
