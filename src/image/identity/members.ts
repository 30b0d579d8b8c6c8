/** Parts of something larger: RAIDs, encrypted volumes, volume managers, caches. What is in them is for what assembles them. */

import { toHex } from '../../bytes/hex.ts';
import { bitLockerAbout } from './bitlocker.ts';
import { fieldsAt, type Mark, placeOf, type Signature, textAt, uuidAt, uuidText } from './signature.ts';

const SECTOR = 512;
const MD = { hex: 'fc4e2ba9' } as const;

/** drivers/md: struct mdp_super_s of version 0.90, in the last whole 64 KiB but one, of either byte order. */
const md090: Signature = {
  type: 'linux_raid_member',
  words: 'a member of an md array',
  marks: [[]],
  async check(volume) {
    const sb = await fieldsAt(volume, md090At(volume.sizeBytes), 8);
    return volume.sizeBytes >= 2 * MD_RESERVED && (sb.u32(0) === 0xa92b4efc || sb.u32(0) === 0xfc4e2ba9);
  },
  async uuid(volume) {
    const at = md090At(volume.sizeBytes);
    const little = (await fieldsAt(volume, at, 4)).u32(0) === 0xa92b4efc;
    const sb = await fieldsAt(volume, at, 128, little);
    const words = [20, 52, 56, 60].map((field) => sb.u32(field));
    const data = new DataView(new ArrayBuffer(16));
    for (const [i, word] of words.entries()) data.setUint32(4 * i, word);
    return uuidText(new Uint8Array(data.buffer));
  },
};
const MD_RESERVED = 65_536;
const md090At = (bytes: number): number => Math.floor(bytes / MD_RESERVED) * MD_RESERVED - MD_RESERVED;

/** struct mdp_superblock_1: 1.0 in the last 8 KiB, 1.1 at 0, 1.2 at 4096; set_uuid and set_name. */
const md1 = (at: number): Signature => ({
  type: 'linux_raid_member',
  words: 'a member of an md array',
  marks: [
    [
      [at, MD],
      [at + 4, { hex: '01000000' }],
    ],
  ],
  label: textAt(at + 32, 32),
  uuid: uuidAt(at + 16),
});
const md10: Signature = {
  type: 'linux_raid_member',
  words: 'a member of an md array',
  marks: [[]],
  async check(volume) {
    const sb = await fieldsAt(volume, md10At(volume.sizeBytes), 152);
    // super_offset: that of a partition which ends with the disk is not the disk's own
    return sb.u32(0) === 0xa92b4efc && sb.u32(4) === 1 && sb.u64(144) * SECTOR === md10At(volume.sizeBytes);
  },
  label: async (volume) => textAt(md10At(volume.sizeBytes) + 32, 32)(volume),
  uuid: async (volume) => uuidAt(md10At(volume.sizeBytes) + 16)(volume),
};
const md10At = (bytes: number): number =>
  (Math.max(0, Math.floor(bytes / SECTOR) - 16) - (Math.max(0, Math.floor(bytes / SECTOR) - 16) % 8)) * SECTOR;

/** SNIA DDF 5.3: the anchor header in the last sector; its GUID is text or bytes. */
const ddf: Signature = {
  type: 'ddf_raid_member',
  words: 'a member of a BIOS RAID (DDF)',
  marks: [-512, -131_584].flatMap((at): Mark[][] => [[[at, { hex: 'de11de11' }]], [[at, { hex: '11de11de' }]]]),
  uuid: async (volume) => filledBytes(await volume.read(placeOf(volume, -504), 24)),
};
/** What of a GUID of DDF is text, up to what is not. */
const filledBytes = (bytes: Uint8Array): string | undefined => {
  const [text = ''] = String.fromCharCode(...bytes).split(/[^ -~]/);
  return text.trimEnd() || undefined;
};

/** Of the words of a sector only those up to `words` are summed. */
const sumOf16 = (data: { u16(at: number): number }, words: number): number => {
  let sum = 0;
  for (let at = 0; at < 2 * words; at += 2) sum += data.u16(at);
  return sum & 0xffff;
};

const bios = (name: string): string => `a member of a BIOS RAID (${name})`;

/** Promise's tools left it at one of these, in sectors from the end. */
const PROMISE = [63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087];

const LUKS_MAGIC = { hex: '4c554b53babe' } as const;
const BCACHE = { hex: 'c68573f64e1a45ca8265f57f48ba6d81' } as const;

/** lvm2 lib/format_text/layout.h: the label says where pv_header is, which begins with the UUID in base 64 of its own. */
const lvmUuid = (at: number) => async (volume: Parameters<NonNullable<Signature['uuid']>>[0]) => {
  const offset = (await fieldsAt(volume, at + 20, 4)).u32(0);
  const text = (await fieldsAt(volume, at + offset, 32)).ascii(0, 32);
  return text.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
};

/** drbd_int.h: struct md_on_disk_08 and meta_data_on_disk_9, in the last 4 KiB; device_uuid and magic. */
const drbd = (magic: string, uuid: number): Signature => ({
  type: 'drbd',
  words: 'a DRBD device',
  marks: [[]],
  check: async (volume) =>
    volume.sizeBytes > 4096 && toHex(await volume.read(volume.sizeBytes - 4096 + 60, 4)) === magic,
  async uuid(volume) {
    const digits = toHex(await volume.read(volume.sizeBytes - 4096 + uuid, 8));
    return /[^0]/.test(digits) ? digits : undefined;
  },
});

/** Found in this order, which is that of blkid(8): a member is more than what its data begins with. */
export const members: readonly Signature[] = [
  md090,
  md1(0),
  md1(4096),
  md10,
  ddf,
  { type: 'isw_raid_member', words: bios('Intel'), marks: [[[-1024, 'Intel Raid ISM Cfg Sig. ']]] },
  { type: 'lsi_mega_raid_member', words: bios('LSI'), marks: [[[-512, '$XIDE$']]] },
  {
    type: 'via_raid_member',
    words: bios('VIA'),
    marks: [[[-512, { hex: '55aa' }]]],
    async check(volume) {
      const sb = await fieldsAt(volume, placeOf(volume, -512), 51);
      const sum = sb.slice(0, 50).reduce((all, byte) => all + byte, 0);
      return sb.u8(2) <= 2 && (sum & 0xff) === sb.u8(50);
    },
  },
  {
    type: 'silicon_medley_raid_member',
    words: bios('Silicon Image'),
    marks: [[[-416, { hex: '0000002f' }]]],
    async check(volume) {
      const sb = await fieldsAt(volume, placeOf(volume, -512), SECTOR);
      return ((sumOf16(sb, 159) + sb.u16(318)) & 0xffff) === 0;
    },
  },
  { type: 'nvidia_raid_member', words: bios('NVIDIA'), marks: [[[-1024, 'NVIDIA']]] },
  {
    type: 'promise_fasttrack_raid_member',
    words: bios('Promise'),
    marks: PROMISE.map((sectors) => [[-sectors * SECTOR, 'Promise Technology, Inc.'] as const]),
  },
  {
    type: 'hpt45x_raid_member',
    words: bios('HighPoint'),
    marks: [[[-11 * SECTOR, { hex: 'f316785a' }]], [[-11 * SECTOR, { hex: 'fd16785a' }]]],
  },
  {
    type: 'hpt37x_raid_member',
    words: bios('HighPoint'),
    marks: [[[4640, { hex: 'f016785a' }]], [[4640, { hex: 'fd16785a' }]]],
  },
  { type: 'adaptec_raid_member', words: bios('Adaptec'), marks: [[[-512, { hex: '37fc4d1e' }]]] },
  {
    type: 'jmicron_raid_member',
    words: bios('JMicron'),
    marks: [[[-512, 'JM']]],
    check: async (volume) => [0, 1].includes(sumOf16(await fieldsAt(volume, placeOf(volume, -512), 128), 64)),
  },
  {
    type: 'vdo',
    words: 'a deduplicated volume (VDO)',
    marks: [[[0, 'dmvdo001']]],
    uuid: uuidAt(40),
  },
  ...[0, 512, 1024, 1536].map(
    (at): Signature => ({
      type: 'LVM2_member',
      words: 'a physical volume of LVM2',
      marks: [
        [
          [at, 'LABELONE'],
          [at + 24, 'LVM2 001'],
        ],
      ],
      uuid: lvmUuid(at),
    }),
  ),
  {
    type: 'LVM1_member',
    words: 'a physical volume of LVM1',
    marks: [[[0, { hex: '484d0100' }]], [[0, { hex: '484d0200' }]]],
  },
  {
    type: 'crypto_LUKS',
    words: 'an encrypted volume (LUKS)',
    marks: [[[0, LUKS_MAGIC]]],
    label: async (volume) => ((await volume.read(7, 1))[0] === 2 ? textAt(24, 48)(volume) : undefined),
    uuid: textAt(168, 40),
  },
  {
    type: 'BitLocker',
    words: 'an encrypted volume (BitLocker)',
    // On removable disks it looks like FAT to those who do not know it.
    marks: [[[3, '-FVE-FS-']], [[424, { hex: '3bd66749292ed84a8399f6a339e3d001' }]]],
    label: async (volume) => (await bitLockerAbout(volume)).label,
    uuid: async (volume) => (await bitLockerAbout(volume)).uuid,
  },
  {
    // Core Storage's volume header, encrypted with AES-XTS of 16-byte keys.
    type: 'cs_fvault2',
    words: 'an encrypted volume of macOS (FileVault 2)',
    marks: [
      [
        [8, { hex: '01001000' }],
        [88, 'CS'],
        [168, { hex: '1000000002000000' }],
      ],
    ],
    uuid: uuidAt(304),
  },
  {
    type: 'VeraCrypt',
    words: 'an encrypted volume',
    marks: [
      [
        [0, 'TRUE'],
        [4, { hex: '0005' }],
      ],
    ],
  },
  drbd('8374026b', 40),
  drbd('8374026d', 48),
  {
    type: 'drbdmanage_control_volume',
    words: "DRBD's control volume",
    marks: [[[0, '$DRBDmgr=q']]],
    uuid: textAt(11, 32),
  },
  {
    type: 'bcache',
    words: 'a bcache device, which may lack what only its cache has',
    // Old bcachefs have the same magic number: their superblock has half of a checksum where this one has its sector.
    marks: [
      [
        [4104, { hex: '0800000000000000' }],
        [4120, BCACHE],
      ],
    ],
    label: textAt(4168, 32),
    uuid: uuidAt(4136),
  },
  { type: 'ceph_bluestore', words: 'a Ceph device', marks: [[[0, 'bluestore block device']]] },
  {
    type: 'VMFS_volume_member',
    words: 'a volume of VMware',
    marks: [[[1_048_576, { hex: '0dd001c0' }]]],
    uuid: async (volume) => vmwareUuid(await volume.read(1_049_172, 16)),
  },
  {
    type: 'DM_snapshot_cow',
    words: 'the changes of a snapshot of device mapper',
    marks: [[[0, 'SnAp']]],
  },
  {
    type: 'DM_verity_hash',
    words: 'a hash tree of dm-verity',
    marks: [[[0, { hex: '7665726974790000' }]]],
    uuid: uuidAt(16),
  },
  { type: 'DM_integrity', words: 'a volume of dm-integrity', marks: [[[0, { hex: '696e746567727400' }]]] },
  { type: 'stratis', words: 'a device of a Stratis pool', marks: [[[4100, '!Stra0tis']], [[516, '!Stra0tis']]] },
];

/** Two words, half a word, six bytes. */
export function vmwareUuid(bytes: Uint8Array): string {
  const reversed = (from: number, to: number) => toHex(bytes.slice(from, to).reverse());
  return `${reversed(0, 4)}-${reversed(4, 8)}-${reversed(8, 10)}-${toHex(bytes.subarray(10, 16))}`;
}
