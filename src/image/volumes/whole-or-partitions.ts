/** Whether all of a device or its partitions are meant, by evidence. */

import { SECTOR } from '../../storage/block-device.ts';
import { bootImages } from '../probe/disc/el-torito.ts';
import { type ProbedVolume, volumeBytesOf } from './volumes.ts';

/** A partition, and what the table says of it. */
export interface ProbedPartition extends ProbedVolume {
  readonly uuid: string | undefined;
  /** The type's GUID, or its code as in 0x83. */
  readonly typeCode: string | undefined;
}

export interface Volumes {
  readonly whole: ProbedVolume;
  readonly partitions: readonly ProbedPartition[];
  /** The kind of partition table whose signature was seen, whether or not Linux took it. */
  readonly table: string | undefined;
}

export const bears = ({ superblocks }: ProbedVolume): boolean => superblocks.length > 0;

/** File systems that discs have with a partition table around them, for firmware that looks for one. */
const DISCS = ['iso9660', 'udf', 'hfsplus', 'hfs'];
/** Their superblock is in the sector of the table: neither is older than the other. */
const IN_FIRST_SECTOR = ['vfat', 'ntfs3', 'exfat', 'xfs', 'squashfs', 'hpfs', 'romfs', 'cramfs', 'bfs'];
/** A hybrid disc has a partition for itself that begins at 0 or, past its own tables, at 64. */
const NEAR_BEGINNING = 64;

/**
 * The whole image or its partitions? A signature may be older than the table next to it, and a table may be part of a
 * disc: 'both' where nothing tells.
 */
export async function wholeOrPartitions({ whole, partitions }: Volumes): Promise<'whole' | 'partitions' | 'both'> {
  const [superblock] = whole.superblocks;
  if (superblock === undefined) return 'partitions';
  if (partitions.length === 0 || partitions.some(({ startSector }) => startSector === 0)) return 'whole';
  const bearing = partitions.filter(bears);
  const known = (await Promise.all(partitions.map(({ content }) => content()))).filter((one) => one !== undefined);
  const type = superblock.types[0];
  const end = whole.claimed ?? volumeBytesOf(whole);
  const inside = (volume: ProbedVolume) => volume.startSector * SECTOR < end;
  if (DISCS.includes(type)) {
    if (partitions.some(({ startSector }) => startSector <= NEAR_BEGINNING)) return 'whole';
    const starts = await bootImages(whole.bytes);
    if (partitions.some(({ startSector }) => starts.has(startSector))) return 'whole';
    if (bearing.length === 0 && known.length === 0 && partitions.every(inside)) return 'whole';
    // The only partitions of some discs are images for firmware inside of them; of a reused stick they are the new ones.
    if (bearing.length > 0 && bearing.every((one) => inside(one) && one.superblocks[0]?.types[0] === 'vfat'))
      return 'both';
  }
  if (bearing.length > 0) return 'partitions';
  return known.length === 0 && IN_FIRST_SECTOR.includes(type) ? 'whole' : 'both';
}

/** A slice and its first partition begin at one sector: the same file system seen twice. The smaller one is its own. */
export const withoutEnclosing = <V extends ProbedVolume>(volumes: readonly V[]): V[] =>
  withoutRepeated(volumes).filter(
    (outer) => !volumes.some((inner) => isOfOneDisk(inner, outer) && isFirstOf(inner, outer)),
  );

/** A chain of logical partitions that leads back to itself shows the same ones up to number 255. */
export const withoutRepeated = <V extends ProbedVolume>(volumes: readonly V[]): V[] =>
  volumes.filter((one, i) => !volumes.slice(0, i).some((before) => isOfOneDisk(before, one) && isSame(before, one)));

const isSame = (one: ProbedVolume, other: ProbedVolume): boolean =>
  one.startSector === other.startSector && one.sectors === other.sectors;

const isOfOneDisk = (one: ProbedVolume, other: ProbedVolume): boolean =>
  one.kind === 'part' && other.kind === 'part' && one.on[0]?.name === other.on[0]?.name;

const isFirstOf = (inner: ProbedVolume, outer: ProbedVolume): boolean =>
  inner.startSector === outer.startSector && inner.sectors < outer.sectors;
