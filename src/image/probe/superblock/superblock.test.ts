import { describe, expect, it } from 'vitest';
import { randomBytes, seededRandom } from '../../../../test/fakes/block-devices.ts';
import { partitionTableOf } from '../partition-table/partition-tables.ts';
import { labelOf, superblocksOf, uuidOf } from './superblock.ts';
import { SUPERBLOCK_BYTES, superblocks } from './superblocks.ts';

/** A head with these bytes at these offsets. */
function head(fields: Readonly<Record<number, string | readonly number[]>>): Uint8Array {
  const bytes = new Uint8Array(SUPERBLOCK_BYTES);
  for (const [at, field] of Object.entries(fields)) {
    bytes.set(typeof field === 'string' ? new TextEncoder().encode(field) : field, Number(at));
  }
  return bytes;
}

const typesOf = (bytes: Uint8Array) => superblocksOf(bytes).map(({ types: [type] }) => type);

describe('superblocks', () => {
  it('lie in the head whole', () => {
    for (const { magic, label, uuid } of superblocks) {
      for (const { at, bytes } of magic) expect(at + bytes.length).toBeLessThanOrEqual(SUPERBLOCK_BYTES);
      expect((label?.at ?? 0) + (label?.bytes ?? 0)).toBeLessThanOrEqual(SUPERBLOCK_BYTES);
      expect((uuid?.at ?? 0) + 16).toBeLessThanOrEqual(SUPERBLOCK_BYTES);
    }
  });

  it('are not found in zeros, in 0xff or in noise', () => {
    expect(superblocksOf(new Uint8Array(SUPERBLOCK_BYTES))).toEqual([]);
    expect(superblocksOf(new Uint8Array(SUPERBLOCK_BYTES).fill(0xff))).toEqual([]);
    expect(superblocksOf(randomBytes(SUPERBLOCK_BYTES, seededRandom(1)))).toEqual([]);
  });

  it.each([
    ['ext2', { 1080: [0x53, 0xef], 1120: [0x02] }],
    ['ext3', { 1080: [0x53, 0xef], 1116: [0x04], 1120: [0x06] }],
    ['ext4', { 1080: [0x53, 0xef], 1116: [0x04], 1120: [0x42] }],
    ['ext4', { 1080: [0x53, 0xef], 1120: [0x02], 1124: [0x08] }],
  ])('%s is told by its features', (type, fields) => {
    expect(typesOf(head(fields))[0]).toBe(type);
  });

  it('of an external journal of ext4 are none', () => {
    const journal = head({ 1080: [0x53, 0xef], 1120: [0x08] });
    expect(superblocksOf(journal)).toEqual([]);
  });

  it('of UDF come before those of ISO 9660, those of HFS+ before their HFS wrapper', () => {
    expect(typesOf(head({ 32769: 'CD001', 38913: 'NSR02' }))).toEqual(['udf', 'iso9660']);
    expect(typesOf(head({ 1024: 'BD', 1148: 'H+' }))).toEqual(['hfsplus', 'hfs']);
  });

  const fat = { 0: [0xeb, 0x3c, 0x90], 11: [0x00, 0x02], 13: [4], 16: [2], 21: [0xf8], 510: [0x55, 0xaa] };
  it('of FAT, NTFS and exFAT are told apart', () => {
    expect(typesOf(head({ ...fat, 54: 'FAT16   ' }))[0]).toBe('vfat');
    expect(typesOf(head({ ...fat, 3: 'NTFS    ' }))[0]).toBe('ntfs3');
    expect(typesOf(head({ 0: [0xeb, 0x76, 0x90], 3: 'EXFAT   ', 510: [0x55, 0xaa] }))).toEqual(['exfat']);
    expect(typesOf(head(fat))).toEqual(['vfat']);
  });

  it('of UFS come with the kind, which the driver does not find out', () => {
    const kind = (fields: Parameters<typeof head>[0]) => superblocksOf(head(fields))[0]?.options;
    expect(kind({ 66908: [0x19, 0x01, 0x54, 0x19] })).toBe('ufstype=ufs2');
    expect(kind({ 9564: [0x54, 0x19, 0x01, 0x00], 9516: [2, 0, 0, 0] })).toBe('ufstype=44bsd');
    expect(kind({ 9564: [0x54, 0x19, 0x01, 0x00] })).toBe('ufstype=sunx86');
    expect(kind({ 9564: [0x00, 0x01, 0x19, 0x54] })).toBe('ufstype=sun');
  });
});

describe('labels and UUIDs', () => {
  const of = (bytes: Uint8Array) => {
    const [superblock] = superblocksOf(bytes);
    return superblock && [labelOf(bytes, superblock), uuidOf(bytes, superblock)];
  };
  const digits = Array.from({ length: 16 }, (_, i) => i * 17);

  it('are read as each file system has them', () => {
    expect(of(head({ 0: 'XFSB', 108: 'ünïx', 32: digits }))).toEqual(['ünïx', '00112233-4455-6677-8899-aabbccddeeff']);
    expect(of(head({ 1024: [0x10, 0x20, 0xf5, 0xf2], 1148: [0xe9, 0, 0x3d, 0, 0x3d, 0xd8, 0, 0xde] }))).toEqual([
      'é=\u{1f600}',
      undefined,
    ]);
    expect(of(head({ 1024: 'BD', 1060: [3, 0x61, 0x62, 0x63, 0x64] }))).toEqual(['abc', undefined]);
    expect(of(head({ 32769: 'CD001', 32808: 'DISC ONE          ' }))).toEqual(['DISC ONE', undefined]);
    expect(of(head({ 3: 'NTFS    ', 72: digits }))).toEqual([undefined, '7766554433221100']);
  });

  it('are absent where they are empty', () => {
    expect(of(head({ 0: 'XFSB' }))).toEqual([undefined, undefined]);
    const fat32 = { 11: [0x00, 0x02], 16: [2], 21: [0xf8], 82: 'FAT32   ', 67: [1, 2, 3, 0xab] };
    expect(of(head({ ...fat32, 71: 'NO NAME    ' }))).toEqual([undefined, 'AB03-0201']);
  });
});

it('partition tables are told by the first magic number in the order of the kernel', () => {
  expect(partitionTableOf(head({ 510: [0x55, 0xaa], 512: 'EFI PART' }))?.type).toBe('gpt');
  expect(partitionTableOf(head({ 510: [0x55, 0xaa] }))?.type).toBe('dos');
  expect(partitionTableOf(head({ 508: [0xda, 0xbe] }))?.type).toBe('sun');
  expect(partitionTableOf(head({}))).toBeUndefined();
});
