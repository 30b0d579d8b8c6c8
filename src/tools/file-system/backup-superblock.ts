/** Which file system was on a volume whose first blocks tell nothing any more: by the copies of its superblock that lie further in. */

import type { VolumeBytes } from '../../image/probe/volume-bytes.ts';

interface Copy {
  readonly at: number;
  readonly magic: readonly number[];
}

/** fs/ext4/ext4.h: s_magic is at 56; group 1 of 8 * block size blocks has a copy, behind the boot block where blocks have 1 KiB. */
const EXT_MAGIC = [0x53, 0xef];
const extCopy = (blockBytes: number): Copy => ({
  at: blockBytes * (8 * blockBytes + (blockBytes === 1024 ? 1 : 0)) + 56,
  magic: EXT_MAGIC,
});

/** fs/btrfs/disk-io.h: btrfs_sb_offset; its magic is at 64. */
const BTRFS_COPY: Copy = { at: 64 * 2 ** 20 + 64, magic: [...'_BHRfS_M'].map((char) => char.charCodeAt(0)) };

/** Each allocation group of XFS begins with one; mkfs.xfs makes four of a small disk. */
const XFS_MAGIC = [...'XFSB'].map((char) => char.charCodeAt(0));
const xfsCopy = (sizeBytes: number): Copy => ({ at: Math.floor(sizeBytes / 4096 / 4) * 4096, magic: XFS_MAGIC });

/** Undefined: no copy is where one would be. */
export async function typeByBackup(bytes: VolumeBytes): Promise<'ext4' | 'btrfs' | 'xfs' | undefined> {
  const isThere = async ({ at, magic }: Copy): Promise<boolean> => {
    if (at + magic.length > bytes.sizeBytes) return false;
    const found = await bytes.read(at, magic.length);
    return magic.every((byte, i) => found[i] === byte);
  };
  for (const blockBytes of [4096, 1024, 2048]) if (await isThere(extCopy(blockBytes))) return 'ext4';
  if (await isThere(xfsCopy(bytes.sizeBytes))) return 'xfs';
  return (await isThere(BTRFS_COPY)) ? 'btrfs' : undefined;
}
