/** How long a file system says that it is, of those that a disk in pieces is asked for too: the fields, wherever they were read. */

/** Little-endian numbers at offsets of a superblock. */
export interface Numbers {
  u8(at: number): number;
  u16(at: number): number;
  u32(at: number): number;
  u64(at: number): number;
}

/** fs/squashfs/squashfs_fs.h: bytes_used. */
export const squashfsBytes = (sb: Numbers): number => sb.u64(40);

/** fs/erofs/erofs_fs.h: blocks, blkszbits. */
export const erofsBytes = (sb: Numbers): number => sb.u32(36) * 2 ** sb.u8(12);

/** UEFI 5.3.2: the block of the other table, which ends the disk. */
export const gptAlternate = (header: Numbers): number => header.u64(32);

const EXT_INCOMPAT_64BIT = 0x80;

/** fs/ext4/ext4.h: s_log_block_size, s_blocks_count_lo and _hi. */
export function extGeometry(sb: Numbers) {
  const isWide = (sb.u32(96) & EXT_INCOMPAT_64BIT) !== 0;
  return {
    isWide,
    blockBytes: 1024 * 2 ** sb.u32(24),
    blocks: (isWide ? sb.u32(0x150) * 2 ** 32 : 0) + sb.u32(4),
  };
}
