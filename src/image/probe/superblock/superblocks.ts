/** How each file system of the kernel is known by its superblock, and where that has a label and a UUID. */

import { hex, type Magic, text } from '../magic.ts';

/** `pascal`: a length byte, then Latin-1. All others end at a NUL; spaces at the end are filling. */
export interface LabelField {
  readonly at: number;
  readonly bytes: number;
  readonly encoding: 'utf-8' | 'utf-16le' | 'pascal';
}

/** `uuid`: RFC 9562. `serial`: a 32-bit little-endian number as DOS shows it. `u64`: 64 bits little-endian as hex. */
export interface UuidField {
  readonly at: number;
  readonly encoding: 'uuid' | 'serial' | 'u64';
}

export interface Superblock {
  /** As in /proc/filesystems: what it is called, then other drivers that read it. */
  readonly types: readonly [string, ...string[]];
  /** All of them hold. */
  readonly magic: readonly Magic[];
  readonly label?: LabelField;
  readonly uuid?: UuidField;
  /** Mount options without which the driver would refuse it, show less of it or do what nobody needs. */
  readonly options?: string;
}

const label = (at: number, bytes: number, encoding: LabelField['encoding'] = 'utf-8'): LabelField => ({
  at,
  bytes,
  encoding,
});
const uuid = (at: number, encoding: UuidField['encoding'] = 'uuid'): UuidField => ({ at, encoding });

// fs/ext4/ext4.h: struct ext4_super_block, at 1024. What ext2 and ext3 may have of incompatible features
// (EXT2_FEATURE_INCOMPAT_SUPP, EXT3_FEATURE_INCOMPAT_SUPP) and of read-only compatible ones; a journal tells ext3.
const EXT = hex(1080, '53ef');
const EXT_NO_JOURNAL = hex(1116, '00', '04');
const EXT2_FEATURES = [hex(1120, '00000000', 'edffffff'), hex(1124, '00000000', 'f8ffffff')];
const EXT3_FEATURES = [hex(1120, '00000000', 'e9ffffff'), hex(1124, '00000000', 'f8ffffff')];
/** Whatever the superblock says of errors, they must not end in a panic. Read-only it is already. */
const NO_PANIC = 'errors=remount-ro';
/** Without the thread ext4lazyinit: with it a kernel cannot be suspended, and what it zeroes and reads ahead nobody needs. */
const NO_LAZY_INIT = 'noinit_itable,no_prefetch_block_bitmaps';
const ext = { label: label(1144, 16), uuid: uuid(1128), options: `${NO_PANIC},${NO_LAZY_INIT}` };

// include/uapi/linux/msdos_fs.h: struct fat_boot_sector. Of old disks only a jump, a sector size of a power of two, a count
// of FATs and a media byte are sure (fs/fat/inode.c: fat_read_bpb). Only the option utf8 keeps characters
// beyond U+FFFF (fs/fat/dir.c: fat_uni_to_x8). With iocharset=utf8, our configuration's, names of another case would be other names
// (Documentation/filesystems/vfat.rst): by that of Debian they are the same.
const FAT = [hex(11, '0000', 'ffe1'), hex(16, '00', 'fc'), hex(21, 'f0', 'f0')];
const vfat = { types: ['vfat', 'msdos'], options: 'utf8,iocharset=ascii' } as const;
const fat16 = { ...vfat, label: label(43, 11), uuid: uuid(39, 'serial') };

// ECMA-167 2/9.1: a volume recognition sequence in sectors of 2 KiB from 32 KiB on; NSR02 or NSR03 anywhere in it is UDF.
const UDF_SEQUENCE = Array.from({ length: 16 }, (_, sector) => 32_769 + 2048 * sector);

// include/uapi/linux/minix_fs.h: zones are blocks (s_log_zone_size), then the magic number of each version and name length.
const minix = (magic: string): Superblock => ({ types: ['minix'], magic: [hex(1034, '0000'), hex(1040, magic)] });
const MINIX3: Superblock = { types: ['minix'], magic: [hex(1036, '0000'), hex(1048, '5a4d')] };

// fs/ufs/ufs_fs.h: fs_magic at 1372 of the superblock, fs_inodefmt at 1324. The driver does not find out the kind.
const ufs1 = { types: ['ufs'] } as const;
const ufs2 = { types: ['ufs'], label: label(65_536 + 680, 32), options: 'ufstype=ufs2' } as const;
/** FS_44INODEFMT */
const UFS_44_LE = hex(8192 + 1324, '02000000');
const UFS_44_BE = hex(8192 + 1324, '00000002');

/**
 * In the order they are tried. Those that share their place with others come with what tells them apart;
 * UDF before ISO 9660, since a disc that has both may have no more than a note about it in the latter.
 * ADFS and V7 have no magic number: they are mounted when asked for by type.
 */
export const superblocks: readonly Superblock[] = [
  { ...ext, types: ['ext2', 'ext4'], magic: [EXT, EXT_NO_JOURNAL, ...EXT2_FEATURES] },
  { ...ext, types: ['ext3', 'ext4'], magic: [EXT, ...EXT3_FEATURES] },
  { ...ext, types: ['ext4'], magic: [EXT, hex(1120, '00', '08')] },
  // fs/xfs/libxfs/xfs_format.h: struct xfs_dsb
  { types: ['xfs'], magic: [text(0, 'XFSB')], label: label(108, 12), uuid: uuid(32) },
  // include/uapi/linux/btrfs_tree.h: struct btrfs_super_block, at BTRFS_SUPER_INFO_OFFSET
  { types: ['btrfs'], magic: [text(65_600, '_BHRfS_M')], label: label(65_835, 256), uuid: uuid(65_568) },
  // fs/squashfs/squashfs_fs.h: SQUASHFS_MAGIC, and s_major: those before 4 are of another layout
  { types: ['squashfs'], magic: [text(0, 'hsqs'), hex(28, '0400')] },
  // fs/erofs/erofs_fs.h: struct erofs_super_block, at EROFS_SUPER_OFFSET
  { types: ['erofs'], magic: [hex(1024, 'e2e1f5e0')], label: label(1088, 16), uuid: uuid(1072) },
  // include/linux/f2fs_fs.h: struct f2fs_super_block, at F2FS_SUPER_OFFSET; the second copy is a block further
  ...[1024, 4096 + 1024].map((at) => ({
    types: ['f2fs'] as const,
    magic: [hex(at, '1020f5f2')],
    label: label(at + 124, 1024, 'utf-16le'),
    uuid: uuid(at + 108),
  })),
  // fs/reiserfs/reiserfs.h: struct reiserfs_super_block_v1 and what 3.6 added, at either of two places
  ...[65_536, 8192].flatMap((at) => [
    { types: ['reiserfs'] as const, magic: [text(at + 52, 'ReIsErFs')] },
    ...['ReIsEr2Fs', 'ReIsEr3Fs'].map((magic) => ({
      types: ['reiserfs'] as const,
      magic: [text(at + 52, magic)],
      label: label(at + 100, 16),
      uuid: uuid(at + 84),
    })),
  ]),
  // fs/jfs/jfs_superblock.h: struct jfs_superblock, at SUPER1_OFF
  { types: ['jfs'], magic: [text(32_768, 'JFS1')], label: label(32_920, 16), uuid: uuid(32_904) },
  // include/uapi/linux/nilfs2_ondisk.h: struct nilfs_super_block, at NILFS_SB_OFFSET_BYTES
  {
    types: ['nilfs2'],
    magic: [hex(1024, '02000000'), hex(1030, '3434')],
    label: label(1192, 80),
    uuid: uuid(1176),
    options: NO_PANIC,
  },
  // fs/ntfs3/ntfs.h: struct NTFS_BOOT
  { types: ['ntfs3'], magic: [text(3, 'NTFS    ')], uuid: uuid(72, 'u64') },
  // fs/exfat/exfat_raw.h: struct boot_sector
  { types: ['exfat'], magic: [text(3, 'EXFAT   ')], uuid: uuid(100, 'serial') },
  // fs/hpfs/hpfs.h: SB_MAGIC and SP_MAGIC; its boot sector looks like FAT's
  { types: ['hpfs'], magic: [hex(8192, '49e895f9'), hex(8704, '491891f9')] },
  { ...vfat, magic: [...FAT, text(82, 'FAT32')], label: label(71, 11), uuid: uuid(67, 'serial') },
  { ...fat16, magic: [...FAT, text(54, 'FAT')] },
  { ...vfat, magic: [...FAT, hex(0, 'eb')] },
  { ...vfat, magic: [...FAT, hex(0, 'e9')] },
  // fs/hfsplus/hfsplus_raw.h: HFSPLUS_VOLHEAD_SIG, SIGX; in an HFS wrapper where drEmbedSigWord has it
  { types: ['hfsplus'], magic: [text(1024, 'H+')] },
  { types: ['hfsplus'], magic: [text(1024, 'HX')] },
  { types: ['hfsplus'], magic: [text(1024, 'BD'), text(1148, 'H+')] },
  // fs/hfs/hfs.h: struct hfs_mdb
  { types: ['hfs'], magic: [text(1024, 'BD')], label: label(1060, 28, 'pascal') },
  ...UDF_SEQUENCE.map((at) => ({ types: ['udf'] as const, magic: [text(at, 'NSR0')] })),
  // include/uapi/linux/iso_fs.h: struct iso_primary_descriptor, High Sierra's struct hs_primary_descriptor
  { types: ['iso9660'], magic: [text(32_769, 'CD001')], label: label(32_808, 32) },
  { types: ['iso9660'], magic: [text(32_777, 'CDROM')], label: label(32_816, 32) },
  ...['7f13', '8f13', '6824', '7824'].map(minix),
  MINIX3,
  // include/uapi/linux/romfs_fs.h: struct romfs_super_block
  { types: ['romfs'], magic: [text(0, '-rom1fs-')], label: label(16, 256) },
  // include/uapi/linux/efs_fs_sb.h: struct efs_super, in block 1; the second magic number is newer
  ...['00072959', '0007295a'].map((magic) => ({ types: ['efs'] as const, magic: [hex(512 + 28, magic)] })),
  // include/uapi/linux/cramfs_fs.h: struct cramfs_super; one of the other byte order is for the driver to refuse
  ...[0, 512].flatMap((at) =>
    ['453dcd28', '28cd3d45'].map((magic) => ({
      types: ['cramfs'] as const,
      magic: [hex(at, magic)],
      label: label(at + 48, 16),
    })),
  ),
  { ...ufs2, magic: [hex(65_536 + 1372, '19015419')] },
  { ...ufs2, magic: [hex(65_536 + 1372, '19540119')] },
  { ...ufs1, magic: [hex(8192 + 1372, '54190100'), UFS_44_LE], options: 'ufstype=44bsd' },
  { ...ufs1, magic: [hex(8192 + 1372, '00011954'), UFS_44_BE], options: 'ufstype=44bsd' },
  { ...ufs1, magic: [hex(8192 + 1372, '54190100')], options: 'ufstype=sunx86' },
  { ...ufs1, magic: [hex(8192 + 1372, '00011954')], options: 'ufstype=sun' },
  // include/uapi/linux/bfs_fs.h: BFS_MAGIC
  { types: ['bfs'], magic: [hex(0, 'cefaad1b')] },
  // fs/befs/befs_fs_types.h: befs_super_block, at 0 or, on x86, at 512; of either byte order
  ...[0, 512].flatMap((at) =>
    ['1SFB', 'BFS1'].map((magic) => ({
      types: ['befs'] as const,
      magic: [text(at + 32, magic)],
      label: label(at, 32),
    })),
  ),
  // fs/affs/amigaffs.h: FS_OFS to FS_DCFFS, MUFS_OFS to MUFS_DCFFS
  { types: ['affs'], magic: [text(0, 'DOS'), hex(3, '00', 'f8')] },
  { types: ['affs'], magic: [text(0, 'muF'), hex(3, '00', 'f8')] },
  // fs/omfs/omfs_fs.h: struct omfs_super_block
  { types: ['omfs'], magic: [hex(272, 'c2993d87')] },
  // include/uapi/linux/qnx4_fs.h: struct qnx4_super_block, whose first entry is "/"
  { types: ['qnx4'], magic: [hex(512, '2f000000')] },
  // include/linux/qnx6_fs.h: behind the boot block, or at 0 where an MMI 3G system made it
  { types: ['qnx6'], magic: [hex(8192, '22119168')] },
  { types: ['qnx6'], magic: [hex(8192, '68191122')] },
  { types: ['qnx6'], magic: [hex(0, '22119168')], options: 'mmi_fs' },
  // include/linux/sysv_fs.h: struct sysv4_super_block, and struct xenix_super_block; fs/sysv/super.c: flavours
  ...[0, 9, 15, 18].flatMap((block) =>
    ['207e18fd', 'fd187e20'].map((magic) => ({
      types: ['sysv'] as const,
      magic: [hex(block * 1024 + 1016, magic)],
      label: label(block * 1024 + 952, 6),
    })),
  ),
  { types: ['sysv'], magic: [hex(2040, '44552b00')] },
  { types: ['sysv'], magic: [hex(2040, '002b5544')] },
  // fs/freevxfs/vxfs.h: VXFS_SUPER_MAGIC as UnixWare and as HP-UX have it
  { types: ['vxfs'], magic: [hex(1024, 'f5fc01a5')] },
  { types: ['vxfs'], magic: [hex(8192, 'a501fcf5')] },
];

/** Every field above lies in so many bytes from the start. */
export const SUPERBLOCK_BYTES = 68 * 1024;
