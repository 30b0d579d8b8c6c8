/** Which volume of an image is meant: by evidence where nobody says it, by number, label, UUID or role where somebody does. */

import { HostError } from '../../errors/host-error.ts';
import { SECTOR } from '../../storage/block-device.ts';
import type { PartitionSelector } from '../mounted-image.ts';
import { rootTypes } from '../probe/partition-table/partition-types.ts';
import { btrfsPart, btrfsSiblings } from '../stack/btrfs.ts';
import type { Stacked } from '../stack/stack.ts';
import { exposed, memberType } from './exposed.ts';
import { describe, inWords, isPlain } from './in-words.ts';
import { noFileSystem } from './nothing-found.ts';
import { type ProbedVolume, type Volume, WHOLE } from './volumes.ts';
import {
  bears,
  type ProbedPartition,
  type Volumes,
  wholeOrPartitions,
  withoutEnclosing,
  withoutRepeated,
} from './whole-or-partitions.ts';

export interface Wanted {
  readonly type: string | undefined;
  readonly partition: PartitionSelector | undefined;
  /** What lies behind the end of the image is not needed. */
  readonly evenIfCut: boolean;
}

/** What choosing may have to ask for; both are done only where they are needed. */
export interface Looking {
  /** Opens what is stacked on the disks. */
  stacked(): Promise<Stacked>;
  /** A detached header was given: what looks like nothing may be encrypted. */
  readonly hasHeader: boolean;
  /** Mounts a volume to see. */
  looksLikeRoot(volume: ProbedVolume): Promise<boolean>;
}

export type Disks = readonly [Volumes, ...Volumes[]];

/** The volume to mount. */
export async function chooseVolume(disks: Disks, wanted: Wanted, looking: Looking): Promise<ProbedVolume> {
  if (wanted.partition !== undefined) return select(disks, wanted.partition, looking);
  const shown = (await Promise.all(disks.map(exposed))).flat();
  const members = await membersAmong(shown);
  if (disks.length === 1 && members.length === 0 && !looking.hasHeader) return chooseOnDisk(disks[0], wanted);
  const stacked = await looking.stacked();
  return onlyOne([...shown, ...(await shownIn(stacked.opened))], stacked, disks);
}

/** Of a disk on which nothing is stacked. */
async function chooseOnDisk(volumes: Volumes, wanted: Wanted): Promise<ProbedVolume> {
  const { whole, partitions } = volumes;
  const which = await wholeOrPartitions(volumes);
  if (which === 'whole') return whole;
  const found = withoutEnclosing(withoutSiblings(partitions.filter(bears)));
  if (which === 'both' && (wanted.type === undefined || found.length > 0))
    throw await severalFileSystems([whole, ...found]);
  const [only] = found;
  if (found.length > 1) throw await severalFileSystems(found);
  const lost = partitions.filter(({ bytes, sectors, superblocks }) => {
    return superblocks.length === 0 && bytes.sizeBytes < sectors * SECTOR;
  });
  if (lost.length > 0 && !wanted.evenIfCut) throw await partitionsCut(lost, only);
  if (only !== undefined) return only;
  if (wanted.type === undefined) throw await noFileSystem([volumes]);
  return whole; // for its driver to say why not
}

/** Those that are opened, not mounted: what a member of an array begins with may be the array's file system. */
async function membersAmong(volumes: readonly ProbedVolume[]): Promise<readonly ProbedVolume[]> {
  const types = await Promise.all(volumes.map(memberType));
  return volumes.filter((_, i) => types[i] !== undefined);
}

const shownIn = async (devices: readonly Volumes[]): Promise<readonly ProbedVolume[]> =>
  (await Promise.all(devices.map(exposed))).flat();

/** The only file system of these; what could not be opened may have another. */
async function onlyOne(
  volumes: readonly ProbedVolume[],
  { opened, closed }: Stacked,
  among: readonly Volumes[],
): Promise<ProbedVolume> {
  const members = await membersAmong(volumes);
  const found = withoutEnclosing(withoutSiblings(volumes.filter((one) => bears(one) && !members.includes(one))));
  const [only] = found;
  const wrong = closed.find(({ problem }) => problem.kind === 'wrong-passphrase');
  if (wrong) throw wrong.problem;
  if (only !== undefined && found.length === 1 && closed.length === 0) return only;
  const [first] = closed;
  if (only === undefined) throw first?.problem ?? (await noFileSystem(opened.length > 0 ? opened : among));
  const shut = new Map(closed.flatMap(({ members, problem }) => members.map((one) => [one, problem.message] as const)));
  throw await severalFileSystems([...found, ...shut.keys()], [...new Set(shut.values())]);
}

/** Of a file system over several disks the first; of a seed what grew from it, which needs it. */
function withoutSiblings<V extends ProbedVolume>(volumes: readonly V[]): readonly V[] {
  const seen = new Set<string>();
  const lacksSome = volumes.some((one) => {
    const part = btrfsPart(one);
    return part !== undefined && part.devices > 1 + btrfsSiblings(one, volumes).length;
  });
  return volumes.filter((volume) => {
    const part = btrfsPart(volume);
    if (part?.isSeed && lacksSome && part.devices === 1) return false;
    if (part === undefined || part.devices < 2) return true;
    if (seen.has(part.fsid)) return false;
    seen.add(part.fsid);
    return true;
  });
}

async function select(disks: Disks, selector: PartitionSelector, looking: Looking): Promise<ProbedVolume> {
  const [{ whole, partitions }] = disks;
  const text = String(selector);
  if (text === 'whole') return inside(whole, looking);
  if (/^\d+$/.test(text)) {
    const numbered = partitions.find(({ partition }) => partition === Number(text));
    if (numbered === undefined) throw await noSuchPartition(text, partitions);
    return inside(numbered, looking);
  }
  const all = disks.flatMap((disk): (ProbedVolume & Partial<ProbedPartition>)[] => [
    ...(disks.length > 1 ? [disk.whole] : []),
    ...disk.partitions,
  ]);
  const named = await namedAmong(all, text);
  if (text === 'root') return root(disks, all, named, looking);
  const [only] = named;
  if (named.length > 1) throw await severalFileSystems(named);
  if (only !== undefined) return inside(only, looking);
  const members = await membersAmong((await Promise.all(disks.map(exposed))).flat());
  if (members.length === 0 && !looking.hasHeader) throw await noSuchPartition(text, all);
  const { opened, closed } = await looking.stacked();
  const stacked = opened.flatMap((device) => [device.whole, ...device.partitions]);
  const [first, ...others] = withoutSiblings(await namedAmong(stacked, text));
  if (others.length > 0 && first !== undefined) throw await severalFileSystems([first, ...others]);
  if (first !== undefined) return inside(first, looking);
  const problem = closed.find((one) => one.problem.message.includes(text)) ?? closed[0];
  throw problem?.problem ?? (await noSuchPartition(text, [...all, ...(await shownIn(opened))]));
}

async function namedAmong<V extends ProbedVolume>(volumes: readonly V[], text: string): Promise<readonly V[]> {
  const named: V[] = [];
  for (const volume of volumes) if (await isNamed(volume, text)) named.push(volume);
  return named;
}

/** What was chosen itself, or, where it is a part of something larger, what that has in it. */
async function inside(chosen: ProbedVolume, looking: Looking): Promise<ProbedVolume> {
  const isMember = (await memberType(chosen)) !== undefined;
  if (!isMember && (bears(chosen) || !looking.hasHeader)) return chosen;
  const { opened, closed } = await looking.stacked();
  const above = opened.filter(({ whole }) => liesOn(whole, chosen));
  const shut = closed.filter(({ members }) => members.some((one) => one.name === chosen.name || liesOn(one, chosen)));
  const own = { whole: chosen, partitions: [], table: undefined };
  return onlyOne(await shownIn(above), { opened: above, closed: shut }, [own]);
}

const liesOn = ({ on }: Volume, below: Volume): boolean =>
  on.some((one) => one.name === below.name || liesOn(one, below));

/** By label or UUID, of the table or of the file system; UUIDs in either case. */
async function isNamed(partition: ProbedVolume & Partial<ProbedPartition>, selector: string): Promise<boolean> {
  const [, tag, rest = ''] = /^(LABEL|UUID|PARTLABEL|PARTUUID)=(.*)$/s.exec(selector) ?? [];
  const name = tag === undefined ? selector : rest;
  const { label, uuid, title, names } = partition;
  if (tag === undefined && [title, ...names].some((one) => one === name || `/dev/${one}` === name)) return true;
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

/** By the type of the partition; else by its name; else by what is in it, or in what is stacked on the disks. */
async function root(
  disks: Disks,
  all: readonly (ProbedVolume & Partial<ProbedPartition>)[],
  named: readonly ProbedVolume[],
  looking: Looking,
): Promise<ProbedVolume> {
  const typed = all.filter(({ typeCode }) => typeCode !== undefined && rootTypes.has(typeCode));
  let found: readonly ProbedVolume[] = typed.length > 0 ? typed : named;
  let problem: HostError | undefined;
  if (found.length === 0) {
    const shown = (await Promise.all(disks.map(exposed))).flat();
    const members = await membersAmong(shown);
    found = await likeRoot(
      [...shown, ...all].filter((one) => !members.includes(one)),
      looking,
    );
    if (found.length === 0 && (members.length > 0 || looking.hasHeader)) {
      const { opened, closed } = await looking.stacked();
      const stacked = await shownIn(opened);
      const inner = await membersAmong(stacked);
      found = await likeRoot(
        stacked.filter((one) => !inner.includes(one)),
        looking,
      );
      problem = closed[0]?.problem;
    }
  }
  const [only] = found;
  if (found.length > 1) throw await severalFileSystems(found);
  if (only === undefined) throw problem ?? (await noSuchPartition('root', all));
  return inside(only, looking);
}

async function likeRoot(
  volumes: readonly ProbedVolume[],
  { looksLikeRoot }: Looking,
): Promise<readonly ProbedVolume[]> {
  const like: ProbedVolume[] = [];
  for (const volume of withoutEnclosing(withoutSiblings([...new Set(volumes)].filter(bears)))) {
    if (volume.kind !== 'disk' && (await looksLikeRoot(volume))) like.push(volume);
  }
  return like;
}

async function severalFileSystems(volumes: readonly ProbedVolume[], shut: readonly string[] = []): Promise<HostError> {
  const whole = volumes.some(({ title }) => title === WHOLE);
  const named = volumes.some((volume) => !isPlain(volume));
  const how = whole
    ? 'choose a partition by number, label or UUID, or "whole"'
    : `choose one by number, ${named ? 'name, ' : ''}label or UUID, or "root"`;
  const closed = shut.map((one) => `; ${one}`).join('');
  return new HostError('several-file-systems', `${await inWords(volumes)}: ${how}${closed}`, {
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

async function noSuchPartition(selector: string, partitions: readonly ProbedVolume[]): Promise<HostError> {
  const there = partitions.length > 0 ? `there is ${await inWords(partitions)}` : 'the kernel finds no partitions';
  return new HostError('no-such-partition', `there is no partition ${selector}: ${there}`, {
    members: {
      partitions: withoutRepeated(partitions).map((volume) => (isPlain(volume) ? volume.partition : volume.title)),
    },
  });
}
