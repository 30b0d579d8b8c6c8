/** Encrypted directories of ext4: with the key as ever, without it names that stand for others, and no contents. */

import { afterEach, expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR } from '../../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { plus } from '../../../src/kernel/memory.ts';
import { getdents64, mkdirat } from '../../../src/kernel/syscalls/dir.ts';
import { openat } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import { mount, umount2 } from '../../../src/kernel/syscalls/mount.ts';
import { overlay } from '../../../src/storage/layers/overlay.ts';
import { memoryDevice } from '../../../src/storage/memory.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { restoredKernel } from '../restored.ts';
import { lay, readAll, saveText, words } from './tasks.ts';

/** include/uapi/linux/fscrypt.h */
const FS_IOC_ADD_ENCRYPTION_KEY = 0xc050_6617;
const FS_IOC_SET_ENCRYPTION_POLICY = 0x800c_6613;
const KEY_IDENTIFIER = 2;
const [POLICY_V2, AES_256_XTS, AES_256_CTS, PAD_32] = [2, 1, 4, 3];
const ENOKEY = -126;
const MS_RDONLY = 1;

const kernels: Kernel[] = [];
afterEach(() => {
  for (const kernel of kernels.splice(0)) kernel.kill();
});

async function mounted(disk: Parameters<Kernel['attachDisk']>[0], flags: number): Promise<Kernel> {
  const kernel = restoredKernel();
  kernels.push(kernel);
  await kernel.attachDisk(disk);
  must('mount', await mount(kernel.init, '/dev/vda', '/mnt', 'ext4', flags), '/mnt');
  return kernel;
}

async function names({ init }: Kernel, path: string): Promise<string[]> {
  const fd = must('openat', await openat(init, AT_FDCWD, path, O_RDONLY | O_DIRECTORY), path);
  const dirents = await getdents64(init, fd, await mapBuffer(init, 4096));
  return dirents.map(({ name }) => new TextDecoder().decode(name)).filter((name) => !name.startsWith('.'));
}

it('names are listed without the key, each as one that can be opened by nobody', async () => {
  const fixture = await fixtureDevice('ext3');
  const bytes = new Uint8Array(fixture.sectors * 512);
  await fixture.read(0, bytes);
  // EXT4_FEATURE_INCOMPAT_ENCRYPT of a superblock that has no checksum
  bytes[1024 + 0x62] = (bytes[1024 + 0x62] ?? 0) | 1;
  const disk = overlay(memoryDevice(bytes));

  const first = await mounted(disk, 0);
  const { init } = first;
  must('mkdirat', await mkdirat(init, AT_FDCWD, '/mnt/secret', 0o755));
  const root = must('openat', await openat(init, AT_FDCWD, '/mnt', O_RDONLY));
  const key = new Uint8Array(80 + 64);
  key.set(words(KEY_IDENTIFIER));
  key.set(words(64), 40);
  key.fill(0x42, 80);
  must('ioctl', await init.syscall('ioctl', root, FS_IOC_ADD_ENCRYPTION_KEY, lay(init, key)), 'add key');
  const identifier = init.memory.copy(plus(init.scratch, 8), 16);
  const policy = Uint8Array.of(POLICY_V2, AES_256_XTS, AES_256_CTS, PAD_32, 0, 0, 0, 0, ...identifier);
  const folder = must('openat', await openat(init, AT_FDCWD, '/mnt/secret', O_RDONLY));
  must('ioctl', await init.syscall('ioctl', folder, FS_IOC_SET_ENCRYPTION_POLICY, lay(init, policy)), 'set policy');
  await saveText(init, '/mnt/secret/diary', 'nobody is to read this', O_RDWR | O_CREAT);
  expect(await names(first, '/mnt/secret')).toEqual(['diary']);
  for (const fd of [root, folder]) await init.syscall('close', fd);
  await init.syscall('sync');
  await umount2(init, '/mnt', 0);

  const second = await mounted(disk, MS_RDONLY);
  const [name = '', ...others] = await names(second, '/mnt/secret');
  expect(others).toEqual([]);
  expect(name).toMatch(/^[\w,+-]{20,}$/);
  expect(await readAll(second.init, `/mnt/secret/${name}`)).toBe(ENOKEY);
  await disk.read(0, bytes);
  expect(Buffer.from(bytes).includes('nobody is to read this')).toBe(false);
});
