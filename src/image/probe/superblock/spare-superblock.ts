/** The copies of its superblock that a file system keeps elsewhere, for where the first one is damaged or gone. */

import { crc32c } from '../crc.ts';
import { Fields, fieldsAt } from '../fields.ts';
import { partitionTableOf } from '../partition-table/partition-tables.ts';
import type { Patch } from '../patch.ts';
import type { VolumeBytes } from '../volume-bytes.ts';
import { superblocksOf } from './superblock.ts';
import { SUPERBLOCK_BYTES } from './superblocks.ts';

export interface Spare {
  readonly type: string;
  /** Where the copy is. */
  readonly at: number;
  /** The copy as the first one. */
  readonly patch: Patch;
  /** Of the first one nothing is left: without the copy the volume would not be known at all. */
  readonly isAlone: boolean;
  /** What a tree that is read by it may lack. */
  readonly means: string;
}

/**
 * Only where nothing else is known to be there: a table, or another file system, is younger than a copy that nobody erased. Undefined
 * too where the first one is sound.
 */
export async function spareSuperblock(volume: VolumeBytes, head: Uint8Array): Promise<Spare | undefined> {
  const [first] = superblocksOf(head);
  const type = first?.types[0] ?? '';
  if (first === undefined && partitionTableOf(head) === undefined) {
    const copy = await copyOf(volume);
    return copy && { ...copy, isAlone: true };
  }
  const [isBtrfs, isExt] = [type === 'btrfs', /^ext[234]$/.test(type)];
  let copy: Copy | undefined;
  if (isBtrfs && !isSoundBtrfs(new Fields(head.subarray(BTRFS_AT)))) copy = await copyOfBtrfs(volume);
  if (isExt && !isSoundExt(new Fields(head.subarray(EXT_AT)))) copy = await copyOfExt(volume);
  return copy && { ...copy, isAlone: false };
}

/** A copy that is whole, whatever else is there. */
export const copyOf = async (volume: VolumeBytes): Promise<Copy | undefined> =>
  (await copyOfBtrfs(volume)) ?? (await copyOfExt(volume));

type Copy = Omit<Spare, 'isAlone'>;

/** fs/btrfs/disk-io.h: btrfs_sb_offset; the third copy, at 256 GiB, is for disks that the second one is there on. */
const BTRFS_AT = 65_536;
export const BTRFS_COPY_AT = 64 * 2 ** 20;
const BTRFS_BYTES = 4096;
/** At 64 of each. */
export const BTRFS_MAGIC = '_BHRfS_M';
const CRC32C = 0;

/** include/uapi/linux/btrfs_tree.h: csum, bytenr at 48, magic at 64, csum_type at 196. Of another sum it is not known. */
const isSoundBtrfs = (sb: Fields): boolean =>
  sb.u16(196) !== CRC32C || ~crc32c(sb.slice(32, BTRFS_BYTES - 32)) >>> 0 === sb.u32(0);

async function copyOfBtrfs(volume: VolumeBytes): Promise<Copy | undefined> {
  if (volume.sizeBytes < BTRFS_COPY_AT + BTRFS_BYTES) return undefined;
  const sb = await fieldsAt(volume, BTRFS_COPY_AT, BTRFS_BYTES);
  const isCopy = sb.ascii(64, 8) === BTRFS_MAGIC && sb.u64(48) === BTRFS_COPY_AT && sb.u16(196) === CRC32C;
  if (!isCopy || !isSoundBtrfs(sb)) return undefined;
  const bytes = sb.bytes.slice();
  const view = new DataView(bytes.buffer);
  view.setBigUint64(48, BigInt(BTRFS_AT), true);
  view.setUint32(0, ~crc32c(bytes.subarray(32)) >>> 0, true);
  return {
    type: 'btrfs',
    at: BTRFS_COPY_AT,
    patch: { at: BTRFS_AT, bytes },
    means: 'the copy is as new as the first one was',
  };
}

const EXT_AT = 1024;
const EXT_BYTES = 1024;
const METADATA_CSUM = 0x400;

/** fs/ext4/ext4.h: s_magic at 56, s_block_group_nr at 90, s_feature_ro_compat at 100, s_checksum at 1020. */
const isSoundExt = (sb: Fields): boolean =>
  (sb.u32(100) & METADATA_CSUM) === 0 || crc32c(sb.slice(0, 1020)) === sb.u32(1020);

/** s_log_block_size, and how many blocks a bit of a bitmap is for: more is bigalloc, 64 KiB as mke2fs makes it unasked, or 1 MiB. */
const EXT_LAYOUTS = [
  [2, 1],
  [0, 1],
  [1, 1],
  [2, 16],
  [2, 256],
] as const;

async function copyOfExt(volume: VolumeBytes): Promise<Copy | undefined> {
  for (const [log, blocksEach] of EXT_LAYOUTS) {
    const blockBytes = 1024 << log;
    // The second group begins behind as many as a bitmap of one block has bits; of 1 KiB blocks the first is the boot's.
    const at = (8 * blockBytes * blocksEach + (log === 0 ? 1 : 0)) * blockBytes;
    if (volume.sizeBytes < at + EXT_BYTES) continue;
    const sb = await fieldsAt(volume, at, EXT_BYTES);
    if (sb.u16(56) !== 0xef53 || sb.u16(90) !== 1 || sb.u32(24) !== log || !isSoundExt(sb)) continue;
    const bytes = sb.bytes.slice();
    const view = new DataView(bytes.buffer);
    view.setUint16(90, 0, true);
    if (sb.u32(100) & METADATA_CSUM) view.setUint32(1020, crc32c(bytes.subarray(0, 1020)), true);
    const head = new Uint8Array(SUPERBLOCK_BYTES);
    head.set(bytes, EXT_AT);
    const [row] = superblocksOf(head);
    if (row === undefined) continue;
    const means = 'its journal is not replayed, so that the last changes may be missing, half made or lead to errors';
    return { type: row.types[0], at, patch: { at: EXT_AT, bytes }, means };
  }
  return undefined;
}
