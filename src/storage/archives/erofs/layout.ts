/** Numbers of EROFS on disk (fs/erofs/erofs_fs.h). */

export const BLOCK = 4096;
export const BLOCK_BITS = 12;

/**
 * Where inodes begin. What lies before, but for the superblock, is zeros: nobody who makes an archive can put the superblock
 * of another file system there, or a partition table.
 */
export const META_AT = 2 ** 20;

export const SUPERBLOCK_AT = 1024;
export const MAGIC = 0xe0f5e1e2;
export const FEATURE_CHUNKED_FILE = 4;

/** Numbers of inodes count in these from META_AT on. */
export const SLOT = 32;
export const INODE_BYTES = 64;

/** Bit 0 of i_format: the long form; from bit 1 on the layout of the data. */
export const EXTENDED = 1;
export const PLAIN = 0;
export const INLINE = 2;
export const CHUNKS = 4;
export const NULL_CHUNK = 0xffffffff;

export const XATTR_HEADER_BYTES = 12;
export const XATTR_ENTRY_BYTES = 4;

export const DIRENT_BYTES = 12;

export const up = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
