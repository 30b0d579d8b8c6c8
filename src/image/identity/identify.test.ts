/** Volumes that no driver takes, by the bytes that their formats prescribe. scripts/conformance/blkid.ts has real images of most. */

import { expect, it } from 'vitest';
import { toHex } from '../../bytes/hex.ts';
import { memoryDevice } from '../../storage/memory.ts';
import { embedded } from '../probe/embedded.ts';
import { volumeBytes } from '../probe/volume-bytes.ts';
import { identify } from './identify.ts';
import { md5 } from './md5.ts';

const MIB = 1 << 20;

type Content = Readonly<Record<number, string | readonly number[]>>;

/** A volume of 4 MiB with these bytes at these offsets; negative ones from its end. */
function volume(content: Content) {
  const bytes = new Uint8Array(4 * MIB);
  for (const [key, field] of Object.entries(content)) {
    const at = Number(key) < 0 ? bytes.length + Number(key) : Number(key);
    bytes.set(typeof field === 'string' ? new TextEncoder().encode(field) : field, at);
  }
  return volumeBytes(memoryDevice(bytes));
}

const digits = Array.from({ length: 16 }, (_, i) => i * 17);
const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const luks = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];
const md = [0xfc, 0x4e, 0x2b, 0xa9, 1, 0, 0, 0];
const guid = [0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 1];
const bcache = [0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81];

it.each<[string, Content, string | undefined, string | undefined]>([
  ['crypto_LUKS', { 0: [...luks, 0, 2], 24: 'vault', 168: UUID }, 'vault', UUID],
  ['crypto_LUKS', { 0: [...luks, 0, 1], 24: 'aes', 168: UUID }, undefined, UUID],
  ['BitLocker', { 3: '-FVE-FS-' }, undefined, undefined],
  [
    'LVM2_member',
    { 512: 'LABELONE', 532: [32], 536: 'LVM2 001', 544: 'abcdefghijklmnopqrstuvwxyz012345' },
    undefined,
    'abcdef-ghij-klmn-opqr-stuv-wxyz-012345',
  ],
  ['linux_raid_member', { 4096: md, 4112: digits, 4128: 'nas:0' }, 'nas:0', UUID],
  ['linux_raid_member', { [-8192]: md, [-8176]: digits, [-8048]: [0xf0, 0x1f] }, undefined, UUID],
  ['linux_raid_member', { [-65_536]: [0xfc, 0x4e, 0x2b, 0xa9] }, undefined, undefined],
  ['isw_raid_member', { [-1024]: 'Intel Raid ISM Cfg Sig. 1.0' }, undefined, undefined],
  ['bcache', { 4104: [8], 4120: bcache, 4136: digits }, undefined, UUID],
  ['bcachefs', { 4120: bcache, 4152: digits, 4168: 'Label' }, 'Label', UUID],
  ['cs_fvault2', { 8: [1, 0, 16, 0], 88: 'CS', 168: [16, 0, 0, 0, 2], 304: digits }, undefined, UUID],
  [
    'BitLocker',
    {
      3: '-FVE-FS-',
      160: guid,
      177: [32],
      8192: '-FVE-FS-',
      8256: [68],
      8272: digits,
      8304: [20, 0, 7, 0, 2, 0, 1, 0, 0x43, 0, 0x3a, 0],
    },
    'C:',
    '33221100-5544-7766-8899-aabbccddeeff',
  ],
  ['swap', { 4086: 'SWAPSPACE2', 1024: [1], 1036: digits, 1052: 'swappy' }, 'swappy', UUID],
  ['swap', { 65526: 'SWAPSPACE2', 1024: [0, 0, 0, 1] }, undefined, undefined],
  ['swsuspend', { 4086: 'S1SUSPEND', 1024: [1] }, undefined, undefined],
  ['ufs', { 9564: [0x19, 0x01, 0x54, 0x19] }, undefined, undefined],
  ['ghost', { 0: [0xfe, 0xef, 1] }, undefined, undefined],
  ['uimage', { 0: [0x27, 0x05, 0x19, 0x56] }, undefined, undefined],
  ['zfs_member', { 16384: [1, 1], 16404: [0, 0, 0, 7], 16408: 'version' }, undefined, undefined],
  [
    'VMFS',
    { 2097152: [0x5e, 0xf1, 0xab, 0x2f], 2097161: digits, 2097181: 'store' },
    'store',
    '33221100-77665544-9988-aabbccddeeff',
  ],
  ['ubi', { 0: 'UBI#', 24: [0, 0, 1, 0] }, undefined, '256'],
  ['ubifs', { 0: [0x31, 0x18, 0x10, 0x06], 108: digits }, undefined, UUID],
  ['jffs2', { 0: [0x85, 0x19, 0x01, 0xe0] }, undefined, undefined],
  ['jffs2', { 0: [0x19, 0x85, 0xe0, 0x01] }, undefined, undefined],
  ['squashfs', { 0: 'sqsh', 29: [4] }, undefined, undefined],
  ['squashfs3', { 0: 'sqsh', 29: [3] }, undefined, undefined],
  ['squashfs3', { 0: 'hsqs', 28: [3] }, undefined, undefined],
  ['squashfs', { 0: 'hsqs', 28: [5] }, undefined, undefined],
  ['apfs', { 32: 'NXSB', 72: digits }, undefined, UUID],
  ['ReFS', { 3: 'ReFS\0\0\0\0' }, undefined, undefined],
  ['android_super', { 4096: [0x67, 0x44, 0x6c, 0x61] }, undefined, undefined],
  ['dmg', { [-512]: 'koly' }, undefined, undefined],
  ['cpio', { 0: '070701' }, undefined, undefined],
])('%s', async (type, content, label, uuid) => {
  const found = await identify(volume(content));
  expect(found).toMatchObject({ type, words: expect.stringMatching(/./) });
  expect([found?.label, found?.uuid]).toEqual([label, uuid]);
});

it('a reiserfs, which a driver takes, has its label and UUID where 3.6 put them', async () => {
  const found = await identify(volume({ 65588: 'ReIsEr2Fs', 65636: 'old', 65620: digits }));
  expect(found).toEqual({ type: 'reiserfs', label: 'old', uuid: UUID, words: undefined });
});

it('zeros and what is too short are nothing', async () => {
  expect(await identify(volume({}))).toBeUndefined();
  expect(await identify(volumeBytes(memoryDevice(new Uint8Array(100))))).toBeUndefined();
});

it('a squashfs is found behind anything, wherever it begins; four letters alone are none', async () => {
  const superblock = (size: number) => {
    const bytes = new Uint8Array(96);
    const data = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode('hsqs'));
    data.setUint32(12, 131_072, true);
    data.setUint16(22, 17, true);
    data.setUint16(28, 4, true);
    data.setUint32(40, size, true);
    return [...bytes];
  };
  const at = MIB - 5;
  expect(await embedded(volume({ 77: 'hsqs', [at]: superblock(1000) }))).toMatchObject({ at, type: 'squashfs' });
  expect(await embedded(volume({ 77: 'hsqs', [at]: superblock(1 << 30) }))).toBeUndefined();
});

it('a file system whose letters begin with zeros is found among zeros', async () => {
  const at = 3 * 4096;
  const efs = { [at + 512]: [0, 0, 0, 16], [at + 540]: [0, 7, 0x29, 0x59] };
  expect(await embedded(volume({ 0: 'head', ...efs }))).toMatchObject({ at, type: 'efs' });
});

it('the label of FAT is the one in its root directory, however often the boot sector says another', async () => {
  const boot = {
    0: [0xeb, 0x3c, 0x90],
    11: [0, 2, 1, 1, 0, 2, 16, 0, 0, 16, 0xf8, 1, 0],
    43: 'BOOT       ',
    54: 'FAT12   ',
  };
  const entry = (name: string, attribute: number) => [
    ...new TextEncoder().encode(name.padEnd(11)),
    attribute,
    ...new Array(20).fill(0),
  ];
  const root = 3 * 512;
  const kept = volume({ ...boot, [root]: [...entry('FILE', 0x20), ...entry('REAL', 0x08)] });
  expect(await identify(kept)).toMatchObject({ label: 'REAL' });
  const erased = volume({ ...boot, [root]: [0xe5, ...entry('GONE', 0x08).slice(1)] });
  expect((await identify(erased))?.label).toBeUndefined();
});

it('MD5 is that of RFC 1321', () => {
  const of = (text: string) => toHex(md5(new TextEncoder().encode(text)));
  expect(of('')).toBe('d41d8cd98f00b204e9800998ecf8427e');
  expect(of('message digest')).toBe('f96b697d7cb7938d525a2f31aaf161d0');
});
