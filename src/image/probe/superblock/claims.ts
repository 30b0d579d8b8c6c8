/** How large each file system says that it is: what an image that was cut short no longer has. */

import { erofsBytes, extGeometry, squashfsBytes } from '../../../storage/superblock-sizes.ts';
import { crc32c } from '../crc.ts';
import { BLOCK, lastSession } from '../disc/sessions.ts';
import { UDF, udfDescriptor } from '../disc/udf.ts';
import { Fields, fieldsAt } from '../fields.ts';
import type { VolumeBytes } from '../volume-bytes.ts';

/** Bytes from the beginning of the volume to the end of the file system; undefined where it does not say. */
type Claim = (volume: VolumeBytes) => Promise<number | undefined>;

/** Larger than anything that is: the number is damaged. As one whose sum is wrong (NaN), it is for the driver to judge. */
const ABSURD = 2 ** 60;

/** Bytes, of the fields that say it; `isWhole`: all of them are there. */
type Count = (fields: Fields, isWhole: boolean) => number;

/**
 * What lies at `at`, given to `count`, and whether it is there to its end. Of a volume that ends inside of it that much is
 * known: it has fewer bytes than its file system; a sum over it is none.
 */
async function countedAt(volume: VolumeBytes, at: number, length: number, count: Count, littleEndian = true) {
  const isWhole = volume.sizeBytes >= at + length;
  const counted = count(await fieldsAt(volume, at, length, littleEndian), isWhole);
  return isWhole ? counted : Math.max(counted < ABSURD ? counted : 0, at + length);
}

/** Of those whose place is always the same. */
const from =
  (at: number, length: number, count: Count, littleEndian = true): Claim =>
  (volume) =>
    countedAt(volume, at, length, count, littleEndian);

/** fs/ext4/ext4.h */
const EXT_RO_COMPAT_METADATA_CSUM = 0x400;
const ext = from(1024, 1024, (sb, isWhole) => {
  if (isWhole && sb.u32(100) & EXT_RO_COMPAT_METADATA_CSUM && crc32c(sb.slice(0, 1020)) !== sb.u32(1020))
    return Number.NaN;
  const { blocks, blockBytes } = extGeometry(sb);
  return blocks * blockBytes;
});

/** fs/xfs/libxfs/xfs_format.h: sb_dblocks, sb_blocksize; from version 5 on sb_crc, over a sector in which that is zero. */
const xfs = from(
  0,
  4096,
  (sb, isWhole) => {
    const summed = sb.slice(0, sb.u16(102)).slice().fill(0, 224, 228);
    const stored = new Fields(sb.slice(224, 4)).u32(0);
    if (isWhole && (sb.u16(100) & 0xf) === 5 && ~crc32c(summed) >>> 0 !== stored) return Number.NaN;
    return sb.u64(8) * sb.u32(4);
  },
  false,
);

/** include/uapi/linux/btrfs_tree.h: dev_item.total_bytes; csum_type 0 is crc32c of all that follows the sum. */
const btrfs = from(65_536, 4096, (sb, isWhole) => {
  if (isWhole && sb.u16(196) === 0 && ~crc32c(sb.slice(32, 4064)) >>> 0 !== sb.u32(0)) return Number.NaN;
  return sb.u64(209);
});

/** include/uapi/linux/msdos_fs.h: struct fat_boot_sector. */
const fat = from(0, 512, (boot) => (boot.u16(19) || boot.u32(32)) * boot.u16(11));

/** fs/f2fs: the second superblock lies a block behind the first. */
const f2fs: Claim = async (volume) => {
  for (const at of [1024, 4096 + 1024]) {
    const sb = await fieldsAt(volume, at, 64);
    if (sb.u32(0) === 0xf2f52010) return sb.u64(36) * 2 ** sb.u32(16);
  }
  return undefined;
};

/** fs/reiserfs/reiserfs.h: s_block_count and s_blocksize. */
const reiserfs: Claim = async (volume) => {
  for (const at of [65_536, 8192]) {
    const sb = await fieldsAt(volume, at, 64);
    if (/^ReIsEr(2|3)?F/.test(sb.ascii(52, 9))) return sb.u32(0) * sb.u16(44);
  }
  return undefined;
};

/** fs/jfs/jfs_superblock.h: the aggregate, behind it the work space of fsck and the log, as pxd_t have them. */
const jfs = from(32_768, 184, (sb) => {
  const blockBytes = sb.u32(16);
  const end = (pxd: number) => {
    const [low, high] = [sb.u32(pxd), sb.u32(pxd + 4)];
    return ((low >>> 24) * 2 ** 32 + high + (low & 0xff_ffff)) * blockBytes;
  };
  return Math.max(sb.u64(8) * sb.u32(24), end(72), end(80));
});

const HFS_EMBEDDED = 0x482b; // 'H+'
/** fs/hfs/hfs.h: struct hfs_mdb. */
const hfs = from(1024, 162, (mdb) => mdb.u16(28) * 512 + mdb.u16(18) * mdb.u32(20), false);
/** fs/hfsplus/hfsplus_raw.h: struct hfsplus_vh, alone or in an HFS wrapper, which is the larger of both. */
const hfsplus: Claim = async (volume) => {
  const mdb = await fieldsAt(volume, 1024, 162, false);
  if (mdb.ascii(0, 2) === 'BD' && mdb.u16(124) === HFS_EMBEDDED) return hfs(volume);
  return mdb.u32(44) * mdb.u32(40);
};

/** include/uapi/linux/iso_fs.h: volume_space_size and logical_block_size; High Sierra has them 8 bytes further. Of the last session. */
const iso9660: Claim = async (volume) => {
  const start = ((await lastSession(volume)) ?? 0) * BLOCK;
  return countedAt(volume, start + 32_768, 2048, (descriptor) => {
    const shift = descriptor.ascii(1, 5) === 'CD001' ? 0 : 8;
    return start + descriptor.u32(80 + shift) * descriptor.u16(128 + shift);
  });
};

const UDF_ANCHOR_END = 257 * 2048;

/** ECMA-167 3/10.5: where the partition begins and how long it is. Its descriptor may be behind the end already. */
const udf: Claim = async (volume) => {
  const found = await udfDescriptor(volume, UDF.PARTITION);
  // Of a disc of 2048-byte sectors, which that most often is, the anchor is sector 256: it is behind the end.
  if (found === undefined) return volume.sizeBytes < UDF_ANCHOR_END ? UDF_ANCHOR_END : undefined;
  if (!('bytes' in found)) return Math.max(found.end, volume.sizeBytes + 1);
  const descriptor = new Fields(found.bytes);
  return (descriptor.u32(188) + descriptor.u32(192)) * found.sectorBytes;
};

/** include/uapi/linux/minix_fs.h: struct minix_super_block and minix3_super_block. */
const minix = from(1024, 64, (sb) => {
  if (sb.u16(24) === 0x4d5a) return sb.u32(20) * sb.u16(28);
  const zones = [0x2468, 0x2478].includes(sb.u16(16)) ? sb.u32(20) : sb.u16(2);
  return zones * 1024;
});

/** include/uapi/linux/cramfs_fs.h: struct cramfs_super, at 0 or 512; its size counts what lies before it. */
const cramfs: Claim = async (volume) => {
  for (const at of [0, 512]) {
    const sb = await fieldsAt(volume, at, 64);
    if (sb.u32(0) === 0x28cd3d45) return sb.u32(4);
  }
  return undefined;
};

/** fs/ufs/ufs_fs.h: fs_old_size or fs_size, in fragments of fs_fsize. */
const ufs: Claim = async (volume) => {
  for (const littleEndian of [true, false]) {
    const ufs1 = await fieldsAt(volume, 8192, 1536, littleEndian);
    if (ufs1.u32(1372) === 0x11954) return ufs1.u32(36) * ufs1.u32(52);
    const ufs2 = await fieldsAt(volume, 65_536, 1536, littleEndian);
    if (ufs2.u32(1372) === 0x19540119) return ufs2.u64(1080) * ufs2.u32(52);
  }
  return undefined;
};

/** fs/befs/befs_fs_types.h: num_blocks and block_size. */
const befs: Claim = async (volume) => {
  for (const at of [0, 512]) {
    const magic = (await fieldsAt(volume, at + 32, 4)).ascii(0, 4);
    if (magic !== '1SFB' && magic !== 'BFS1') continue;
    const sb = await fieldsAt(volume, at, 64, magic === '1SFB');
    return sb.u64(48) * sb.u32(40);
  }
  return undefined;
};

/** fs/qnx6: the first superblock, behind the boot block. */
const qnx6: Claim = async (volume) => {
  for (const littleEndian of [true, false]) {
    const sb = await fieldsAt(volume, 8192, 64, littleEndian);
    if (sb.u32(0) === 0x68191122) return sb.u32(60) * sb.u32(48);
  }
  return undefined;
};

/** fs/freevxfs/vxfs.h: struct vxfs_sb. */
const vxfs: Claim = async (volume) => {
  for (const [at, littleEndian] of [
    [1024, true],
    [8192, false],
  ] as const) {
    const sb = await fieldsAt(volume, at, 64, littleEndian);
    if (sb.u32(0) === 0xa501fcf5) return sb.u32(32) * sb.u32(36);
  }
  return undefined;
};

/** By what the file system is called. Of affs, qnx4, sysv, adfs and v7 the beginning does not say it. */
const claims: Readonly<Record<string, Claim>> = {
  ext2: ext,
  ext3: ext,
  ext4: ext,
  xfs,
  btrfs,
  squashfs: from(0, 96, squashfsBytes),
  erofs: from(1024, 128, erofsBytes),
  f2fs,
  jfs,
  reiserfs,
  efs: from(512, 64, (sb) => sb.u32(0) * 512, false), // fs_size
  nilfs2: from(1024, 64, (sb) => sb.u64(32)), // s_dev_size
  ntfs3: from(0, 512, (boot) => boot.u64(40) * boot.u16(11)), // sectors_per_volume, bytes_per_sector
  exfat: from(0, 512, (boot) => boot.u64(72) * 2 ** boot.u8(108)), // vol_length, sect_size_bits
  hpfs: from(8192, 64, (sb) => sb.u32(16) * 512), // n_sectors
  vfat: fat,
  hfsplus,
  hfs,
  udf,
  iso9660,
  minix,
  romfs: from(0, 16, (sb) => sb.u32(8), false), // size
  cramfs,
  ufs,
  bfs: from(0, 16, (sb) => sb.u32(8) + 1), // s_end, the last byte
  befs,
  omfs: from(256, 64, (sb) => sb.u64(8) * sb.u32(20), false), // s_num_blocks, s_blocksize
  qnx6,
  vxfs,
};

/** Bytes of the file system of `type` that begins where `volume` does; undefined where that does not say, or nonsense. */
export async function claimedBytes(volume: VolumeBytes, type: string): Promise<number | undefined> {
  const bytes = await claims[type]?.(volume);
  return bytes !== undefined && bytes > 0 && bytes < ABSURD ? bytes : undefined;
}
