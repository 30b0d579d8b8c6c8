/** Which volumes are one btrfs (include/uapi/linux/btrfs_tree.h: struct btrfs_super_block, at BTRFS_SUPER_INFO_OFFSET). */

import { toHex } from '../../bytes/hex.ts';
import { Fields } from '../probe/fields.ts';
import type { ProbedVolume } from '../volumes/volumes.ts';

const SUPER_AT = 65_536;

export interface BtrfsPart {
  /** Hex digits; the same for all of its devices. */
  readonly fsid: string;
  /** How many it has when it is whole. */
  readonly devices: number;
  /** Which of them this is. */
  readonly id: number;
  readonly generation: number;
  /** Others were added to what it has, which is read-only: BTRFS_SUPER_FLAG_SEEDING. */
  readonly isSeed: boolean;
}

/** Undefined where it is no btrfs. */
export function btrfsPart({ head, superblocks }: ProbedVolume): BtrfsPart | undefined {
  if (superblocks[0]?.types[0] !== 'btrfs') return undefined;
  const sb = new Fields(head.subarray(SUPER_AT));
  const fsid = toHex(sb.slice(32, 16));
  return { fsid, devices: sb.u64(136), id: sb.u64(201), generation: sb.u64(72), isSeed: (sb.u32(60) & 1) === 1 };
}

/** The other devices of the same file system, each once: the newest where there are copies. */
export function btrfsSiblings(volume: ProbedVolume, all: readonly ProbedVolume[]): readonly ProbedVolume[] {
  const own = btrfsPart(volume);
  if (own === undefined) return [];
  const byId = new Map<number, ProbedVolume>();
  for (const one of all) {
    const part = btrfsPart(one);
    if (part?.fsid !== own.fsid || part.id === own.id || one.name === volume.name) continue;
    const known = byId.get(part.id);
    if (known === undefined || (btrfsPart(known)?.generation ?? 0) < part.generation) byId.set(part.id, one);
  }
  return [...byId.values()];
}

/** What a file system that grew from it needs of a seed is its own: the seed has another identity, and says of itself alone what it is. */
export const btrfsSeeds = (volume: ProbedVolume, all: readonly ProbedVolume[]): readonly ProbedVolume[] => {
  const own = btrfsPart(volume);
  return all.filter((one) => one.name !== volume.name && btrfsPart(one)?.isSeed && btrfsPart(one)?.fsid !== own?.fsid);
};
