/** Disks with LUKS, LVM2, MD and btrfs on them, opened by the real kernel: what Linux showed of each volume when they were made. */

import { describe, expect, it } from 'vitest';
import { seededWords } from '../../../src/bytes/seeded-words.ts';
import { problemOf } from '../../../src/errors/problem.ts';
import type { MountRequest } from '../../../src/image/mounted-image.ts';
import { DeviceReader } from '../../../src/image/stack/kernel-device.ts';
import type { Locked } from '../../../src/image/stack/keyring.ts';
import type { BlockDevice } from '../../../src/storage/block-device.ts';
import { extended } from '../../../src/storage/layers/extended.ts';
import { slice } from '../../../src/storage/layers/slice.ts';
import { changed } from '../../fakes/block-devices.ts';
import { stackDevice, stackListing } from '../../fixtures/load.ts';
import bitLocker from '../../fixtures/stacks/bitlocker.json' with { type: 'json' };
import { archive } from '../archive.ts';
import { mounter } from '../kernel.ts';
import { rowsOfListing, rowsOfTar } from '../tar-listing.ts';

const PASSPHRASE = new TextEncoder().encode('correct horse');
const KEY = Uint8Array.from({ length: 512 }, (_, i) => i);
const unlock = { secrets: [PASSPHRASE] };

interface Case {
  /** The images, the first one first. */
  readonly images: readonly string[];
  readonly listing: string;
  /** In the listing. */
  readonly volume?: string;
  readonly request?: MountRequest;
}

const several = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i}`);

const cases: readonly Case[] = [
  { images: ['luks2'], listing: 'luks2', request: { unlock } },
  { images: ['luks2-slots'], listing: 'luks2-slots', request: { unlock: { secrets: [KEY] } } },
  { images: ['luks1'], listing: 'luks1', request: { unlock } },
  { images: ['luks1-serpent'], listing: 'luks1-serpent', request: { unlock } },
  { images: ['luks2-integrity'], listing: 'luks2-integrity', request: { unlock } },
  { images: ['lvm'], listing: 'lvm', volume: 'vg/root', request: { partition: 'vg/root' } },
  { images: ['lvm'], listing: 'lvm', volume: 'vg/ho-me', request: { partition: '/dev/vg/ho-me' } },
  { images: ['lvm'], listing: 'lvm', volume: 'vg/ho-me', request: { partition: '/dev/mapper/vg-ho--me' } },
  ...['striped', 'linear', 'raid1', 'mirror'].map((name) => ({
    images: several('lvm-two', 2),
    listing: 'lvm-two',
    volume: `vg/${name}`,
    request: { partition: `vg/${name}` },
  })),
  ...['thin', 'thinsnap', 'origin', 'snap'].map((name) => ({
    images: ['lvm-thin'],
    listing: 'lvm-thin',
    volume: `vg/${name}`,
    request: { partition: `vg/${name}` },
  })),
  ...['through', 'back', 'vol', 'write'].map((name) => ({
    images: ['lvm-cache'],
    listing: 'lvm-cache',
    volume: `vg/${name}`,
    request: { partition: `vg/${name}` },
  })),
  ...['raid5', 'raid6', 'raid10', 'raid4'].map((name) => ({
    images: several('lvm-raid', 5),
    listing: 'lvm-raid',
    volume: `vg/${name}`,
    request: { partition: `vg/${name}` },
  })),
  { images: ['gpt-luks-lvm'], listing: 'gpt-luks-lvm', volume: '1', request: { partition: 1 } },
  { images: ['gpt-luks-lvm'], listing: 'gpt-luks-lvm', volume: 'vg/root', request: { partition: 'vg/root', unlock } },
  {
    images: ['gpt-luks-lvm'],
    listing: 'gpt-luks-lvm',
    volume: 'vg/home',
    request: { partition: 'LABEL=home', unlock },
  },
  ...['part1', 'part5'].map((name) => ({
    images: ['lvm-luks-gpt'],
    listing: 'lvm-luks-gpt',
    volume: name,
    request: { partition: name, unlock },
  })),
  { images: several('md-raid1', 2), listing: 'md-raid1' },
  { images: ['md-raid1-1'], listing: 'md-raid1' },
  { images: several('md-raid5', 3), listing: 'md-raid5' },
  { images: ['md-raid5-2', 'md-raid5-0'], listing: 'md-raid5' },
  { images: several('md-raid0', 2), listing: 'md-raid0' },
  { images: several('md-raid10', 3), listing: 'md-raid10' },
  { images: several('md-raid6', 4), listing: 'md-raid6' },
  { images: ['md-raid6-3', 'md-raid6-1'], listing: 'md-raid6' },
  { images: several('md-old', 2), listing: 'md-old' },
  { images: several('md-dirty', 3), listing: 'md-dirty', volume: 'vg/root' },
  { images: ['md-stale-1', 'md-stale-0'], listing: 'md-stale' },
  { images: several('md-luks-lvm', 2), listing: 'md-luks-lvm', volume: 'vg/root', request: { unlock } },
  { images: several('btrfs-two', 2), listing: 'btrfs-two', volume: 'btrfs-two' },
  { images: several('btrfs-raid5', 3), listing: 'btrfs-raid5' },
  ...['@home', '@home-before', 'deep/inner'].map((subvol) => ({
    images: several('btrfs-two', 2),
    listing: 'btrfs-two',
    volume: subvol,
    request: { options: `subvol=${subvol}` },
  })),
];

async function opened(images: readonly string[]) {
  const [first, ...also] = await Promise.all(images.map(stackDevice));
  if (first === undefined) throw new Error('no image');
  return { device: first, also };
}

describe('a volume in a stack has the tree that Linux shows', () => {
  it.each(cases)('$images $volume $request.partition', async ({ images, listing, volume = listing, request }) => {
    const { device, also } = await opened(images);
    const { tar } = await archive(device, { also, ...request });
    const rows = await rowsOfTar(tar);
    const expected = rowsOfListing(await stackListing(listing, volume));
    expect([...rows.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [path, row] of expected) expect({ path, ...rows.get(path) }).toEqual({ path, ...row });
  });

  it('with a header that is a file of its own', async () => {
    const header = await stackDevice('luks2-header-header');
    const { tar } = await archive(await stackDevice('luks2-header'), { header, unlock });
    expect(new Set((await rowsOfTar(tar)).keys())).toEqual(
      new Set(rowsOfListing(await stackListing('luks2-header', 'luks2-header')).keys()),
    );
  });
});

it('keys that lie behind the end of an image are no wrong passphrase', async () => {
  const whole = await stackDevice('luks1');
  const device = extended(slice(whole, 0, 4096), whole.sectors);
  await expect(mounter.mount(device, { unlock })).rejects.toMatchObject({
    kind: 'bad-stack',
    message: expect.stringContaining('keyslot 0: its area cannot be read: the image is damaged, or was cut short'),
  });
});

describe('BitLocker', () => {
  it.each([
    ['a passphrase', 'anaconda'],
    ['a recovery password', '243067-548680-059818-148852-287771-550088-628265-631653'],
  ])(
    'is opened by %s: the bytes that cryptsetup shows',
    async (_, secret) => {
      const mounted = await mounter.mount(await stackDevice('bitlocker'), { unlock: { secrets: [text(secret)] } });
      expect(mounted).toMatchObject({ type: 'vfat', volume: '/dev/mapper/bitlk-dca1850a-0ef6-4ece-8acb-9f42ca63bdd1' });
      const reader = new DeviceReader(mounted.task);
      const bytes = await (await reader.bytesOf({ name: 'dm-0', major: 0, minor: 0, sectors: 2048 })).read(0, 2 ** 20);
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
      expect(Buffer.from(digest).toString('hex')).toBe(bitLocker[0]?.firstMibSha256);
      await mounted.close();
    },
    240_000,
  );
});

const text = (secret: string) => new TextEncoder().encode(secret);
/** Why these are not mounted. */
async function refused(images: readonly string[], request: MountRequest = {}): Promise<unknown> {
  const { device, also } = await opened(images);
  return mounter.mount(device, { also, ...request }).then(
    (mounted) => mounted.close(),
    (cause: unknown) => cause,
  );
}

describe('what cannot be opened', () => {
  it('an encrypted volume without a passphrase wants one; with a wrong one it says so, and not which', async () => {
    expect(await refused(['luks2'])).toMatchObject({
      kind: 'passphrase-needed',
      message: 'the whole image is encrypted (LUKS2): it needs a passphrase or a key file',
    });
    for (const [image, version] of [
      ['luks2', 2],
      ['luks1', 1],
    ] as const) {
      expect(await refused([image], { unlock: { secrets: [text('wrong horse')] } })).toMatchObject({
        kind: 'wrong-passphrase',
        message: `the whole image (LUKS${version}): no passphrase or key file that was given opens it`,
      });
    }
  });

  it('a keyslot that is to be ignored is not tried', async () => {
    expect(await refused(['luks2-slots'], { unlock })).toMatchObject({ kind: 'wrong-passphrase' });
  });

  it('who is asked is asked three times, and told which volume', async () => {
    const asked: unknown[] = [];
    const ask = (volume: Locked) => {
      asked.push(volume);
      return text('no');
    };
    expect(await refused(['luks1'], { unlock: { ask } })).toMatchObject({ kind: 'wrong-passphrase' });
    expect(asked).toMatchObject([1, 2, 3].map((attempt) => ({ title: 'the whole image', attempt })));
  });

  it('a closed volume beside a file system may be what is meant', async () => {
    expect(await refused(['gpt-luks-lvm'])).toMatchObject({
      kind: 'several-file-systems',
      message: expect.stringMatching(
        /^partition 1 \(erofs, "boot", 2 MiB\); partition 2 \(crypto_LUKS, "crypt", 2\d(\.\d+)? MiB\): choose one .*; partition 2 is encrypted \(LUKS2\)/,
      ),
    });
    expect(await refused(['gpt-luks-lvm'], { partition: 2 })).toMatchObject({ kind: 'passphrase-needed' });
    expect(await refused(['gpt-luks-lvm'], { partition: 'vg/root' })).toMatchObject({ kind: 'passphrase-needed' });
  });

  it('several volumes of one group are listed by their names', async () => {
    expect(await refused(['gpt-luks-lvm'], { partition: 2, unlock })).toMatchObject({
      kind: 'several-file-systems',
      message:
        '/dev/vg/root (ext4, "root", 4 MiB); /dev/vg/home (ext4, "home", 3 MiB): choose one by number, name, label or UUID, or "root"',
    });
    expect(await refused(['lvm'], { partition: 'vg/none' })).toMatchObject({ kind: 'no-such-partition' });
  });

  it.each([
    [['md-raid0-0'], {}, '/dev/md/md-raid0 (raid0) cannot be started with 1 of 2 members'],
    [['md-raid5-1'], {}, '/dev/md/md-raid5 (raid5) cannot be started with 1 of 3 members'],
    [['lvm-two-0'], { partition: 'vg/striped' }, '/dev/vg/striped needs more disks than are here: 1 of 2 are'],
    [['btrfs-two-1'], {}, 'the whole image is part of a btrfs over 2 devices, of which 1 is here'],
  ])('%j: too few disks', async (images, request, message) => {
    expect(await refused(images, request)).toMatchObject({
      kind: 'stack-incomplete',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['lvm', 16_384, { partition: 'vg/root' }, /^\/dev\/vg\/root: a disk of its group has 8,388,608 bytes, it ends at /],
    ['luks2', 4096, { unlock }, /^\/dev\/mapper\/luks-\S+ has 1,048,576 bytes, its file system \(ext4\) 5,242,880: /],
    [
      'gpt-luks-lvm',
      20_480,
      { unlock, partition: 'vg/home' },
      /^\/dev\/vg\/home lies on an image of which 10,485,760 of 25,165,824 bytes are there: /,
    ],
  ])('%s cut to %d sectors is refused, and read as far as it is there', async (name, sectors, request, message) => {
    const cut = { ...(await stackDevice(name)), sectors };
    await expect(mounter.mount(cut, request)).rejects.toMatchObject({
      kind: 'image-cut',
      message: expect.stringMatching(message),
    });
    const mounted = await mounter.mount(cut, { ...request, evenIfCut: true });
    expect(mounted).toMatchObject({ type: 'ext4', missing: [expect.stringMatching(/ bytes|bytes are there$/)] });
    await mounted.close();
  });

  /** The first of them cut to half. */
  async function halved(images: readonly string[]) {
    const { device, also } = await opened(images);
    return { device: { ...device, sectors: device.sectors / 2 }, also };
  }

  it.each([
    [
      ['md-raid1-0'],
      /^\/dev\/md\/md-raid1 \(raid1\): the whole image has 3,145,728 bytes, its superblock \(md\) tells of 6,291,456: /,
    ],
    [['md-raid5-2', 'md-raid5-0'], /^\/dev\/md\/md-raid5 \(raid5\): the whole image has 3,145,728 bytes, /],
    [['btrfs-two-0', 'btrfs-two-1'], /^the image has 67,108,864 bytes, its file system \(btrfs\) 134,217,728: /],
    [['btrfs-two-1', 'btrfs-two-0'], /^the image has 67,108,864 bytes, its file system \(btrfs\) 134,217,728: /],
  ])(
    '%j, the first of them cut to half: told with the numbers, and read as far as it is there',
    async (images, told) => {
      const { device, also } = await halved(images);
      await expect(mounter.mount(device, { also })).rejects.toMatchObject({
        kind: 'image-cut',
        message: expect.stringMatching(told),
      });
      const mounted = await mounter.mount(device, { also, evenIfCut: true });
      expect(mounted.missing).toEqual([expect.stringMatching(/ bytes, its (file system|superblock) /)]);
      await mounted.close();
    },
  );

  it.each([
    ['md-raid5', [1, 0, 2]],
    ['md-raid1', [0, 1]],
  ])('%s has all of its data without a member that was cut', async (name, numbers) => {
    const { device, also } = await halved(numbers.map((number) => `${name}-${number}`));
    const { tar } = await archive(device, { also });
    expect(await rowsOfTar(tar)).toEqual(rowsOfListing(await stackListing(name, name)));
  });

  it.each([
    ['raid5', [1, 2, 3, 4]],
    ['raid6', [4, 0, 2]],
    ['raid4', [0, 2, 3, 4]],
  ] as const)('%s of a group does with disks %j of five', async (name, numbers) => {
    const { device, also } = await opened(numbers.map((number) => `lvm-raid-${number}`));
    const { tar } = await archive(device, { also, partition: `vg/${name}` });
    const expected = rowsOfListing(await stackListing('lvm-raid', `vg/${name}`));
    expect(await rowsOfTar(tar)).toEqual(expected);
  });

  it('a btrfs with parity has all of its data without one disk of three', async () => {
    const expected = rowsOfListing(await stackListing('btrfs-raid5', 'btrfs-raid5'));
    for (const there of [
      [1, 2],
      [0, 2],
      [0, 1],
    ]) {
      const { device, also } = await opened(there.map((number) => `btrfs-raid5-${number}`));
      const { tar } = await archive(device, { also, evenIfCut: true });
      expect(await rowsOfTar(tar)).toEqual(expected);
    }
  });

  it.each([0, 1, 2])('of one with disk %d alone a file is as it was, or it is told', async (number) => {
    const expected = rowsOfListing(await stackListing('btrfs-raid5', 'btrfs-raid5'));
    const { report, tar } = await archive(await stackDevice(`btrfs-raid5-${number}`), {}, { onError: 'continue' });
    const rows = await rowsOfTar(tar);
    rows.delete('.fs2tar-errors');
    expect(rows.size + report.errors.length).toBe(expected.size);
    for (const [path, row] of rows) expect([path, row]).toEqual([path, expected.get(path)]);
  });

  it('mirrored volumes of a group do with one disk of two', async () => {
    for (const name of ['raid1', 'mirror']) {
      const { tar } = await archive(await stackDevice('lvm-two-1'), { partition: `vg/${name}` });
      expect((await rowsOfTar(tar)).size).toBe((await stackListing('lvm-two', `vg/${name}`)).length);
    }
  });
});

describe('what is on it', () => {
  it('the stack, from the disk up', async () => {
    const report = await mounter.inspect(await stackDevice('gpt-luks-lvm'), { unlock });
    expect(report.closed).toEqual([]);
    expect(report.partitions.map(({ content }) => content?.type)).toEqual(['erofs', 'crypto_LUKS']);
    expect(
      report.stacked.map(({ name, kind, on }) => [name.replace(/-[\da-f-]{36}$/, '-UUID'), kind, on.length]),
    ).toEqual([
      ['/dev/mapper/luks-UUID', 'crypt', 1],
      ['/dev/vg/root', 'lvm', 1],
      ['/dev/vg/home', 'lvm', 1],
      ['/dev/vg/swap', 'lvm', 1],
    ]);
    expect(report.stacked[0]?.on).toEqual(['partition 2']);
    expect(report.stacked.map(({ content }) => content?.type)).toEqual(['LVM2_member', 'ext4', 'ext4', 'swap']);
    expect(report.stacked.map(({ fileSystem }) => fileSystem?.label)).toEqual([undefined, 'root', 'home', undefined]);
  });

  it('what stays closed, and why', async () => {
    expect(await mounter.inspect(await stackDevice('gpt-luks-lvm'))).toMatchObject({
      stacked: [],
      closed: [{ on: ['partition 2'], error: 'passphrase-needed' }],
      partitions: [{ fileSystem: { type: 'erofs' } }, { content: { type: 'crypto_LUKS' }, fileSystem: undefined }],
    });
  });

  it('partitions in an encrypted volume in a logical one', async () => {
    const report = await mounter.inspect(await stackDevice('lvm-luks-gpt'), { unlock });
    expect(report.stacked.map(({ kind, fileSystem }) => [kind, fileSystem?.type])).toEqual([
      ['lvm', undefined],
      ['crypt', undefined],
      ...Array.from({ length: 5 }, () => ['part', 'erofs']),
    ]);
  });
});

describe('metadata whose author means harm', () => {
  it('a key that costs too much is refused before it is derived', async () => {
    const huge = changed(await stackDevice('luks1'), { 212: [0xff, 0xff, 0xff, 0xff] });
    await expect(mounter.mount(huge, { unlock })).rejects.toMatchObject({
      kind: 'bad-stack',
      message: expect.stringMatching(
        /keyslot 0: its keys cost more than is spent on an image here: 4,294,967,295 iterations/,
      ),
    });
  });

  it.each(['luks1', 'lvm', 'lvm-thin', 'md-raid1-0', 'md-old-0', 'btrfs-two-0'])(
    '%s with bytes changed: an answer or an error that is no fault of ours',
    async (name) => {
      const device = await stackDevice(name);
      const random = seededWords(1, name);
      for (let round = 0; round < 12; round += 1) {
        const at = await someBytes(device, random);
        const broken = changed(device, { [at]: [random() & 0xff, random() & 0xff] });
        try {
          await (await mounter.mount(broken, { unlock: { secrets: [PASSPHRASE] }, partition: 'root' })).close();
        } catch (cause) {
          expect({ at, cause, isOurs: problemOf(cause).name === 'internal' }).toMatchObject({ isOurs: false });
        }
      }
    },
  );
});

/** A place in the first MiB where there is something. */
async function someBytes(device: BlockDevice, random: () => number): Promise<number> {
  const head = 2 ** 20;
  const bytes = new Uint8Array(head);
  await device.read(0, bytes);
  for (;;) {
    const at = random() % head;
    if (bytes[at] !== 0) return at;
  }
}
