/** Images that are whole disks: made of definitions with what is in each partition, or given another partition table. */

import { latin1 } from '../../../bytes/latin1.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Host } from '../../../kernel/host.ts';
import { bytesOf } from '../../../storage/block-device.ts';
import { without } from '../../../tools/disk/gathered-tree.ts';
import { type DiskMakingHost, type MadeDisk, makeDisk } from '../../../tools/disk/make-disk.ts';
import type { DiskPlan, TreeSource } from '../../../tools/disk/plan.ts';
import { dumpTable, writeTable } from '../../../tools/partitions/partition-table.ts';
import type { Entry } from '../../../tree/write/entry.ts';
import type { MadeImageDisk, Written } from '../../images/disks.ts';
import { mustMeet } from '../../images/images.ts';
import type { Condition } from '../../storage/image-entry.ts';
import type { MakingNeeds } from './making.ts';
import { mustNotBeLarger } from './sizes.ts';
import { openedImage, openSource, type Source, type StoredTree } from './trees.ts';
import { MAKING_MIB, wordsFor } from './workshops.ts';

export interface DiskOrder {
  readonly plan: DiskPlan;
  /** What absolute paths of sources begin at. */
  readonly root: StoredTree | undefined;
  /** What other paths are relative to. */
  readonly input: StoredTree | undefined;
  readonly seed: string | undefined;
}

export type MadeDiskImage = Written & MadeDisk;

export interface WholeDiskNeeds extends MakingNeeds {
  readonly host: Pick<Host, 'entropy'>;
}

/** The image is there, whole, once this settles; when it rejects there is none, or the one there was. */
export async function makeDiskImage(
  needs: WholeDiskNeeds,
  name: string,
  condition: Condition,
  { plan, root, input, seed }: DiskOrder,
): Promise<MadeDiskImage> {
  await mustMeet(needs.images, name, condition);
  const places: Places = {
    root: root && (await openSource(root, needs, true)),
    input: input && (await openSource(input, needs, true)),
  };
  const besideMib = Math.max(places.root?.besideMib ?? 0, places.input?.besideMib ?? 0);
  const most = (bytes: number): number => {
    mustNotBeLarger(bytes, needs.maxImageBytes);
    return bytes;
  };
  let made: MadeImageDisk | undefined;
  const making: DiskMakingHost = {
    entropy: needs.host.entropy,
    words: wordsFor,
    inWorkshop: (itsSeed, work) => needs.inWorkshop({ programMib: MAKING_MIB, seed: itsSeed, besideMib }, work),
    scratch: (bytes) => needs.disks.scratch(bytes),
    async target(bytes) {
      made = await needs.disks.create(name, most(bytes));
      return made.device;
    },
    entries: (source, beside) => entriesOf(source, places, beside),
    blocks: async (path) => (await openedImage(needs, imageOf(path), { format: 'raw' })).device,
  };
  try {
    const disk = await makeDisk(plan, making, seed);
    if (!made) throw new Error('a disk was made nowhere');
    const { sizeBytes: _, ...written } = await (made as MadeImageDisk).keep(condition);
    return { ...written, ...disk };
  } finally {
    await (made as MadeImageDisk | undefined)?.close();
    await places.root?.close();
    await places.input?.close();
  }
}

interface Places {
  readonly root: Source | undefined;
  readonly input: Source | undefined;
}

/** Names of stored images have no slashes. */
function imageOf(path: string): string {
  if (!path.includes('/')) return path;
  throw new HostError('invalid-request', `${path}: what goes into a partition as it is is the name of a stored image`);
}

async function* entriesOf(
  { from, to, exclude }: TreeSource,
  places: Places,
  beside: Parameters<Source['entries']>[0],
): AsyncGenerator<Entry> {
  const [where, place] = from.startsWith('/') ? (['root', places.root] as const) : (['input', places.input] as const);
  if (!place) throw new HostError('invalid-request', `${from}: \`${where}\` says in which image that is`);
  const at = new TextEncoder().encode(to);
  const absolute = (path: string) => (path.startsWith('/') ? path : `/${path}`);
  const base = absolute(from);
  const same = exclude.filter((path) => path.startsWith('/') === from.startsWith('/')).map(absolute);
  yield* without(place.entries(beside, { from: base, to: at }), { base: asLatin1(base), to: at }, same.map(asLatin1));
}

/** As paths of entries are compared: byte by byte. */
const asLatin1 = (text: string): string => latin1(new TextEncoder().encode(text));

export interface TableOrder {
  /** As sfdisk(8) reads it. */
  readonly script: string;
  /** For sfdisk. */
  readonly words: readonly string[];
  /** Of a new image; undefined: the one that is there is given that table. */
  readonly sizeBytes: number | undefined;
  readonly seed: string | undefined;
}

export interface PartitionedImage extends Written {
  readonly sizeBytes: number;
  /** As sfdisk says it. */
  readonly table: string;
}

/** What is on the partitions stays. */
export async function partitionImage(
  { images, disks, inWorkshop, maxImageBytes }: WholeDiskNeeds,
  name: string,
  condition: Condition,
  { script, words, sizeBytes, seed }: TableOrder,
): Promise<PartitionedImage> {
  if (sizeBytes !== undefined) {
    mustNotBeLarger(sizeBytes, maxImageBytes);
    await mustMeet(images, name, condition);
  }
  const made = sizeBytes === undefined ? undefined : await disks.create(name, sizeBytes);
  const there = made ? undefined : await disks.open(name, condition);
  const disk = made ?? there;
  if (!disk) throw new Error('there is no disk');
  try {
    const table = await inWorkshop({ programMib: MAKING_MIB, seed }, async (shop) => {
      const path = await shop.attach(disk.device);
      await writeTable(shop, path, script, words);
      await shop.commit();
      return dumpTable(shop, path);
    });
    const bytes = bytesOf(disk.device);
    const written = await (made ? made.keep(condition) : there?.commit());
    if (!written) throw new Error('it was written nowhere');
    return { etag: written.etag, version: written.version, sizeBytes: bytes, table };
  } finally {
    await disk.close();
  }
}
