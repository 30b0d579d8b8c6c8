/** Whole disks: made of definitions, partitioned, and given another size with what is on them. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { keptTools, sha256, testFolder } from '../tools-kit.ts';

const MIB = 1 << 20;
const at = testFolder();
const lkl = keptTools();
const rootfs = at('rootfs');

interface Partition {
  readonly number: number;
  readonly start_bytes: number;
  readonly size_bytes: number;
  readonly uuid?: string;
  readonly label?: string;
  readonly content?: { readonly type: string };
}
interface Info {
  readonly partition_table: string;
  readonly partition_table_id: string;
  readonly partitions: readonly Partition[];
}
const info = (image: string): Info => JSON.parse(lkl(['info', '--json', image]).stdout);
/** Debian's own program judges the table. */
const verify = (image: string): string => spawnSync('/usr/sbin/sfdisk', ['-V', image], { encoding: 'utf8' }).stdout;

beforeAll(() => {
  mkdirSync(`${rootfs}/efi/EFI/BOOT`, { recursive: true });
  mkdirSync(`${rootfs}/home/joe`, { recursive: true });
  mkdirSync(`${rootfs}/etc`);
  writeFileSync(`${rootfs}/efi/EFI/BOOT/BOOTX64.EFI`, Buffer.alloc(200_000, 'efi'));
  writeFileSync(`${rootfs}/etc/hostname`, 'made\n');
  writeFileSync(`${rootfs}/home/joe/x`, 'x\n');
});

describe('lkl mkimage', () => {
  const definitions = at('repart.d');
  const define = (name: string, ...lines: readonly string[]) =>
    writeFileSync(`${definitions}/${name}.conf`, ['[Partition]', ...lines, ''].join('\n'));
  // What systemd-repart 252 gives these types for this seed.
  const SEED = '0123abcd-0123-4567-89ab-0123456789ab';
  const DISK = '6da7bad5-e8e3-4ce4-880a-8743c1822b13';
  const UUIDS = [
    '39c783ed-b94f-4f28-ab92-98359f3f9d4f',
    'cc7ebb6a-50b6-43fe-8044-8dfc37637d3d',
    '4f822a22-0544-48ea-ae20-8c828462b0e3',
  ];

  beforeAll(() => {
    mkdirSync(definitions);
    define('10-esp', 'Type=esp', 'CopyFiles=/efi:/', 'SizeMinBytes=40M', 'SizeMaxBytes=40M');
    define(
      '20-root',
      'Type=root-x86-64',
      'Format=ext4',
      'CopyFiles=/',
      'ExcludeFiles=/efi /home/',
      'MakeDirectories=/proc',
      'Minimize=best',
    );
    define('30-home', 'Type=home', 'Format=btrfs', 'CopyFiles=/home:/');
  });

  it('makes the disk that systemd-repart would, the same bytes each time, and clean', () => {
    const [image, again] = [at('disk.img'), at('again.img')];
    for (const one of [image, again]) {
      const made = lkl(['mkimage', definitions, '--root', rootfs, '-o', one, '-s', '200M', '--seed', SEED], {
        env: { SOURCE_DATE_EPOCH: '1767225600' },
      });
      expect(made).toEqual({ status: 0, stdout: '', stderr: '' });
    }
    expect(sha256(image)).toBe(sha256(again));
    expect(verify(image)).toContain('No errors detected');
    const { partitions, ...table } = info(image);
    expect(table).toMatchObject({ partition_table: 'gpt', partition_table_id: DISK });
    expect(partitions.map(({ uuid }) => uuid)).toEqual(UUIDS);
    expect(partitions.map(({ content }) => content?.type)).toEqual(['vfat', 'ext4', 'btrfs']);
    expect(partitions[0]?.size_bytes).toBe(40 * MIB);
    expect(partitions[2]?.size_bytes).toBeGreaterThan(150 * MIB);
    for (const number of ['1', '2', '3']) expect(lkl(['fsck', image, '-p', number]).status).toBe(0);
    expect(lkl(['find', image, '-p', '2', '/']).stdout.split('\n')).toEqual(
      expect.arrayContaining(['/etc/hostname', '/home', '/proc']),
    );
    expect(lkl(['find', image, '-p', '2', '/']).stdout).not.toMatch(/efi|joe/);
    expect(lkl(['cat', image, '-p', '3', 'joe/x']).stdout).toBe('x\n');
    expect(lkl(['sha256', image, '-p', '1', 'EFI/BOOT/BOOTX64.EFI']).stdout.slice(0, 64)).toBe(
      sha256(`${rootfs}/efi/EFI/BOOT/BOOTX64.EFI`),
    );
  }, 240_000);

  it('makes a DOS table for a board, and says what it does not do; then there is no image', () => {
    const image = at('dos.img');
    expect(lkl(['mkimage', definitions, '--root', rootfs, '-o', image, '--table', 'dos']).status).toBe(0);
    expect(verify(image)).toContain('No errors detected');
    expect(info(image).partition_table).toBe('dos');
    expect(lkl(['mkimage', definitions, '--root', rootfs, '-o', image])).toMatchObject({ status: 1 });
    for (const words of [
      ['-s', '10M'],
      ['--root', at('nowhere')],
      ['--key-file', at('nowhere')],
    ]) {
      const { status, stderr } = lkl(['mkimage', definitions, '--root', rootfs, '-o', at('none'), ...words]);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/its partitions want|no such file|the definitions have none/);
    }
    define('40-tpm', 'Type=srv', 'Encrypt=tpm2');
    expect(lkl(['mkimage', definitions, '--root', rootfs, '-o', at('none')])).toMatchObject({
      status: 1,
      stderr: 'lkl: 40-tpm.conf: Encrypt=tpm2 is not done here: key-file is\n',
    });
    expect(existsSync(at('none'))).toBe(false);
  }, 240_000);

  it('makes a card of a configuration of genimage, with a loader outside of the table', () => {
    const [config, image] = [at('genimage.cfg'), at('card.img')];
    writeFileSync(at('loader.bin'), Buffer.alloc(9000, 'boot'));
    writeFileSync(
      config,
      `image boot.vfat { vfat { files = { "rootfs/etc/hostname" } } size = 33M }
       image root.ext4 { ext4 { label = "root" } }
       image card.img { hdimage { disk-signature = 0x12345678 }
         partition loader { image = "loader.bin" offset = 8K in-partition-table = false }
         partition boot { image = "boot.vfat" partition-type = 0xC bootable = true }
         partition root { image = "root.ext4" partition-type = 0x83 size = 20M } }`,
    );
    expect(lkl(['mkimage', config, '-o', image])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--root'),
    });
    expect(lkl(['mkimage', config, '--root', rootfs, '-o', image])).toMatchObject({ status: 0, stderr: '' });
    expect(verify(image)).toContain('No errors detected');
    expect(info(image)).toMatchObject({
      partition_table: 'dos',
      partition_table_id: '12345678',
      partitions: [{ content: { type: 'vfat' } }, { content: { type: 'ext4' } }],
    });
    expect(readFileSync(image).subarray(8192, 8192 + 9000)).toEqual(readFileSync(at('loader.bin')));
    expect(lkl(['cat', image, '-p', '1', 'hostname']).stdout).toBe('made\n');
    expect(lkl(['cat', image, '-p', '2', 'home/joe/x']).stdout).toBe('x\n');
  }, 240_000);
});

describe('lkl mkimage of what is no file system', () => {
  it('writes swap in a LUKS2 volume, and hashes of dm-verity by whose halves both partitions are found', () => {
    const [definitions, image] = [at('verity.d'), at('verity.img')];
    mkdirSync(definitions);
    const define = (name: string, text: string) =>
      writeFileSync(`${definitions}/${name}.conf`, `[Partition]\n${text}\n`);
    define('10', 'Type=root-x86-64\nLabel=Wurzel ö€\nFormat=erofs\nCopyFiles=/\nVerity=data\nVerityMatchKey=r');
    define('20', 'Type=root-x86-64-verity\nVerity=hash\nVerityMatchKey=r');
    define('30', 'Type=swap\nSizeMinBytes=20M\nEncrypt=key-file');
    const key = ['--key-file', at('key')];
    writeFileSync(at('key'), 'of a key');
    const { status, stdout } = lkl(['mkimage', definitions, '--root', rootfs, '-o', image, '--seed', 's', ...key]);
    expect(status).toBe(0);
    const [, hash = ''] = /^roothash=([0-9a-f]{64})\n$/.exec(stdout) ?? [];
    const { partitions } = info(image);
    expect(partitions.map(({ uuid }) => uuid?.replaceAll('-', '')).slice(0, 2)).toEqual([
      hash.slice(0, 32),
      hash.slice(32),
    ]);
    expect(partitions[0]).toMatchObject({ label: 'Wurzel ö€', content: { type: 'erofs' } });
    expect(partitions[2]?.content?.type).toBe('crypto_LUKS');
    expect(lkl(['info', image, ...key]).stdout).toMatch(/luks-\S+ +crypt +4\.0M +swap/);
    const at2 = partitions[1]?.start_bytes ?? 0;
    expect(
      readFileSync(image)
        .subarray(at2, at2 + 6)
        .toString(),
    ).toBe('verity');
  }, 120_000);
});

describe('lkl partition', () => {
  it('writes the table that it is told, and shows it in words that make it again', () => {
    const [image, other] = [at('table.img'), at('table.other')];
    const script = 'label: gpt\nsize=10M, type=uefi, name="a b"\ntype=linux\n';
    expect(lkl(['partition', '-s', '40M', image], { input: script }).status).toBe(0);
    expect(verify(image)).toContain('No errors detected');
    const { stdout } = lkl(['partition', '--dump', image]);
    expect(lkl(['partition', '-s', '40M', other], { input: stdout }).status).toBe(0);
    expect(lkl(['partition', '--dump', other]).stdout).toBe(stdout);
    expect(info(image).partitions.map(({ label }) => label)).toEqual(['a b', undefined]);
  }, 60_000);

  it('leaves no new file where the words are none, and an old one as it was', () => {
    expect(lkl(['partition', '-s', '40M', at('none')], { input: 'nonsense here\n' })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('line 1'),
    });
    expect(lkl(['partition', '-s', '40M', at('none')], { input: '' }).status).toBe(1);
    expect(existsSync(at('none'))).toBe(false);
    const before = sha256(at('table.img'));
    expect(lkl(['partition', at('table.img')], { input: 'start=nowhere\n' }).status).toBe(2);
    expect(sha256(at('table.img'))).toBe(before);
  }, 60_000);
});

describe('lkl resize of a disk', () => {
  const tables = {
    gpt: ['label: gpt\nsize=5M, name="first"\nsize=40M, name="root"\n', 2],
    dos: ['label: dos\nsize=5M, type=c\nsize=40M, type=83, bootable\n', 2],
    logical: ['label: dos\nsize=5M, type=c\ntype=5\nsize=2M, type=82\nsize=40M, type=83\n', 6],
  } as const;
  it.each(Object.entries(tables))(
    'gives the last partition of a %s table more room, and takes it again, with what is on it',
    (kind, [script, number]) => {
      const [image, fs] = [at(`${kind}.disk`), at('fs.img')];
      lkl(['partition', '-s', '60M', image], { input: script });
      const before = info(image).partitions.find((one) => one.number === number);
      expect(before).toBeDefined();
      lkl(['mkfs', '--force', '-t', 'ext4', '-s', '40M', '--from', rootfs, fs]);
      const disk = readFileSync(image);
      readFileSync(fs).copy(disk, before?.start_bytes);
      writeFileSync(image, disk);
      for (const [size, bytes] of [
        ['+50M', 110 * MIB],
        ['32M', 32 * MIB],
      ] as const) {
        expect(lkl(['resize', image, size, '-p', String(number)])).toEqual({ status: 0, stdout: '', stderr: '' });
        expect(statSync(image).size).toBe(bytes);
        expect(verify(image)).toContain('No errors detected');
        const after = info(image).partitions.find((one) => one.number === number);
        expect(after).toMatchObject({ start_bytes: before?.start_bytes, uuid: before?.uuid });
        expect((after?.start_bytes ?? 0) + (after?.size_bytes ?? 0)).toBeGreaterThan(bytes - 3 * MIB);
        expect(lkl(['fsck', image, '-p', String(number)]).status).toBe(0);
        expect(lkl(['cat', image, '-p', String(number), 'etc/hostname']).stdout).toBe('made\n');
      }
      const smallest = sha256(image);
      expect(lkl(['resize', image, '6M', '-p', String(number)]).status).not.toBe(0);
      expect(lkl(['resize', image, '+10M', '-p', '1', '-t', 'ext4'])).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('only the last one'),
      });
      expect(sha256(image)).toBe(smallest);
    },
    240_000,
  );
});
