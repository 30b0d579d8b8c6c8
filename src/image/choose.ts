/** Which volume of an image is meant: by evidence where nobody says it, by number, label, UUID or role where somebody does. */

import { HostError } from '../errors/host-error.ts';
import { SECTOR } from '../storage/block-device.ts';
import type { PartitionSelector } from './mounted-image.ts';
import { bootImages } from './probe/el-torito.ts';
import { embedded } from './probe/embedded.ts';
import { rootTypes } from './probe/partition-types.ts';
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

const bears = ({ superblocks }: ProbedVolume): boolean => superblocks.length > 0;

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

export interface Wanted {
  readonly type: string | undefined;
  readonly partition: PartitionSelector | undefined;
  /** What lies behind the end of the image is not needed. */
  readonly evenIfCut: boolean;
}

/** The volume to mount. `looksLikeRoot` mounts one to see; it is asked only where no type of partition tells. */
export async function chooseVolume(
  volumes: Volumes,
  wanted: Wanted,
  looksLikeRoot: (volume: ProbedVolume) => Promise<boolean>,
): Promise<ProbedVolume> {
  const { whole, partitions } = volumes;
  if (wanted.partition !== undefined) return select(volumes, wanted.partition, looksLikeRoot);
  const which = await wholeOrPartitions(volumes);
  if (which === 'whole') return whole;
  const found = withoutEnclosing(partitions.filter(bears));
  if (which === 'both' && (wanted.type === undefined || found.length > 0))
    throw await severalFileSystems([whole, ...found]);
  const [only] = found;
  if (found.length > 1) throw await severalFileSystems(found);
  const lost = partitions.filter(({ bytes, sectors, superblocks }) => {
    return superblocks.length === 0 && bytes.sizeBytes < sectors * SECTOR;
  });
  if (lost.length > 0 && !wanted.evenIfCut) throw await partitionsCut(lost, only);
  if (only !== undefined) return only;
  if (wanted.type === undefined) throw await noFileSystem(volumes);
  return whole; // for its driver to say why not
}

/** A slice and its first partition begin at one sector: the same file system seen twice. The smaller one is its own. */
const withoutEnclosing = <V extends ProbedVolume>(volumes: readonly V[]): V[] =>
  volumes.filter(
    (outer) => !volumes.some((inner) => inner.startSector === outer.startSector && inner.sectors < outer.sectors),
  );

async function select(
  { whole, partitions }: Volumes,
  selector: PartitionSelector,
  looksLikeRoot: (volume: ProbedVolume) => Promise<boolean>,
): Promise<ProbedVolume> {
  const text = String(selector);
  if (text === 'whole') return whole;
  if (/^\d+$/.test(text)) {
    const numbered = partitions.find(({ partition }) => partition === Number(text));
    if (numbered === undefined) throw await noSuchPartition(text, partitions);
    return numbered;
  }
  const named: ProbedPartition[] = [];
  for (const partition of partitions) if (await isNamed(partition, text)) named.push(partition);
  if (text === 'root') return root(partitions, named, looksLikeRoot);
  const [only] = named;
  if (named.length > 1) throw await severalFileSystems(named);
  if (only === undefined) throw await noSuchPartition(text, partitions);
  return only;
}

/** By label or UUID, of the table or of the file system; UUIDs in either case. */
async function isNamed(partition: ProbedPartition, selector: string): Promise<boolean> {
  const [, tag, rest = ''] = /^(LABEL|UUID|PARTLABEL|PARTUUID)=(.*)$/s.exec(selector) ?? [];
  const name = tag === undefined ? selector : rest;
  const { label, uuid } = partition;
  const content = (await partition.fileSystem()) ?? (await partition.content());
  const same = (one: string | undefined) => one?.toLowerCase() === name.toLowerCase();
  const by = {
    LABEL: content?.label === name,
    UUID: same(content?.uuid),
    PARTLABEL: label === name,
    PARTUUID: same(uuid),
  } as const;
  return tag === undefined ? Object.values(by).some(Boolean) : by[tag as keyof typeof by];
}

/** By the type of the partition; else by its name; else by what is in it. */
async function root(
  partitions: readonly ProbedPartition[],
  named: readonly ProbedPartition[],
  looksLikeRoot: (volume: ProbedVolume) => Promise<boolean>,
): Promise<ProbedVolume> {
  const typed = partitions.filter(({ typeCode }) => typeCode !== undefined && rootTypes.has(typeCode));
  let found: readonly ProbedPartition[] = typed.length > 0 ? typed : named;
  if (found.length === 0) {
    const like: ProbedPartition[] = [];
    for (const partition of withoutEnclosing(partitions.filter(bears))) {
      if (await looksLikeRoot(partition)) like.push(partition);
    }
    found = like;
  }
  const [only] = found;
  if (found.length > 1) throw await severalFileSystems(found);
  if (only === undefined) throw await noSuchPartition('root', partitions);
  return only;
}

const describe = async (volume: ProbedVolume | ProbedPartition) => ({
  ...(volume.partition !== undefined && { number: volume.partition }),
  type: volume.superblocks[0]?.types[0] ?? (await volume.content())?.type,
  label: (await volume.fileSystem())?.label ?? volume.label,
  size_bytes: volumeBytesOf(volume),
});

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
function sizeText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(4))} ${UNITS[power]}`;
}

/** Each with what tells it from the others: number, type, label, size. */
async function inWords(volumes: readonly ProbedVolume[]): Promise<string> {
  const described = await Promise.all(volumes.map(describe));
  return described
    .map(({ number, type, label, size_bytes }) => {
      const facts = [type, label && `"${label}"`, sizeText(size_bytes)].filter(Boolean).join(', ');
      return `${number === undefined ? 'the whole image' : `partition ${number}`} (${facts})`;
    })
    .join('; ');
}

async function severalFileSystems(volumes: readonly ProbedVolume[]): Promise<HostError> {
  const whole = volumes.some(({ partition }) => partition === undefined);
  const how = whole
    ? 'choose a partition by number, label or UUID, or "whole"'
    : 'choose one by number, label or UUID, or "root"';
  return new HostError('several-file-systems', `${await inWords(volumes)}: ${how}`, {
    members: { partitions: await Promise.all(volumes.map(describe)) },
  });
}

/** What else there was on the disk is not known: one file system need not be the only one. */
async function partitionsCut(lost: readonly ProbedPartition[], only: ProbedPartition | undefined): Promise<HostError> {
  const there = only === undefined ? '' : `; there is ${await inWords([only])}: choose it, to have it alone`;
  const numbers = lost.map(({ partition }) => partition).join(', ');
  const what = `the image ends before partition${lost.length > 1 ? 's' : ''} ${numbers} of its table`;
  return new HostError('image-cut', `${what}${lost.length > 1 ? ' do' : ' does'}${there}`);
}

async function noSuchPartition(selector: string, partitions: readonly ProbedPartition[]): Promise<HostError> {
  const there = partitions.length > 0 ? `there is ${await inWords(partitions)}` : 'the kernel finds no partitions';
  return new HostError('no-such-partition', `there is no partition ${selector}: ${there}`, {
    members: { partitions: partitions.map(({ partition }) => partition) },
  });
}

/** With what there is instead, where that is known. */
async function noFileSystem({ whole, partitions, table }: Volumes): Promise<HostError> {
  const known: string[] = [];
  for (const { partition, content } of [whole, ...partitions]) {
    const words = (await content())?.words;
    if (words) known.push(`${partition === undefined ? 'it' : `partition ${partition}`} is ${words}`);
  }
  if (known.length === 0) known.push(...(await seen({ whole, partitions, table })));
  const why = known.length > 0 ? `no file system was found: ${known.join('; ')}` : undefined;
  return new HostError('no-file-system', why);
}

/** What was seen and leads to nothing. */
async function seen({ whole, partitions, table }: Volumes): Promise<string[]> {
  const inside = await embedded(whole.bytes);
  if (inside)
    return [`${inside.what}; at byte ${inside.at} there is ${inside.type}: mount it with offset ${inside.at}`];
  if (table === undefined) return [];
  return partitions.length > 0
    ? [`it has a partition table (${table}), and nothing that is known in ${await inWords(partitions)}`]
    : [`it has the signature of a partition table (${table}), in which the kernel finds no partitions`];
}
