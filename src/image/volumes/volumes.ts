/** The places in an image that can hold a file system: all of it, and its partitions as the kernel's parsers found them. */

import { readNames, readText } from '../../kernel/sysfs.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { SECTOR } from '../../storage/block-device.ts';
import { type Identity, identify, identityOf } from '../identity/identify.ts';
import { hasRockRidge } from '../probe/disc/rock-ridge.ts';
import { BLOCK, lastSession } from '../probe/disc/sessions.ts';
import { patchedVolume } from '../probe/patch.ts';
import { claimedBytes } from '../probe/superblock/claims.ts';
import { type Spare, spareSuperblock } from '../probe/superblock/spare-superblock.ts';
import { superblocksOf } from '../probe/superblock/superblock.ts';
import { SUPERBLOCK_BYTES, type Superblock } from '../probe/superblock/superblocks.ts';
import { type VolumeBytes, volumeFrom } from '../probe/volume-bytes.ts';

/** Where a file system can be. */
export interface Volume {
  /** Undefined: all of the image. */
  readonly partition: number | undefined;
  /** Its name under /dev. */
  readonly name: string;
  readonly startSector: number;
  readonly sectors: number;
  /** As the partition table has it, or whatever else gives it a name. */
  readonly label: string | undefined;
  /** For people: "partition 2", "/dev/vg/root". */
  readonly title: string;
  /** What it can be chosen by beside that. */
  readonly names: readonly string[];
  /** As lsblk(8) has it: disk, part, crypt, lvm, raid1 … */
  readonly kind: string;
  /** What it lies on: for a partition the disk, for an array its members. */
  readonly on: readonly Volume[];
  /** What of it is known to be missing, in numbers. */
  readonly cut?: string | undefined;
}

/** A volume and what its bytes tell. */
export interface ProbedVolume extends Volume {
  /** What is there of it. */
  readonly bytes: VolumeBytes;
  readonly head: Uint8Array;
  /** In the order in which they are to be tried. */
  readonly superblocks: readonly Superblock[];
  /** Label and UUID of the first of these. Read when asked for, like `content`. */
  readonly fileSystem: () => Promise<Identity | undefined>;
  /** What it is, be it mountable or not. `byCopy`: only a copy of its superblock tells it. */
  readonly content: () => Promise<(Identity & { readonly byCopy?: boolean }) | undefined>;
  /** How many bytes the first of these says that it has; undefined where it does not. */
  readonly claimed: number | undefined;
  /** Its own superblock is damaged or gone: all this is what a copy of it says. */
  readonly spare?: Spare | undefined;
}

/** All of a disk or of another device. */
export const wholeVolume = (
  name: string,
  sectors: number,
  about: Pick<Volume, 'title'> & Partial<Pick<Volume, 'label' | 'names' | 'kind' | 'on' | 'cut'>>,
): Volume => ({
  partition: undefined,
  name,
  startSector: 0,
  sectors,
  label: undefined,
  names: [],
  kind: 'disk',
  on: [],
  ...about,
});

/** The partitions of `disk` by number (Documentation/ABI/stable/sysfs-block; block/partitions/core.c: part_uevent). */
export async function partitionsOf(task: UserTask, disk: string, whole?: Volume): Promise<Volume[]> {
  const folder = `/sys/block/${disk}`;
  const partitions: Volume[] = [];
  for (const name of await readNames(task, folder)) {
    if (!name.startsWith(disk)) continue;
    const number = async (file: string) => Number(await readText(task, `${folder}/${name}/${file}`));
    const uevent = await readText(task, `${folder}/${name}/uevent`);
    const partition = await number('partition');
    partitions.push({
      partition,
      name,
      startSector: await number('start'),
      sectors: await number('size'),
      label: /^PARTNAME=(.+)$/m.exec(uevent)?.[1],
      title: titleOf(partition, whole),
      names: [name, ...(whole?.names ?? []).map((one) => partitionName(one, partition))],
      kind: 'part',
      on: whole ? [whole] : [],
    });
  }
  return partitions.sort((a, b) => (a.partition ?? 0) - (b.partition ?? 0));
}

/** Of the first image the number says it all. */
function titleOf(partition: number, whole: Volume | undefined): string {
  if (whole === undefined || whole.title === WHOLE) return `partition ${partition}`;
  return `partition ${partition} of ${whole.title}`;
}

export const WHOLE = 'the whole image';

/** As the kernel calls them: vda1, md127p1. */
const partitionName = (disk: string, partition: number): string =>
  /\d$/.test(disk) ? `${disk}p${partition}` : `${disk}${partition}`;

export async function probe(volume: Volume, there: VolumeBytes): Promise<ProbedVolume> {
  const first = await there.read(0, SUPERBLOCK_BYTES);
  const copy = await spareSuperblock(there, first);
  const spare = copy && (await identify(there, [])) === undefined ? copy : undefined;
  const bytes = spare ? patchedVolume(there, spare.patch) : there;
  const head = spare ? await bytes.read(0, SUPERBLOCK_BYTES) : first;
  const found = superblocksOf(head);
  const session = found.some(is('iso9660')) ? await lastSession(bytes) : undefined;
  const superblocks = (await inOrder(found, bytes, session)).map((one) => ofSession(one, session));
  const [main] = superblocks;
  const isLater = session !== undefined && main !== undefined && is('iso9660')(main);
  const own = isLater ? volumeFrom(bytes, session * BLOCK) : bytes;
  return {
    ...volume,
    bytes,
    head,
    superblocks,
    fileSystem: once(async () => main && identityOf(own, main)),
    content: once(async () => {
      const content = await identify(own, superblocks);
      return content && spare?.isAlone ? { ...content, byCopy: true } : content;
    }),
    claimed: main && (await claimedBytes(bytes, main.types[0])),
    ...(spare && { spare }),
  };
}

const is =
  (type: string) =>
  ({ types }: Superblock): boolean =>
    types[0] === type;

/** What Linux asks a drive for: it mounts the last session of a disc. */
const ofSession = (superblock: Superblock, session: number | undefined): Superblock =>
  session !== undefined && is('iso9660')(superblock) ? { ...superblock, options: `sbsector=${session}` } : superblock;

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | undefined;
  return () => {
    kept ??= read();
    return kept;
  };
}

/** Of a disc with two faces the one with modes, owners and links: ISO 9660 with Rock Ridge before UDF, UDF before any other. */
async function inOrder(
  superblocks: readonly Superblock[],
  bytes: VolumeBytes,
  session: number | undefined,
): Promise<readonly Superblock[]> {
  if (!superblocks.some(is('udf')) || !superblocks.some(is('iso9660')) || !(await hasRockRidge(bytes, session)))
    return superblocks;
  return [...superblocks.filter(is('iso9660')), ...superblocks.filter((superblock) => !is('iso9660')(superblock))];
}

/** Only what is of the type asked for. */
export const ofType = (volume: ProbedVolume, type: string | undefined): ProbedVolume =>
  type === undefined
    ? volume
    : { ...volume, superblocks: volume.superblocks.filter(({ types }) => types.includes(type)) };

export const volumeBytesOf = ({ sectors }: Volume): number => sectors * SECTOR;
