/** Which volumes of a device count: what lies in something larger is not to be taken for a file system by itself. */

import type { ProbedVolume } from './volumes.ts';
import { type Volumes, wholeOrPartitions, withoutEnclosing } from './whole-or-partitions.ts';

/** As blkid(8) calls what is opened by src/image/stack. */
const MEMBERS = ['crypto_LUKS', 'BitLocker', 'linux_raid_member', 'LVM2_member'];

export const isMemberType = (type: string): boolean => MEMBERS.includes(type);

/** What kind of member a volume is; undefined where it is none. */
export async function memberType({ content }: ProbedVolume): Promise<string | undefined> {
  const type = (await content())?.type;
  return type !== undefined && isMemberType(type) ? type : undefined;
}

/**
 * Where all of a device is a member, what looks like its partitions are those of what it is a part of; but the superblock of
 * the last partition's md may be where that of the disk would be, and a table may be younger than a label next to it.
 */
async function isWholeMember({ whole, partitions }: Volumes): Promise<boolean> {
  const type = await memberType(whole);
  if (type === undefined || partitions.length === 0) return type !== undefined;
  const contents = await Promise.all(partitions.map(({ content }) => content()));
  if (type !== 'linux_raid_member') return contents.every((one) => one === undefined);
  const uuid = (await whole.content())?.uuid;
  return !contents.some((one) => one?.type === type && one.uuid === uuid);
}

export async function exposed(volumes: Volumes): Promise<readonly ProbedVolume[]> {
  const { whole, partitions } = volumes;
  if (partitions.length === 0 || (await isWholeMember(volumes))) return [whole];
  const which = await wholeOrPartitions(volumes);
  if (which === 'whole') return [whole];
  const inside = withoutEnclosing(partitions);
  return which === 'both' ? [whole, ...inside] : inside;
}
