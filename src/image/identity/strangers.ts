/** What no driver of this kernel reads, and what is no file system at all: by name, asked where no driver knows it. */

import { toHex } from '../../bytes/hex.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';
import { vmwareUuid } from './members.ts';
import { fieldsAt, type Signature, textAt, uuidAt } from './signature.ts';
import { zfsFact } from './zfs.ts';

const noDriver = (name: string): string => `a file system that this kernel has no driver for (${name})`;
const flash = (name: string): string => `a file system for raw flash (${name}), which no disk can hold`;

/** mm/swapfile.c: the magic ends the first page, whatever size pages had. */
const PAGES = [4096, 8192, 16_384, 32_768, 65_536];
const swap = (type: string, magic: string): Signature => ({
  type,
  words: type === 'swap' ? 'swap space' : 'swap space with a suspended system in it',
  marks: PAGES.map((page) => [[page - 10, magic] as const]),
  ...(magic !== 'SWAP-SPACE' && { check: isVersion1, label: textAt(1052, 16), uuid: uuidAt(1036) }),
});
/** include/linux/swap.h: info.version of union swap_header, of either byte order. */
async function isVersion1(volume: VolumeBytes): Promise<boolean> {
  return ['01000000', '00000001'].includes(toHex(await volume.read(1024, 4)));
}

export const strangers: readonly Signature[] = [
  ...['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001'].map((magic) => swap('swsuspend', magic)),
  {
    type: 'swsuspend',
    words: 'swap space with a suspended system in it',
    marks: [[[0, { hex: 'edc302e99856e50c' }]]],
    check: isVersion1,
    label: textAt(1052, 16),
    uuid: uuidAt(1036),
  },
  swap('swap', 'SWAP-SPACE'),
  swap('swap', 'SWAPSPACE2'),
  {
    type: 'reiser4',
    words: noDriver('reiser4'),
    marks: [[[65_536, 'ReIsEr4']]],
    label: textAt(65_572, 16),
    uuid: uuidAt(65_556),
  },
  // include/uapi/linux/gfs2_ondisk.h: struct gfs2_sb
  {
    type: 'gfs2',
    words: noDriver('gfs2'),
    marks: [[[65_536, { hex: '0116197000000001' }]]],
    label: textAt(65_696, 64),
    uuid: uuidAt(65_792),
  },
  // fs/ocfs2/ocfs2_fs.h: the superblock is in block 2
  ...[1024, 2048, 4096, 8192].map(
    (at): Signature => ({
      type: 'ocfs2',
      words: noDriver('ocfs2'),
      marks: [[[at, 'OCFSV2']]],
      label: textAt(at + 272, 64),
      uuid: uuidAt(at + 336),
    }),
  ),
  {
    type: 'bcachefs',
    words: noDriver('bcachefs'),
    marks: [
      [[4120, { hex: 'c68573f666ce90a9d96a60cf803df7ef' }]],
      [[4120, { hex: 'c68573f64e1a45ca8265f57f48ba6d81' }]],
    ],
    label: textAt(4168, 32),
    uuid: uuidAt(4152),
  },
  { type: 'apfs', words: noDriver('APFS'), marks: [[[32, 'NXSB']]], uuid: uuidAt(72) },
  { type: 'ReFS', words: noDriver('ReFS'), marks: [[[3, 'ReFS\0\0\0\0']]] },
  {
    type: 'zfs_member',
    words: 'a member of a ZFS pool',
    marks: [0, 262_144].map((at) => [
      [at + 16_384, { hex: '0101000000000000' }] as const,
      [at + 16_408, 'version'] as const,
    ]),
    label: zfsFact('name'),
    uuid: zfsFact('pool_guid'),
  },
  {
    type: 'VMFS',
    words: noDriver('VMFS'),
    marks: [[[2_097_152, { hex: '5ef1ab2f' }]]],
    label: textAt(2_097_181, 128),
    uuid: async (volume) => vmwareUuid(await volume.read(2_097_161, 16)),
  },
  { type: 'xfs_external_log', words: 'an external log of xfs', marks: [[[0, { hex: 'feedbabe' }]]] },
  {
    type: 'jbd',
    words: 'an external journal of ext4',
    marks: [[[1080, { hex: '53ef' }]]],
    check: async (volume) => ((await volume.read(1120, 1))[0] ?? 0) % 16 >= 8,
    label: textAt(1144, 16),
    uuid: uuidAt(1128),
  },
  { type: 'zonefs', words: noDriver('zonefs'), marks: [[[0, 'SFOZ']]], label: textAt(24, 64), uuid: uuidAt(8) },
  {
    type: 'squashfs3',
    words: 'a squashfs of a version before 4, which Linux reads no more',
    marks: [[[0, 'hsqs']], [[0, 'sqsh']]],
    check: async (volume) => {
      const [low = 0, high = 0] = await volume.read(28, 2);
      const isBig = (await volume.read(0, 1))[0] === 's'.charCodeAt(0);
      return isBig ? low === 0 && high < 4 : high === 0 && low < 4;
    },
  },
  { type: 'squashfs', words: noDriver('squashfs of the other byte order'), marks: [[[0, 'sqsh']]] },
  { type: 'squashfs', words: 'a squashfs of a version that Linux does not know', marks: [[[0, 'hsqs']]] },
  ...['shsq', 'qshs'].map(
    (magic): Signature => ({ type: 'squashfs', words: 'a squashfs that its maker has changed', marks: [[[0, magic]]] }),
  ),
  // fs/ufs/ufs_fs.h: SBLOCK_PIGGY and where makefs of NetBSD puts it; fs/ufs/super.c reads it at SBLOCK_UFS2 alone
  ...[8192, 262_144].map(
    (at): Signature => ({
      type: 'ufs',
      words: `a UFS2 whose superblock is at byte ${at.toLocaleString('en')}, which Linux looks for at 65,536 alone`,
      marks: ['19015419', '19540119'].map((magic) => [[at + 1372, { hex: magic }] as const]),
    }),
  ),
  { type: 'cramfs', words: noDriver('cramfs of the other byte order'), marks: [[[0, { hex: '28cd3d45' }]]] },
  ...['137f', '138f', '2468', '2478'].map(
    (magic): Signature => ({
      type: 'minix',
      words: noDriver('minix of the other byte order'),
      marks: [[[1040, { hex: magic }]]],
    }),
  ),
  // drivers/mtd/ubi/ubi-media.h: struct ubi_ec_hdr; image_seq is what is nearest to an id
  {
    type: 'ubi',
    words: 'an image for raw flash (UBI), which no disk can hold',
    marks: [[[0, 'UBI#']]],
    uuid: async (volume) => String((await fieldsAt(volume, 24, 4, false)).u32(0)),
  },
  // fs/ubifs/ubifs-media.h: struct ubifs_sb_node
  { type: 'ubifs', words: flash('UBIFS'), marks: [[[0, { hex: '31181006' }]]], uuid: uuidAt(108) },
  ...['8519', '1985'].map(
    (magic): Signature => ({
      // include/uapi/linux/jffs2.h: JFFS2_MAGIC_BITMASK before one of its node types
      type: 'jffs2',
      words: flash('JFFS2'),
      marks: [[[0, { hex: magic }]]],
      async check(volume) {
        const types = ['01e0', '02e0', '0320', '0620', '08e0', '09e0'];
        const found = toHex(await volume.read(2, 2));
        return types.includes(magic === '8519' ? found : found.replace(/^(..)(..)$/, '$2$1'));
      },
    }),
  ),
  { type: 'yaffs2', words: flash('YAFFS2'), marks: [[[0, { hex: '0300000001000000ffff' }]]] },
  { type: 'mpool', words: 'an mpool of HSE', marks: [[[0, 'mpool']]], label: textAt(8, 32), uuid: uuidAt(40) },
  { type: 'nss', words: noDriver('NetWare'), marks: [[[4096, 'SPB5']]], uuid: netwareUuid },
  { type: 'exfs', words: noDriver('exfs'), marks: [[[0, 'EXFS']]] },
  { type: 'ldm', words: 'a dynamic disk of Windows (LDM)', marks: [[[3072, 'PRIVHEAD']]] },
  {
    type: 'android_super',
    words:
      'an Android super partition: its logical partitions are read by name (--member), behind its beginning (--offset)',
    marks: [[[4096, { hex: '67446c61' }]]],
  },
  { type: 'android_boot', words: 'an Android boot image', marks: [[[0, 'ANDROID!']], [[0, 'VNDRBOOT']]] },
  {
    type: 'dmg',
    words: 'an Apple disk image (DMG)',
    marks: [[]],
    // It ends the file, which need not be whole sectors.
    check: async (volume) => (await fieldsAt(volume, volume.sizeBytes - 512, 4)).ascii(0, 4) === 'koly',
  },
  { type: 'qcow2', words: 'a qcow2 image', marks: [[[0, { hex: '514649fb' }]]] },
  { type: 'vmdk', words: 'a VMDK image', marks: [[[0, 'KDMV']]] },
  { type: 'vhdx', words: 'a VHDX image', marks: [[[0, 'vhdxfile']]] },
  { type: 'vhd', words: 'a VHD image', marks: [[[0, 'conectix']]] },
  { type: 'vdi', words: 'a VDI image', marks: [[[64, { hex: '7f10dabe' }]]] },
  { type: 'android_sparse', words: 'an Android sparse image', marks: [[[0, { hex: '3aff26ed' }]]] },
  { type: 'gzip', words: 'gzip data: decompress it first', marks: [[[0, { hex: '1f8b08' }]]] },
  { type: 'xz', words: 'xz data: decompress it first', marks: [[[0, { hex: 'fd377a585a00' }]]] },
  { type: 'zstd', words: 'zstd data: decompress it first', marks: [[[0, { hex: '28b52ffd' }]]] },
  {
    type: 'lz4',
    words: 'lz4 data: decompress it first',
    marks: [[[0, { hex: '04224d18' }]], [[0, { hex: '02214c18' }]]],
  },
  { type: 'lzop', words: 'lzop data: decompress it first', marks: [[[0, { hex: '894c5a4f000d0a1a0a' }]]] },
  { type: 'lzip', words: 'lzip data: decompress it first', marks: [[[0, 'LZIP']]] },
  {
    type: 'lzma',
    words: 'lzma data: decompress it first',
    marks: [[[0, { hex: '5d000080' }]], [[0, { hex: '5d000000' }]], [[0, { hex: '5d000004' }]]],
  },
  { type: 'bzip2', words: 'bzip2 data: decompress it first', marks: [[[0, 'BZh']]] },
  { type: 'zip', words: 'a zip archive: unpack it first', marks: [[[0, { hex: '504b0304' }]]] },
  { type: '7z', words: 'a 7z archive: unpack it first', marks: [[[0, { hex: '377abcaf271c' }]]] },
  { type: 'rar', words: 'a RAR archive: unpack it first', marks: [[[0, { hex: '526172211a07' }]]] },
  {
    type: 'cpio',
    words: 'a cpio archive, either with a damaged first header or opened as raw',
    marks: ['070701', '070702', '070707'].map((magic) => [[0, magic] as const]),
  },
  {
    type: 'tar',
    words: 'a tar, either with a damaged first header or opened as raw',
    marks: [[[257, 'ustar']]],
  },
  { type: 'rpm', words: 'an RPM package: rpm2archive makes a tar of it', marks: [[[0, { hex: 'edabeedb' }]]] },
  { type: 'cab', words: 'a cabinet of Windows: unpack it first', marks: [[[0, 'MSCF\0\0\0\0']]] },
  { type: 'ole', words: 'an installer (MSI) or a document of Windows', marks: [[[0, { hex: 'd0cf11e0a1b11ae1' }]]] },
  { type: 'deb', words: 'an ar archive (a Debian package, a library)', marks: [[[0, '!<arch>\n']]] },
  { type: 'pe', words: 'a program for Windows or UEFI', marks: [[[0, 'MZ']]] },
  {
    // U-Boot's image.h: struct legacy_img_hdr, of 64 bytes
    type: 'uimage',
    words: 'an image for U-Boot, whose content begins at byte 64',
    marks: [[[0, { hex: '27051956' }]]],
  },
  {
    // The first volume descriptor, behind 16 sectors and its own subheader
    type: 'raw-cd',
    words:
      'a disc in sectors of 2,336 bytes, of which 2,048 are its data: programs for discs (bchunk) make an ISO of it',
    marks: [[[16 * 2336 + 9, 'CD001']]],
  },
  { type: 'trx', words: 'a firmware of a router (TRX), whose parts begin behind its header', marks: [[[0, 'HDR0']]] },
  { type: 'uf2', words: 'a firmware in blocks of USB flashing (UF2)', marks: [[[0, { hex: '5546320a57515d9e' }]]] },
  { type: 'avb', words: "the sums of Android's verified boot (vbmeta)", marks: [[[0, 'AVB0']]] },
  {
    type: 'ghost',
    words: 'an image of Ghost (GHO), which only its own programs read',
    marks: [[[0, { hex: 'feef01' }]]],
  },
  { type: 'dtb', words: 'a device tree, or an image for U-Boot in one (FIT)', marks: [[[0, { hex: 'd00dfeed' }]]] },
];

async function netwareUuid(volume: Parameters<NonNullable<Signature['uuid']>>[0]): Promise<string | undefined> {
  const bytes = await volume.read(4444, 16);
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
