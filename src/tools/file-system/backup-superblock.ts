/** Which file system was on a volume whose first blocks tell nothing any more: by the copies of its superblock that lie further in. */

import { fieldsAt } from '../../image/probe/fields.ts';
import { BTRFS_COPY_AT, BTRFS_MAGIC, copyOf } from '../../image/probe/superblock/spare-superblock.ts';
import type { VolumeBytes } from '../../image/probe/volume-bytes.ts';

/** Each allocation group of XFS begins with one; mkfs.xfs makes four of a small disk. */
const XFS_MAGIC = 'XFSB';
const xfsCopyAt = (sizeBytes: number): number => Math.floor(sizeBytes / 4096 / 4) * 4096;

/** Copies that only a repair tool can use are told, too: of XFS, and of btrfs with sums other than crc32c. Undefined: there is none. */
export async function typeByBackup(bytes: VolumeBytes): Promise<string | undefined> {
  const isThere = async (at: number, magic: string): Promise<boolean> =>
    (await fieldsAt(bytes, at, magic.length)).ascii(0, magic.length) === magic;
  const copy = await copyOf(bytes);
  if (copy) return copy.type;
  if (await isThere(xfsCopyAt(bytes.sizeBytes), XFS_MAGIC)) return 'xfs';
  return (await isThere(BTRFS_COPY_AT + 64, BTRFS_MAGIC)) ? 'btrfs' : undefined;
}
