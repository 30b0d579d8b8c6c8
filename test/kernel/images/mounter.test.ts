/** The mounter with real kernels: which volume, which driver, and what is said when none will do. */

import { describe, expect, it } from 'vitest';
import { HostError } from '../../../src/errors/host-error.ts';
import { imageMounter } from '../../../src/image/mounting/mounter.ts';
import { superblocks } from '../../../src/image/probe/superblock/superblocks.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { readText } from '../../../src/kernel/sysfs.ts';
import { type BlockDevice, SECTOR } from '../../../src/storage/block-device.ts';
import { memorySource } from '../../../src/storage/byte-source.ts';
import { ImageChangedError } from '../../../src/storage/errors.ts';
import { memoryDevice } from '../../../src/storage/memory.ts';
import { rawDevice } from '../../../src/storage/raw-device.ts';
import { changed, randomBytes, seededRandom } from '../../fakes/block-devices.ts';
import { same } from '../../fakes/bodies.ts';
import { fixtureDevice, fixtureListing } from '../../fixtures/load.ts';
import { archive } from '../archive.ts';
import { mounter, newKernel } from '../kernel.ts';
import { rowsOfListing, rowsOfTar } from '../tar-listing.ts';

/** The first `sectors` of `device`. */
const truncated = (device: BlockDevice, sectors: number): BlockDevice => ({ ...device, sectors });

/** Fails with `error` from sector `first` on. */
const failingFrom = (device: BlockDevice, first: number, error: Error): BlockDevice => ({
  sectors: device.sectors,
  async read(sector, into) {
    if (sector + into.length / SECTOR > first) throw error;
    await device.read(sector, into);
  },
});

const EXT4_SUPERBLOCK = 1024;

it('the table of superblocks has every file system of the kernel but those without a magic number', async () => {
  const kernel = await newKernel();
  const lines = (await readText(kernel.init, '/proc/filesystems')).split('\n');
  const types = lines.filter((line) => !line.startsWith('nodev')).map((line) => line.trim());
  const found = new Set(superblocks.flatMap((superblock) => [...superblock.types]));
  expect(types.filter((type) => !found.has(type))).toEqual(['v7', 'adfs']);
  expect([...found].filter((type) => !types.includes(type))).toEqual([]);
  kernel.kill();
});

describe('a partitioned disk', () => {
  it('with one file system is mounted there', async () => {
    const { type, tar } = await archive(await fixtureDevice('disk-gpt'));
    expect(type).toBe('ext4');
    const rows = await rowsOfTar(tar);
    expect([...rows.keys()]).toEqual([...rowsOfListing(await fixtureListing('disk-gpt', 1)).keys()]);
  });

  it('with several asks which, and says what there is', async () => {
    await expect(mounter.mount(await fixtureDevice('disk-gpt-several'), {})).rejects.toMatchObject({
      kind: 'several-file-systems',
      members: {
        partitions: [
          { number: 1, type: 'vfat', label: 'efi', size_bytes: 2 ** 20 },
          { number: 2, type: 'ext4', label: 'root', size_bytes: 2 ** 20 },
          { number: 4, type: 'erofs', label: 'usr', size_bytes: 2 ** 20 },
        ],
      },
    });
  });

  it('is mounted at its only partition of the type asked for', async () => {
    const mounted = await mounter.mount(await fixtureDevice('disk-gpt-several'), { type: 'erofs' });
    expect(mounted).toMatchObject({ type: 'erofs', partition: 4 });
    await mounted.close();
  });

  it('has no partition but its own', async () => {
    const device = await fixtureDevice('disk-mbr');
    await expect(mounter.mount(device, { partition: 3 })).rejects.toMatchObject({ kind: 'no-file-system' });
    await expect(mounter.mount(device, { partition: 7 })).rejects.toMatchObject({
      kind: 'no-such-partition',
      message: expect.stringMatching(/^there is no partition 7: there is partition 1 \(.*partition 6 \(/),
    });
    const whole = await fixtureDevice('ext4');
    await expect(mounter.mount(whole, { partition: 1 })).rejects.toMatchObject({ kind: 'no-such-partition' });
  });

  it('is described partition by partition', async () => {
    const report = await mounter.inspect(await fixtureDevice('disk-gpt-several'));
    expect(report).toMatchObject({ sizeBytes: 8 * 2 ** 20, partitionTable: 'gpt', fileSystem: undefined });
    expect(report.partitions.map(({ number, label, fileSystem }) => [number, label, fileSystem?.type])).toEqual([
      [1, 'efi', 'vfat'],
      [2, 'root', 'ext4'],
      [3, 'empty', undefined],
      [4, 'usr', 'erofs'],
    ]);
    expect(report.partitions[1]).toMatchObject({ startBytes: 4096 * SECTOR, sizeBytes: 2 ** 20 });
    const uuids = async (name: string) =>
      (await mounter.inspect(await fixtureDevice(name))).partitions.map(({ uuid }) => uuid);
    expect(await uuids('disk-gpt')).toEqual(['6c6b6c00-1234-4000-8000-00000000f117']);
    expect(await uuids('disk-mbr')).toEqual([1, 2, 3, 5, 6].map((number) => `1234abcd-0${number}`));
    expect(await uuids('disk-sun')).toEqual([undefined, undefined]);
  });
});

describe('a whole-disk file system', () => {
  it('is described', async () => {
    const report = await mounter.inspect(await fixtureDevice('ext4'));
    expect(report).toMatchObject({
      sizeBytes: 16 * 2 ** 20,
      partitionTable: undefined,
      partitions: [],
      fileSystem: { type: 'ext4', uuid: '6c6b6c00-1234-4000-8000-00000000f117', blockBytes: 4096 },
    });
    const { sizeBytes = 0, usedBytes = 0, freeBytes = 0 } = report.fileSystem ?? {};
    expect(usedBytes + freeBytes).toBe(sizeBytes);
    expect(usedBytes).toBeGreaterThan(5e5);
  });

  it('comes before a partition table around it, as on a hybrid disc', async () => {
    const table = { 446: [0, 0, 0, 0, 0x83, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0], 510: [0x55, 0xaa] };
    const disc = changed(await fixtureDevice('iso9660-rock-ridge'), table);
    const mounted = await mounter.mount(disc, {});
    expect(mounted).toMatchObject({ type: 'iso9660', partition: undefined });
    await mounted.close();
    expect(await mounter.inspect(disc)).toMatchObject({
      partitionTable: 'dos',
      partitions: [{ number: 1, fileSystem: undefined }],
      fileSystem: { type: 'iso9660', label: 'ROCK' },
    });
  });

  it.each([
    ['ext4-dirty', { [4 * 4096]: new Array(4096).fill(0) }, 'noload'], // the root directory, which the journal has too
    ['xfs-dirty', {}, 'norecovery'],
  ])('with a dirty journal shows what is in it, and is itself not written: %s', async (name, damage, options) => {
    const device = changed(await fixtureDevice(name), damage);
    expect(device.write).toBeUndefined();
    const expected = [...rowsOfListing(await fixtureListing(name)).keys()];
    expect([...(await rowsOfTar((await archive(device)).tar)).keys()]).toEqual(expected);
    const { tar } = await archive(device, { options }, { onError: 'continue' });
    expect((await rowsOfTar(tar)).size).toBeLessThan(expected.length);
  });
});

describe('an image of many files', () => {
  const counted = (made: string[], name: string) => () => {
    made.push(name);
    return newKernel();
  };
  const read = async (second: (made: string[]) => () => Promise<Kernel>, manyFiles: number, beside?: Kernel) => {
    const made: string[] = [];
    const roomy = imageMounter([counted(made, 'small'), second(made), counted(made, 'largest')], { manyFiles });
    const { tar } = await archive(await fixtureDevice('ext4'), { beside }, {}, roomy);
    return { made, files: (await rowsOfTar(tar)).size };
  };

  it('goes to a larger kernel, and to a small one where no larger is to be had', async () => {
    const large = (made: string[]) => counted(made, 'large');
    const busy = (made: string[]) => () => {
      made.push('busy');
      return Promise.reject(new HostError('kernel-busy'));
    };
    const { made, files } = await read(large, 1_000_000);
    expect(made).toEqual(['small']);
    expect(await read(large, 5)).toEqual({ made: ['small', 'large'], files });
    expect(await read(large, 5, await newKernel())).toEqual({ made: ['small'], files });
    expect(await read(busy, 5)).toEqual({ made: ['small', 'busy', 'small'], files });
  });
});

describe('what cannot be mounted', () => {
  it.each(['ext4-dirty', 'xfs-dirty'])(
    'a journal that writes too much: what leaves it alone is said, %s',
    async (name) => {
      const small = imageMounter([newKernel], { replayMib: 0 });
      await expect(small.mount(await fixtureDevice(name), {})).rejects.toMatchObject({
        kind: 'journal-too-large',
        message: expect.stringMatching(/noload.*norecovery.*--options.*options=/),
      });
    },
  );

  it('a journal that is larger than memory for it is replayed where blocks can be put elsewhere', async () => {
    const slots = new Map<number, Uint8Array>();
    const spill = {
      open: () => ({
        write: (slot: number, block: Uint8Array) => void slots.set(slot, block.slice()),
        read: (slot: number, into: Uint8Array) => into.set(slots.get(slot) ?? []),
        close: () => slots.clear(),
      }),
      limitMib: 8,
    };
    const device = await fixtureDevice('ext4-dirty');
    const { tar } = await archive(device, {}, {}, imageMounter([newKernel], { replayMib: 0, spill }));
    expect(same(tar, (await archive(device)).tar)).toBe(true);
    expect(slots.size).toBe(0);
  });

  it.each([
    ['zeros', new Uint8Array(2 ** 20), ': all of it is zeros'],
    ['random bytes', randomBytes(2 ** 20, seededRandom(7)), ''],
    ['less than a sector', Uint8Array.of(1, 2, 3), ''],
    ['nothing', new Uint8Array(0), ': it is empty'],
  ])('%s: no file system', async (_, image, told) => {
    await expect(mounter.mount(memoryDevice(image), {})).rejects.toMatchObject({
      kind: 'no-file-system',
      message: `no file system was found${told}`,
    });
    expect(await mounter.inspect(memoryDevice(image))).toMatchObject({ fileSystem: undefined, partitions: [] });
  });

  it('something else is called by its name', async () => {
    const swap = changed(memoryDevice(2048), { 1024: [1], 4086: [...new TextEncoder().encode('SWAPSPACE2')] });
    await expect(mounter.mount(swap, {})).rejects.toMatchObject({
      kind: 'no-file-system',
      message: 'no file system was found: it is swap space',
    });
  });

  it('a type the kernel does not have, or has for other things than disks', async () => {
    const device = await fixtureDevice('ext4');
    for (const type of ['zfs', 'proc', 'overlay']) {
      await expect(mounter.mount(device, { type })).rejects.toMatchObject({ kind: 'unknown-file-system' });
    }
  });

  it('the wrong type: the driver says why', async () => {
    await expect(mounter.mount(await fixtureDevice('ext4'), { type: 'xfs' })).rejects.toMatchObject({
      kind: 'mount-failed',
      members: {
        errno: 'EINVAL',
        file_system_type: 'xfs',
        console: expect.stringContaining('XFS (vda): Invalid superblock magic'),
      },
    });
  });

  it('an option the file system does not have: the driver says which', async () => {
    const device = await fixtureDevice('ext4');
    await expect(mounter.mount(device, { options: 'noatime,nonsense=1' })).rejects.toMatchObject({
      kind: 'mount-failed',
      message: expect.stringContaining("Unknown parameter 'nonsense'"),
      members: { errno: 'EINVAL' },
    });
  });

  it('a corrupt superblock: the errno and the log, and never "no file system"', async () => {
    const device = changed(await fixtureDevice('ext4'), { [EXT4_SUPERBLOCK + 4]: [0xff, 0xff, 0xff, 0x7f] });
    await expect(mounter.mount(device, {})).rejects.toMatchObject({
      kind: 'mount-failed',
      members: {
        errno: 'EBADMSG',
        file_system_type: 'ext4',
        console: expect.stringContaining('invalid superblock checksum'),
      },
    });
  });

  it('a truncated image', async () => {
    const device = truncated(await fixtureDevice('ext4'), 8192);
    await expect(mounter.mount(device, {})).rejects.toMatchObject({
      kind: 'image-cut',
      message: expect.stringMatching(/^the image has 4,194,304 bytes, its file system \(ext4\) 16,777,216: /),
      members: { there_bytes: 4_194_304, claimed_bytes: 16_777_216 },
    });
    const partition = truncated(await fixtureDevice('disk-gpt-several'), 4096 + 512);
    await expect(mounter.mount(partition, { partition: 2 })).rejects.toMatchObject({
      kind: 'image-cut',
      message: expect.stringContaining('of partition 2 the image has 262,144 bytes, its file system (ext4) 1,048,576'),
    });
  });
});

it.each([
  ['btrfs', 'btrfs', 65_536, { 64: new Array(8).fill(0) }, '67,108,864'],
  ['btrfs', 'btrfs', 65_536, { 200: [1] }, '67,108,864'],
  ['ext4-1tib', 'ext4', 1024, { 56: [0, 0] }, '34,359,738,368'],
  ['ext4-1tib', 'ext4', 1024, { 200: [0xff, 0xff] }, '34,359,738,368'],
])(
  '%s, an image of %s whose superblock is damaged or gone (%d, %j) is read by a copy where that will do, and says so',
  async (name, type, at, damage, copy) => {
    const bytes = Object.fromEntries(Object.entries(damage).map(([within, value]) => [at + Number(within), value]));
    const image = changed(await fixtureDevice(name), bytes);
    const told = `the whole image, ${type}: its superblock is damaged or gone, a copy at byte ${copy} is whole`;
    await expect(mounter.mount(image, {})).rejects.toMatchObject({
      kind: 'mount-failed',
      message: expect.stringContaining(`${told}: on-error=continue `),
    });
    const report = await mounter.inspect(image);
    expect(JSON.stringify(report)).toContain(told);
    const { tar } = await archive(image, { evenIfCut: true }, { onError: 'continue' });
    const rows = await rowsOfTar(tar);
    const whole = await rowsOfTar((await archive(await fixtureDevice(name))).tar);
    rows.delete('.fs2tar-errors');
    expect([...rows.keys()].sort()).toEqual([...whole.keys()].sort());
    const mounted = await mounter.mount(image, { evenIfCut: true });
    expect(mounted.missing).toEqual([expect.stringContaining(`${told}, and was taken for it`)]);
    await mounted.close();
  },
);

it('an ext4 whose journal is lost is mounted without it where half will do, and says so', async () => {
  const whole = await fixtureDevice('ext4');
  const bytes = new Uint8Array(whole.sectors * SECTOR);
  await whole.read(0, bytes);
  const view = new DataView(bytes.buffer);
  const blockBytes = 1024 << view.getUint32(1024 + 24, true);
  const descriptors = blockBytes === 1024 ? 2048 : blockBytes;
  const inodes = view.getUint32(descriptors + 8, true) * blockBytes;
  const inodeBytes = view.getUint16(1024 + 88, true);
  bytes.fill(0, inodes + 7 * inodeBytes, inodes + 8 * inodeBytes);
  const device = rawDevice(memorySource(bytes));
  await expect(mounter.mount(device, {})).rejects.toMatchObject({
    kind: 'mount-failed',
    message: expect.stringMatching(/^the whole image, ext4, cannot be mounted: /),
  });
  const mounted = await mounter.mount(device, { evenIfCut: true });
  expect(mounted.rescued).toMatch(/^the whole image cannot be mounted as it is, and was with noload/);
  expect(mounted.missing).toEqual([mounted.rescued]);
  expect(mounted.cut).toBeUndefined();
  await mounted.close();
});

describe('a device that fails', () => {
  const gone = new ImageChangedError('ext4');

  it('while it is mounted is the cause that is named', async () => {
    await expect(mounter.mount(failingFrom(await fixtureDevice('ext4'), 0, gone), {})).rejects.toBe(gone);
    await expect(mounter.mount(failingFrom(await fixtureDevice('ext4'), 4, gone), {})).rejects.toBe(gone);
  });

  it('while it is read ends the tar, whatever it is asked to do on errors of the image', async () => {
    for (const onError of ['stop', 'continue'] as const) {
      const device = await fixtureDevice('ext4');
      let failing = false;
      const moody: BlockDevice = {
        sectors: device.sectors,
        async read(sector, into) {
          if (failing) throw gone;
          await device.read(sector, into);
        },
      };
      const progress = () => {
        failing = true;
      };
      await expect(archive(moody, {}, { onError, progress })).rejects.toBe(gone);
    }
  });
});

describe('a kernel', () => {
  it('does not panic because a superblock says that errors are a reason to', async () => {
    // s_errors: EXT4_ERRORS_PANIC. The checksum of the superblock no longer holds: metadata_csum goes too.
    const device = changed(await fixtureDevice('ext2'), { [EXT4_SUPERBLOCK + 60]: [3, 0] });
    const { type } = await archive(device);
    expect(type).toBe('ext2');
  });

  it('that panics is the end of its job, with its log, and of no other', async () => {
    const damaged = await fixtureDevice('ext4-damaged');
    await expect(archive(damaged, { options: 'errors=panic' }, { onError: 'continue' })).rejects.toMatchObject({
      name: 'KernelDead',
      end: 'panic',
      console: expect.stringContaining('EXT4-fs'),
    });
    expect((await archive(damaged, {}, { onError: 'continue' })).report.errorCount).toBeGreaterThan(0);
  });

  it('is gone when its image is closed', async () => {
    const mounted = await mounter.mount(await fixtureDevice('ext4'), {});
    await mounted.close();
    await expect(mounted.task.syscall('getpid')).rejects.toMatchObject({ name: 'KernelDead', end: 'halt' });
    await mounted.close();
  });

  it('is one of two that work at once', async () => {
    const names = ['ext4', 'xfs', 'btrfs'] as const;
    const one = async (name: string) => (await archive(await fixtureDevice(name))).tar;
    const together = await Promise.all(names.map(one));
    for (const [i, name] of names.entries()) expect(same(await one(name), together[i] ?? new Uint8Array())).toBe(true);
  });
});
