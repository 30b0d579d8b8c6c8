/** Reads what a member of an md array says of it (linux/raid/md_p.h: struct mdp_superblock_1, struct mdp_superblock_s). */

import { toHex } from '../../../bytes/hex.ts';
import { fieldsAt } from '../../probe/fields.ts';
import type { VolumeBytes } from '../../probe/volume-bytes.ts';

export interface MdMember {
  readonly version: { readonly major: number; readonly minor: number };
  /** Hex digits; the same for all members. */
  readonly array: string;
  /** As mdadm(8) was told; of version 0.90 none. */
  readonly name: string | undefined;
  readonly level: number;
  /** Of the array when it is whole. */
  readonly disks: number;
  /** Of these, how many were in use when this member was last written: fewer are left of an array that is known to be degraded. */
  readonly active: number;
  /** Counts changes: who has fewer was left behind. */
  readonly events: number;
  /** Names the member in the array. */
  readonly number: number;
  /** Where the member's data end, by its superblock: the device is as long, or was cut short. Of version 0.90 that is lost with its end. */
  readonly endSector: number;
}

const MAGIC = 0xa92b4efc;
const SECTOR = 512;
const RESERVED = 65_536;

/** 1.1, 1.2, 1.0: from the beginning, after 4 KiB, in the last 8 KiB but for what is no multiple of 4 KiB. */
function places({ sizeBytes }: VolumeBytes): readonly (readonly [minor: number, at: number])[] {
  const last = Math.floor(sizeBytes / SECTOR) - 16;
  return [
    [1, 0],
    [2, 4096],
    [0, (last - (last % 8)) * SECTOR],
  ];
}

/** Undefined where it is no member of an array. */
export async function mdMember(bytes: VolumeBytes): Promise<MdMember | undefined> {
  for (const [minor, at] of places(bytes)) {
    if (at < 0) continue;
    const sb = await fieldsAt(bytes, at, 256);
    if (sb.u32(0) !== MAGIC || sb.u32(4) !== 1 || sb.u64(144) * SECTOR !== at) continue;
    const [name = ''] = new TextDecoder().decode(sb.slice(32, 32)).split('\0');
    return {
      version: { major: 1, minor },
      array: toHex(sb.slice(16, 16)),
      name: name || undefined,
      level: sb.u32(72) | 0,
      disks: sb.u32(92),
      active: await activeRoles(bytes, at, sb.u32(220)),
      events: sb.u64(200),
      number: sb.u32(160),
      endSector: sb.u64(128) + sb.u64(136), // data_offset, data_size
    };
  }
  return oldMember(bytes);
}

/** Who is no part of the array: 0xffff is a spare, 0xfffe has failed, 0xfffd is a journal. */
const FIRST_OTHER_ROLE = 0xfffd;
const MAX_MEMBERS = 1920;

async function activeRoles(bytes: VolumeBytes, at: number, members: number): Promise<number> {
  const count = Math.min(members, MAX_MEMBERS);
  const roles = await fieldsAt(bytes, at + 256, 2 * count);
  return Array.from({ length: count }, (_, i) => roles.u16(2 * i)).filter((role) => role < FIRST_OTHER_ROLE).length;
}

async function oldMember(bytes: VolumeBytes): Promise<MdMember | undefined> {
  const at = Math.floor(bytes.sizeBytes / RESERVED) * RESERVED - RESERVED;
  if (at < RESERVED) return undefined;
  const sb = await fieldsAt(bytes, at, 4096);
  if (sb.u32(0) !== MAGIC || sb.u32(4) !== 0) return undefined;
  return {
    version: { major: 0, minor: sb.u32(8) },
    array: toHex([...sb.slice(20, 4), ...sb.slice(52, 12)]),
    name: undefined,
    level: sb.u32(28) | 0,
    disks: sb.u32(40),
    active: sb.u32(136),
    events: sb.u64(156),
    // this_disk, the last of the descriptors of 128 bytes
    number: sb.u32(3968),
    endSector: 0,
  };
}

const LEVELS: Readonly<Record<number, string>> = {
  [-1]: 'linear',
  0: 'raid0',
  1: 'raid1',
  4: 'raid4',
  5: 'raid5',
  6: 'raid6',
  10: 'raid10',
};

/** As mdadm(8) calls it. */
export const levelName = (level: number): string => LEVELS[level] ?? `level ${level}`;
