/** Images as people have them (scripts/fixtures/cases.sh): the right tree, or a message that tells what it is and what to do. */

import { describe, expect, it } from 'vitest';
import { concat } from '../../../src/bytes/concat.ts';
import type { MountRequest } from '../../../src/image/mounted-image.ts';
import { type BlockDevice, SECTOR } from '../../../src/storage/block-device.ts';
import { DamagedInsideError, FormatError } from '../../../src/storage/errors.ts';
import { slice } from '../../../src/storage/layers/slice.ts';
import { memoryDevice } from '../../../src/storage/memory.ts';
import { caseDevice, fixtureDevice } from '../../fixtures/load.ts';
import { archive } from '../archive.ts';
import { mounter } from '../kernel.ts';
import { rowsOfTar } from '../tar-listing.ts';

const TREE = ['bin/tool', 'bin/tool2', 'etc/hostname', 'sub/empty', 'sub/link'];

async function namesOf(device: BlockDevice, request: MountRequest = {}): Promise<string[]> {
  return [...(await rowsOfTar((await archive(device, request)).tar)).keys()];
}

async function bytesOf(device: BlockDevice): Promise<Uint8Array> {
  const bytes = new Uint8Array(device.sectors * SECTOR);
  await device.read(0, bytes);
  return bytes;
}

const refusal = (device: BlockDevice, request: MountRequest = {}) => expect(mounter.mount(device, request)).rejects;

describe('a disk with an older signature than its partition table', () => {
  it.each(['stale_ext', 'stale_iso'])('is mounted at its partition: %s', async (name) => {
    const names = await namesOf(await caseDevice(name));
    expect(names).toEqual(expect.arrayContaining(TREE));
    expect(names).not.toContain('old.txt');
  });

  it('is mounted whole when that is asked for, or only that is of the type asked for', async () => {
    expect(await namesOf(await caseDevice('stale_ext'), { partition: 'whole' })).toContain('old.txt');
    expect(await namesOf(await caseDevice('stale_iso'), { type: 'iso9660' })).toContain('OLD.TXT');
  });

  it('that may as well be a disc with an image for firmware in it is not decided', async () => {
    const device = await caseDevice('stale_esp');
    await refusal(device).toMatchObject({
      kind: 'several-file-systems',
      message: expect.stringMatching(
        /^the whole image \(iso9660, "OLDISO", .*\); partition 1 \(vfat, "ESP", 2 MiB\): .*"whole"/,
      ),
    });
    expect(await namesOf(device, { partition: 1 })).toContain('BOOT.TXT');
    expect(await namesOf(device, { partition: 'whole' })).toContain('old.bin');
  });
});

describe('a disc', () => {
  it('with partitions for itself and for firmware is mounted whole', async () => {
    const device = await caseDevice('iso_hybrid_esp');
    expect(await namesOf(device)).toEqual(expect.arrayContaining(TREE));
    expect(await namesOf(device, { partition: 2 })).toContain('BOOT.TXT');
  });

  it('whose only partition is an image that firmware starts is mounted whole', async () => {
    const device = await caseDevice('iso_eltorito');
    expect(await namesOf(device)).toEqual(expect.arrayContaining([...TREE, 'efi.img']));
    expect(await namesOf(device, { partition: 1 })).toContain('BOOT.TXT');
  });

  it('that was written to again shows what was written last, or what its options say', async () => {
    const device = await caseDevice('iso_sessions');
    expect(await namesOf(device)).toEqual(['.', 'one', 'two']);
    expect(await namesOf(device, { options: 'sbsector=0' })).toEqual(['.', 'one']);
    expect((await mounter.inspect(device)).fileSystem?.label).toBe('SECOND');
    const cut = slice(device, 0, device.sectors * SECTOR - 300 * 1024);
    await refusal(cut).toMatchObject({ kind: 'image-cut' });
  });

  it('behind another one is no session of it', async () => {
    const bytes = await bytesOf(await fixtureDevice('iso9660-rock-ridge'));
    const twice = memoryDevice(concat([bytes, bytes]));
    expect(await namesOf(twice)).toEqual(await namesOf(memoryDevice(bytes)));
    expect((await mounter.inspect(twice)).claimedBytes).toBeUndefined();
  });

  it('with two faces shows the one that has modes and links; the other by its type', async () => {
    const device = await caseDevice('iso_udf_bridge');
    const { type, tar } = await archive(device);
    expect(type).toBe('iso9660');
    expect((await rowsOfTar(tar)).get('sub/link')).toMatchObject({ type: 'link' });
    expect((await archive(device, { type: 'udf' })).type).toBe('udf');
  });
});

describe('a partition table', () => {
  it.each([
    ['gpt4k', 'of a disk with sectors of 4096 bytes'],
    ['gpt_trunc_backup', 'whose backup is cut off'],
    ['gpt_no_pmbr', 'without a protective MBR'],
    ['gpt_only_backup', 'of which only the backup is left'],
    ['gpt_bad_entries', 'whose entries are damaged, with a backup that is not'],
    ['gpt2k', 'of a disk with sectors of 2048 bytes'],
    ['dos2k', 'in units of 2048 bytes'],
  ])('%s, %s', async (name) => {
    const device = await caseDevice(name);
    expect(await namesOf(device)).toEqual(expect.arrayContaining(TREE));
    expect(await mounter.inspect(device)).toMatchObject({
      partitionTable: name === 'dos2k' ? 'dos' : 'gpt',
      partitions: [{ number: 1, startBytes: 2 ** 20, sizeBytes: 8 * 2 ** 20, fileSystem: { type: 'ext4' } }],
    });
  });
});

describe('a chain of logical partitions that leads back to itself', () => {
  it('has each of them once', async () => {
    const device = await caseDevice('ebr_circle');
    await refusal(device).toMatchObject({
      kind: 'several-file-systems',
      message:
        'partition 5 (ext4, "FIVE", 2 MiB); partition 6 (ext4, "SIX", 2 MiB): choose one by number, label or UUID, or "root"',
    });
    expect(await namesOf(device, { partition: 6 })).toEqual(expect.arrayContaining(TREE));
    await refusal(device, { partition: 'home' }).toMatchObject({
      message: expect.not.stringContaining('partition 7'),
    });
  });

  it('and to the partitions of the disk has none of its own', async () => {
    expect(await namesOf(await caseDevice('ebr_self'))).toEqual(expect.arrayContaining(TREE));
  });
});

describe('a partition table that is lost', () => {
  it('is told of, and what it led to', async () => {
    await refusal(await caseDevice('gpt_lost')).toMatchObject({
      kind: 'no-file-system',
      message: expect.stringMatching(
        /^no file system was found: it has a protective MBR, and no header of a GPT, .*; at byte 1048576 there is ext4: offset/,
      ),
    });
    expect((await mounter.inspect(await caseDevice('gpt_lost'))).partitionTable).toBe('PMBR');
  });

  it('but for headers whose checksums are wrong is told of as that', async () => {
    const bytes = await bytesOf(await caseDevice('gpt_lost'));
    bytes.set(new TextEncoder().encode('EFI PART'), 512);
    bytes[512 + 24] = 1;
    await refusal(memoryDevice(bytes)).toMatchObject({
      message: expect.stringContaining("its GPT's header has a wrong checksum, and there is no backup"),
    });
  });
});

describe('a partition', () => {
  it.each([
    ['rpi', 'root', 2],
    ['rpi', 'rootfs', 2],
    ['rpi', 'LABEL=bootfs', 1],
    ['rpi', '1', 1],
    ['ubuntu_cloud', 'root', 1],
    ['ubuntu_cloud', 'LABEL=BOOT', 16],
  ])('%s is chosen as %s', async (name, partition, number) => {
    const mounted = await mounter.mount(await caseDevice(name), { partition });
    expect(mounted.partition).toBe(number);
    await mounted.close();
  });

  it('is chosen by its UUID, that of the table or that of its file system, in either case', async () => {
    const device = await caseDevice('ubuntu_cloud');
    const { partitions } = await mounter.inspect(device);
    const boot = partitions.find(({ number }) => number === 16);
    expect(boot).toMatchObject({
      typeCode: 'bc13c2ff-59e6-4262-a352-b275fd6f7172',
      typeName: 'Linux extended boot',
    });
    for (const partition of [boot?.uuid?.toUpperCase(), `UUID=${boot?.fileSystem?.uuid}`]) {
      const mounted = await mounter.mount(device, { partition });
      expect(mounted.partition).toBe(16);
      await mounted.close();
    }
  });

  it('that several could be, or none is, is told from the others', async () => {
    await refusal(await caseDevice('rpi')).toMatchObject({
      kind: 'several-file-systems',
      message:
        'partition 1 (vfat, "bootfs", 2 MiB); partition 2 (ext4, "rootfs", 9 MiB): choose one by number, label or UUID, or "root"',
    });
    await refusal(await caseDevice('rpi'), { partition: 'home' }).toMatchObject({
      kind: 'no-such-partition',
      message: expect.stringMatching(/^there is no partition home: there is partition 1 \(vfat, "bootfs", 2 MiB\); /),
    });
  });
});

describe('an image that ends early', () => {
  it('is refused with both sizes', async () => {
    await refusal(await caseDevice('mbr_trunc')).toMatchObject({
      kind: 'image-cut',
      message: expect.stringMatching(
        /^of partition 1 the image has 5,242,880 bytes, its file system \(ext4\) 8,388,608: /,
      ),
      members: { there_bytes: 5_242_880, claimed_bytes: 8_388_608 },
    });
  });

  it('gives all that is there when it may lack something, and says what it lacks', async () => {
    const { tar, report } = await archive(await caseDevice('mbr_trunc'), {}, { onError: 'continue' });
    expect([...(await rowsOfTar(tar)).keys()]).toEqual(expect.arrayContaining(TREE));
    expect(report.errors[0]).toMatchObject({ errno: 'EUCLEAN', path: expect.stringContaining('5,242,880 bytes') });
  });

  it('keeps those of its partitions that are whole', async () => {
    const device = await caseDevice('mbr_one_trunc');
    expect(await namesOf(device, { partition: 1 })).toEqual(expect.arrayContaining(TREE));
    for (const partition of [2, 3]) await refusal(device, { partition }).toMatchObject({ kind: 'image-cut' });
    expect(await mounter.inspect(device)).toMatchObject({ sizeBytes: 7 * 2 ** 20, claimedBytes: 13 * 2 ** 20 });
  });

  it('is not taken for a disk of one partition when others are behind its end', async () => {
    const cut = slice(await fixtureDevice('disk-gpt-several'), 0, 2 ** 21 + 100);
    await refusal(cut).toMatchObject({
      kind: 'image-cut',
      message: expect.stringMatching(
        /^the image ends before partitions .* of its table do; there is partition 1 \(vfat/,
      ),
    });
    expect((await mounter.mount(cut, { partition: 1 })).partition).toBe(1);
  });

  it.each(['iso9660', 'vfat12', 'squashfs-gzip', 'romfs', 'cramfs', 'erofs', 'udf', 'ntfs', 'exfat', 'hfsplus'])(
    'is no tree with zeros for what is not there: %s',
    async (name) => {
      const whole = await fixtureDevice(name);
      const cut = slice(whole, 0, Math.floor(whole.sectors * 0.6) * SECTOR + 77);
      await refusal(cut).toMatchObject({ kind: 'image-cut' });
    },
  );
});

describe('what no driver takes', () => {
  it.each([
    ['ubi', 'it is an image for raw flash (UBI)'],
    ['ubifs', 'it is a file system for raw flash (UBIFS)'],
    ['jffs2', 'it is a file system for raw flash (JFFS2)'],
    ['sqfs_be', 'squashfs of the other byte order'],
    ['sqfs_offset', 'it is a program; at byte 18963 there is squashfs: offset 18963 (--offset) reads it'],
  ])('is called by its name: %s', async (name, words) => {
    await refusal(await caseDevice(name)).toMatchObject({
      kind: 'no-file-system',
      message: expect.stringContaining(words),
    });
  });
});

describe('what is no image', () => {
  it.each([
    ['<!DOCTYPE html>\n<title>404</title>', 'it is a web page (HTML)'],
    ['{"error": "not found"}', 'it is JSON'],
    ['<?xml version="1.0"?>\n<ovf:Envelope xmlns="x">', 'it describes a virtual machine'],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'it is a pointer of Git LFS'],
    ['d41d8cd98f00b204e9800998ecf8427e  disk.img\n', 'it is a list of checksums'],
    ['not an image', 'it is text'],
    ['\x7fELF\u0002\u0001\u0001\0', 'it is a program for Linux or its like (ELF)'],
    ['bvx2\0\u0001\0\0', 'it begins as an Apple disk image (DMG) whose end is missing'],
    ['x^\0\u0001', 'it begins as an Apple disk image (DMG) whose end is missing'],
  ])('is told of: %j', async (words, told) => {
    await refusal(memoryDevice(new TextEncoder().encode(words.padEnd(512, ' ')))).toMatchObject({
      kind: 'no-file-system',
      message: expect.stringContaining(`no file system was found: ${told}`),
    });
  });

  it.each([
    [0, 'zeros'],
    [0xff, 'ones (0xFF), as erased flash has them'],
  ])('but the byte %j is told of as that', async (byte, words) => {
    await refusal(memoryDevice(new Uint8Array(2 ** 20).fill(byte))).toMatchObject({
      message: `no file system was found: all of it is ${words}`,
    });
  });

  it('but what a format around it has lost is no zeros', async () => {
    const lost = new DamagedInsideError(new FormatError('qcow2', 'its table is damaged'));
    const device = memoryDevice(new Uint8Array(2 ** 20));
    const read = (sector: number, into: Uint8Array) => {
      if (sector < 128) throw lost;
      return device.read(sector, into);
    };
    await refusal({ ...device, read }).toMatchObject({
      message: 'no file system was found: what lies where one begins cannot be read (qcow2: its table is damaged)',
    });
  });

  it('but begins with something unknown is searched: for a file system, for a disk, for what is compressed', async () => {
    const behind = (at: number, bytes: Uint8Array) => {
      const all = new Uint8Array(Math.ceil((at + bytes.length) / SECTOR) * SECTOR).fill(0x81, 0, at);
      all.set(bytes, at);
      return memoryDevice(all);
    };
    const partition = (await bytesOf(await caseDevice('rpi'))).slice(6144 * SECTOR, (6144 + 16_384) * SECTOR);
    for (const at of [300_001, 3 * 2 ** 20 - 1024]) {
      await refusal(behind(at, partition)).toMatchObject({
        message: `no file system was found: what it begins with is not known; at byte ${at} there is ext4: offset ${at} (--offset) reads it`,
      });
    }
    await refusal(behind(4096, await bytesOf(await caseDevice('ubuntu_cloud')))).toMatchObject({
      message: expect.stringContaining('at byte 4096 there is a disk with partitions (gpt)'),
    });
    await refusal(behind(777, Uint8Array.from([0x1f, 0x8b, 8, ...new Array(60).fill(0)]))).toMatchObject({
      message: expect.stringContaining('at byte 777 there is gzip data: what is from there on (tail -c +778) is read'),
    });
  });
});

it('a file made of beginnings of discs and file systems is no image, and is known to be none soon', async () => {
  const begin = new Uint8Array(2048);
  begin.set([1, ...new TextEncoder().encode('CD001'), 1]);
  begin.set([0, 8], 128); // blocks of 2048 bytes, and none of them
  const blocks = concat([new Uint8Array(1024).fill(0x81), ...Array.from({ length: 2000 }, () => begin)]);
  await refusal(memoryDevice(blocks)).toMatchObject({ kind: 'no-file-system' });
  const superblocks = new Uint8Array(2 ** 20).map((_, at) => 'XFSB'.charCodeAt(at % 4)).fill(0x81, 0, 512);
  await refusal(memoryDevice(superblocks)).toMatchObject({ kind: 'no-file-system' });
});

describe('what is behind something, or not filled up', () => {
  it('is mounted from an offset on, whatever its size', async () => {
    const device = await caseDevice('sqfs_offset');
    expect(await namesOf(device, { offsetBytes: 18_963 })).toEqual(expect.arrayContaining(TREE));
    await expect(mounter.mount(device, { offsetBytes: 2 ** 30 })).rejects.toMatchObject({ kind: 'invalid-request' });
  });

  it('is filled up to a block of its driver', async () => {
    expect(await namesOf(await caseDevice('sqfs_nopad'))).toEqual(['.', 'a', 'b']);
  });
});

it('a file of which lseek finds no end is read, as cat reads it', async () => {
  const { tar } = await archive(await caseDevice('ext4_inline_zeros'));
  const at = Buffer.from(tar).indexOf('./zeros');
  expect(Number.parseInt(Buffer.from(tar).toString('latin1', at + 124, at + 135), 8)).toBe(9000);
});

it('an erofs whose data are in a file of their own is mounted with that, and says so where it is not named', async () => {
  const image = await caseDevice('erofs_blobs');
  const told =
    'the whole image is an erofs whose data lie in another file (blobs): name them behind it, in their order';
  await refusal(image).toMatchObject({ kind: 'stack-incomplete', message: told });
  expect((await mounter.inspect(image)).closed).toMatchObject([{ error: 'stack-incomplete', message: told }]);
  const { tar } = await archive(image, { also: [await caseDevice('erofs_blob')] });
  expect(Buffer.from(tar).includes('x'.repeat(5000))).toBe(true);
});

it('an XFS whose journal is on another device is mounted with that, as it says', async () => {
  const image = await caseDevice('xfs_extlog');
  await refusal(image).toMatchObject({ message: expect.stringContaining('the mount option logdev=/dev/vdb') });
  const log = memoryDevice(new Uint8Array(64 * 2 ** 20));
  const mounted = await mounter.mount(image, { also: [log], options: 'logdev=/dev/vdb' });
  expect(mounted.type).toBe('xfs');
  await mounted.close();
});

it('a btrfs that grew from a seed is mounted with it, whichever is named first; the seed alone is what it was', async () => {
  const [seed, sprout] = [await caseDevice('btrfs_seed'), await caseDevice('btrfs_sprout')];
  for (const [first, other] of [
    [sprout, seed],
    [seed, sprout],
  ] as const)
    expect(await namesOf(first, { also: [other] })).toEqual(expect.arrayContaining([...TREE, 'grown']));
  expect(await namesOf(seed)).not.toContain('grown');
  await refusal(sprout).toMatchObject({ kind: 'stack-incomplete' });
});

describe('an NTFS', () => {
  it('leaves out and counts reparse points that Linux shows as empty files', async () => {
    const { tar, report } = await archive(await caseDevice('ntfs_reparse'), {}, { onError: 'continue' });
    expect(report.reparsePointsSkipped).toBe(1);
    expect([...(await rowsOfTar(tar)).keys()]).toEqual(['.', 'plain', '.fs2tar-errors']);
  });

  it('does not give zeros for files whose data is elsewhere', async () => {
    await expect(archive(await caseDevice('ntfs_reparse'))).rejects.toMatchObject({
      errno: 'ENODATA',
      path: './cloud',
    });
  });
});

describe('what this kernel refuses', () => {
  it.each([
    ['ext4_64k', 'its blocks have 65,536 bytes', 'bad block size 65536'],
    ['btrfs_64k', 'its blocks have 65,536 bytes', 'sectorsize 65536 not yet supported'],
    ['xfs_extlog', 'its journal is on another device', 'filesystem is marked as having an external log'],
  ])("is refused with the reason, in words and in Linux's: %s", async (name, words, reason) => {
    const device = await caseDevice(name);
    const message = expect.stringMatching(new RegExp(`^the whole image, .*: ${words}.*; Linux says: .*${reason}`));
    await refusal(device).toMatchObject({ kind: 'mount-failed', message });
    expect((await mounter.inspect(device)).closed).toEqual([
      { on: ['the whole image'], error: 'mount-failed', message },
    ]);
  });
});
