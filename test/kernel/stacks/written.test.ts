/** Volumes in stacks are written by the real kernel: what was written is there afterwards, in every copy, and nothing else has changed. */

import { describe, expect, it } from 'vitest';
import { AT_FDCWD, O_CREAT, O_RDWR, O_WRONLY } from '../../../src/abi/uapi/fs.ts';
import type { MountRequest } from '../../../src/image/mounted-image.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { openat, pread64, pwrite64 } from '../../../src/kernel/syscalls/file.ts';
import { mapBuffer } from '../../../src/kernel/syscalls/memory.ts';
import type { UserBuffer } from '../../../src/kernel/syscalls/scratch.ts';
import { readText } from '../../../src/kernel/sysfs.ts';
import type { PlayedTask } from '../../../src/kernel/user-task.ts';
import { linux } from '../../../src/linux.ts';
import { nodeDerive } from '../../../src/node/derive.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { type BlockDevice, SECTOR } from '../../../src/storage/block-device.ts';
import { type Overlay, overlay } from '../../../src/storage/layers/overlay.ts';
import { memoryDevice } from '../../../src/storage/memory.ts';
import { copyAll } from '../../../src/tools/disk/copy-into.ts';
import { encryptedDisk, LUKS_HEADER_BYTES } from '../../../src/tools/luks/encrypted-disk.ts';
import kernelModule from '../../../wasm/dist/kernel.wasm';
import snapshot from '../../../wasm/dist/snapshot.json' with { type: 'json' };
import { fixtureDevice, stackDevice } from '../../fixtures/load.ts';

const engine = linux({
  module: kernelModule,
  snapshot,
  host: nodeHost,
  derive: nodeDerive,
  limits: { kernelsMib: 256, mountMib: [20, 64], ready: 0, patienceMs: 0 },
});

const unlock = { secrets: [new TextEncoder().encode('correct horse')] };
const several = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i}`);
const name = new TextEncoder().encode('/written');
const content = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 31) % 251);

async function opened(images: readonly string[]): Promise<[Overlay, ...Overlay[]]> {
  const [first, ...also] = (await Promise.all(images.map(stackDevice))).map((one) => overlay(one));
  if (first === undefined) throw new Error('no image');
  return [first, ...also];
}

async function write([device, ...also]: readonly [BlockDevice, ...BlockDevice[]], request: MountRequest) {
  const tree = await engine.openWritableTree(device, { also, ...request });
  try {
    const file = await tree.changes.open(name, O_WRONLY | O_CREAT, 0o600);
    await file.write(0, content);
    await file.close();
    await tree.close();
  } finally {
    tree.abandon();
  }
}

async function written([device, ...also]: readonly [BlockDevice, ...BlockDevice[]], request: MountRequest) {
  const { tree, close } = await engine.openTree(device, { also, ...request });
  try {
    const file = await tree.openFile(name);
    const bytes = new Uint8Array(content.length);
    await file.read(0, bytes);
    return bytes;
  } finally {
    await close();
  }
}

interface Case {
  readonly images: readonly string[];
  readonly request?: MountRequest;
  /** What shows it too, without the others. */
  readonly alone?: readonly (readonly number[])[];
}

const cases: readonly Case[] = [
  { images: ['luks1'], request: { unlock } },
  { images: ['luks2'], request: { unlock } },
  { images: ['gpt-luks-lvm'], request: { partition: 'vg/root', unlock } },
  { images: ['lvm'], request: { partition: 'vg/root' } },
  ...['thin', 'thinsnap', 'origin', 'snap'].map((name) => ({
    images: ['lvm-thin'],
    request: { partition: `vg/${name}` },
  })),
  { images: several('md-raid0', 2) },
  { images: several('md-raid1', 2), alone: [[0], [1]] },
  {
    images: several('md-raid5', 3),
    alone: [
      [0, 1],
      [1, 2],
      [2, 0],
    ],
  },
  {
    images: several('md-raid6', 4),
    alone: [
      [0, 1],
      [2, 3],
    ],
  },
  {
    images: several('md-raid10', 3),
    alone: [
      [0, 1],
      [1, 2],
      [2, 0],
    ],
  },
  { images: several('md-old', 2), alone: [[0], [1]] },
  { images: several('md-luks-lvm', 2), request: { partition: 'vg/root', unlock }, alone: [[1]] },
  { images: several('btrfs-two', 2) },
];

/** Their file systems are none that Linux writes: what their devices have behind these is. */
const bare: readonly Case[] = [
  { images: ['luks2-integrity'], request: { unlock } },
  { images: ['lvm-luks-gpt'], request: { partition: 'part5', unlock } },
  { images: several('lvm-two', 2), request: { partition: 'vg/linear' } },
  { images: several('lvm-two', 2), request: { partition: 'vg/striped' } },
  { images: several('lvm-two', 2), request: { partition: 'vg/raid1' }, alone: [[0], [1]] },
  { images: several('lvm-two', 2), request: { partition: 'vg/mirror' }, alone: [[0], [1]] },
];
const PAGE = 4096;
const AT = 512 * 1024;

/** What the buffer holds after `work` on the device that is mounted. */
async function onDevice(
  task: PlayedTask,
  work: (fd: number, buffer: UserBuffer) => Promise<number>,
): Promise<Uint8Array> {
  const [, device = ''] = /^(\S+) \/mnt /m.exec(await readText(task, '/proc/self/mounts')) ?? [];
  const fd = must('openat', await openat(task, AT_FDCWD, device, O_RDWR), device);
  const buffer = await mapBuffer(task, PAGE);
  task.memory.write(buffer.at, content.subarray(0, PAGE));
  must('pwrite64', await work(fd, buffer), device);
  must('fsync', await task.syscall('fsync', fd), device);
  return task.memory.copy(buffer.at, PAGE);
}

describe('a volume in a stack is written', () => {
  it.each(cases)('$images $request.partition', async ({ images, request = {}, alone = [] }) => {
    const disks = await opened(images);
    await write(disks, request);
    for (const members of [images.map((_, i) => i), ...alone]) {
      const [first = disks[0], ...also] = members.map((i) => disks[i] ?? disks[0]);
      expect(Buffer.from(await written([first, ...also], request)).equals(Buffer.from(content))).toBe(true);
    }
  });

  it.each(bare)('$images $request.partition', async ({ images, request = {}, alone = [] }) => {
    const disks = await opened(images);
    const [device, ...also] = disks;
    const image = await engine.write(device, { also, ...request });
    await onDevice(image.task, (fd, buffer) => pwrite64(image.task, fd, buffer, PAGE, AT));
    await image.commit();
    for (const members of [images.map((_, i) => i), ...alone]) {
      const [first = device, ...others] = members.map((i) => disks[i] ?? device);
      const { task, close } = await engine.mount(first, { also: others, ...request });
      const bytes = await onDevice(task, async (fd, buffer) => {
        task.memory.view(buffer.at, PAGE).fill(0);
        return pread64(task, fd, buffer, PAGE, AT);
      });
      await close();
      expect(Buffer.from(bytes).equals(Buffer.from(content.subarray(0, PAGE)))).toBe(true);
    }
  });

  it('a snapshot keeps what its origin was', async () => {
    const disks = await opened(['lvm-thin']);
    for (const [origin, snapshot] of [
      ['vg/origin', 'vg/snap'],
      ['vg/thin', 'vg/thinsnap'],
    ]) {
      await write(disks, { partition: origin });
      await expect(written(disks, { partition: snapshot })).rejects.toMatchObject({ errno: 'ENOENT' });
    }
  });
});

describe('a new LUKS2 volume', () => {
  const uuid = '01234567-89ab-4cde-8f01-23456789abcd';
  const { entropy } = nodeHost;

  it.each(['argon2id', 'pbkdf2'] as const)(
    'by %s has what is written to it, encrypted, and is opened as any',
    async (pbkdf) => {
      const inner = await fixtureDevice('ext4');
      const below = memoryDevice(inner.sectors + LUKS_HEADER_BYTES / SECTOR);
      const kernel = await engine.newKernel({ host: nodeHost, memoryMib: 32, clock: 'virtual' });
      const [secret = new Uint8Array(0)] = unlock.secrets;
      const request = { secret, uuid, label: 'Fach', pbkdf };
      const made = await encryptedDisk(kernel, below, request, { entropy, derive: nodeDerive });
      try {
        expect(made.device.sectors).toBe(inner.sectors);
        await copyAll(inner, made.device);
        await made.close();
      } finally {
        made.kill();
      }
      const plain = new Uint8Array(SECTOR);
      const stored = new Uint8Array(SECTOR);
      await inner.read(2, plain);
      await below.read(2 + LUKS_HEADER_BYTES / SECTOR, stored);
      expect(stored).not.toEqual(plain);
      await write([below], { unlock });
      expect(await written([below], { unlock })).toEqual(content);
      const wrong = { secrets: [new TextEncoder().encode('incorrect horse')] };
      await expect(written([below], { unlock: wrong })).rejects.toMatchObject({ kind: 'wrong-passphrase' });
    },
  );

  it('is refused without a key, and where there is no room for its header; the kernel is let go', async () => {
    for (const [secret, sectors] of [
      [new Uint8Array(0), 40_000],
      [Uint8Array.of(1), LUKS_HEADER_BYTES / SECTOR],
    ] as const) {
      const kernel = await engine.newKernel({ host: nodeHost, memoryMib: 32, clock: 'virtual' });
      const making = encryptedDisk(kernel, memoryDevice(sectors), { secret, uuid }, { entropy, derive: nodeDerive });
      await expect(making).rejects.toMatchObject({ kind: 'invalid-request' });
      expect(kernel.dead).toBeDefined();
    }
  });
});

describe('what cannot be written stays as it is', () => {
  it.each<[readonly string[], MountRequest, string, string]>([
    [['md-raid1-1'], {}, 'stack-incomplete', 'has 2 members, of which 1 is here'],
    [['md-raid5-0', 'md-raid5-2'], {}, 'stack-incomplete', 'has 3 members, of which 2 are here'],
    [['lvm-two-0'], { partition: 'vg/raid1' }, 'stack-incomplete', 'needs more disks than are here'],
    [['btrfs-two-0'], {}, 'stack-incomplete', 'of which 1 is here'],
    [['luks1'], {}, 'passphrase-needed', 'is encrypted'],
    [['lvm'], {}, 'several-file-systems', '/dev/vg/root'],
  ])('%j', async (images, request, kind, message) => {
    const disks = await opened(images);
    await expect(write(disks, request)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
    expect(disks.map(({ usedBytes }) => usedBytes)).toEqual(disks.map(() => 0));
  });

  it('an ext4 that Linux does not mount for writing', async () => {
    for (const [image, options] of [
      ['ext4-damaged', 'dioread_lock,data=nonsense'],
      ['ext4', 'journal_path=/nowhere'],
    ] as const) {
      const device = overlay(await fixtureDevice(image));
      await expect(engine.openWritableTree(device, { options })).rejects.toMatchObject({ kind: 'mount-failed' });
      expect(device.usedBytes).toBe(0);
    }
  });

  it('an ext4 whose journal is wanted and cannot be replayed', async () => {
    const device = overlay(await fixtureDevice('ext4-dirty'));
    // The journal's superblock is in its first block; its inode is said to be another kind of file.
    const superblock = new Uint8Array(1024);
    await device.read(2, superblock);
    new DataView(superblock.buffer).setUint32(0xe0, 9999, true); // s_journal_inum
    device.write(2, superblock);
    const before = device.usedBytes;
    await expect(engine.openWritableTree(device, {})).rejects.toMatchObject({ kind: 'mount-failed' });
    const after = new Uint8Array(1024);
    await device.read(2, after);
    expect(after).toEqual(superblock);
    expect(device.usedBytes).toBe(before);
  });
});
