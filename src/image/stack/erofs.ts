/** An erofs whose files' data are in files beside it, blobs (fs/erofs/erofs_fs.h: struct erofs_super_block, at EROFS_SUPER_OFFSET). */

import { Fields } from '../probe/fields.ts';
import type { ProbedVolume } from '../volumes/volumes.ts';
import type { Volumes } from '../volumes/whole-or-partitions.ts';

const SUPER_AT = 1024;
const INCOMPAT_DEVICE_TABLE = 0x8;

/** How many files hold data of this volume; 0 where it is no erofs, or one that has all of them itself. */
export function erofsBlobs({ head, superblocks }: ProbedVolume): number {
  if (superblocks[0]?.types[0] !== 'erofs') return 0;
  const sb = new Fields(head.subarray(SUPER_AT));
  return sb.u32(80) & INCOMPAT_DEVICE_TABLE ? sb.u16(86) : 0;
}

/** Nothing in a blob says whose it is: those named beside the image, in their order. */
export const blobsBeside = (volume: ProbedVolume, disks: readonly Volumes[]): readonly ProbedVolume[] =>
  disks
    .map(({ whole }) => whole)
    .filter(({ name }) => name !== volume.name && !volume.on.some((one) => one.name === name));
