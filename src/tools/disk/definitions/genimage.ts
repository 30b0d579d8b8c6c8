/** A configuration of genimage, as Buildroot and others have it, as the plan of a disk. */

import { HostError } from '../../../errors/host-error.ts';
import { MOST_HYBRID } from '../hybrid-mbr.ts';
import type { DiskPlan, PartitionContent, PlannedPartition, TreeSource } from '../plan.ts';
import { type Block, type Included, parseBlocks, type Value } from './genimage-syntax.ts';
import { partitionGuid } from './partition-kinds.ts';

export interface GenimagePlan {
  readonly plan: DiskPlan;
  readonly ignored: readonly string[];
}

const MIB = 2 ** 20;
const LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4';
const FILE_SYSTEMS = ['ext2', 'ext3', 'ext4', 'vfat', 'squashfs', 'btrfs', 'erofs', 'f2fs'];
/** genimage's own defaults for partitions that say nothing. */
const DEFAULT_CODE = '83';

/** `name`: which of its disks; `included`: files that it includes. Throws `invalid-request`, naming the image and the option. */
export function genimagePlan(text: string, name: string | undefined, included: Included = new Map()): GenimagePlan {
  const images = parseBlocks(text, included).blocks.filter(({ type }) => type === 'image');
  const disks = images.filter(({ blocks }) => blocks.some(({ type }) => type === 'hdimage'));
  const [first, ...others] = name === undefined ? disks : disks.filter(({ title }) => title === name);
  if (!first) {
    const names = disks.map(({ title }) => title).join(', ');
    throw refused(
      name === undefined
        ? 'the configuration has no image with hdimage { }'
        : `there is no disk ${name}: ${names || 'none at all'}`,
    );
  }
  if (others.length > 0)
    throw refused(
      `the configuration has several disks: --image says which (${disks.map(({ title }) => title).join(', ')})`,
    );
  return planOf(first, images);
}

function planOf(disk: Block, images: readonly Block[]): GenimagePlan {
  const options = disk.blocks.find(({ type }) => type === 'hdimage') ?? disk;
  const { table, isHybrid } = tableOf(disk, options);
  const ignored: string[] = [];
  for (const key of ['gpt-location', 'extended-partition', 'fill', 'exec-pre', 'exec-post', 'gpt-no-backup'] as const) {
    if ((options.values.get(key) ?? disk.values.get(key)) !== undefined)
      throw refused(`${disk.title}: ${key} is not done here`);
  }
  const partitions = disk.blocks
    .filter(({ type }) => type === 'partition')
    .map((one) => partitionOf(disk, one, images, isHybrid));
  if (partitions.length === 0) throw refused(`${disk.title} has no partitions`);
  if (isHybrid && partitions.filter(({ inTable, typeCode }) => inTable && typeCode !== undefined).length > MOST_HYBRID)
    throw refused(`${disk.title}: a hybrid table has ${MOST_HYBRID} partitions with partition-type beside the GPT`);
  const id = text(options.values.get(table === 'gpt' ? 'disk-uuid' : 'disk-signature'));
  return {
    plan: {
      table,
      isHybrid,
      id: id === 'random' ? undefined : id,
      partitions,
      sizeBytes: bytes(disk, 'size', disk.values.get('size')),
      alignBytes: bytes(disk, 'align', options.values.get('align')) ?? MIB,
    },
    ignored,
  };
}

function tableOf(disk: Block, options: Block): Required<Pick<DiskPlan, 'table' | 'isHybrid'>> {
  const type = text(options.values.get('partition-table-type'));
  if (type === 'hybrid') return { table: 'gpt', isHybrid: true };
  const plain = (table: DiskPlan['table']) => ({ table, isHybrid: undefined });
  if (type === undefined) {
    if (yes(options.values.get('gpt'))) return plain('gpt');
    return plain(options.values.has('partition-table') && !yes(options.values.get('partition-table')) ? 'none' : 'dos');
  }
  const known = ({ gpt: 'gpt', mbr: 'dos', dos: 'dos', none: 'none' } as const)[type];
  return plain(known ?? fail(disk, `partition-table-type = ${type} is not done here`));
}

function partitionOf(
  disk: Block,
  partition: Block,
  images: readonly Block[],
  isHybrid: boolean | undefined,
): PlannedPartition {
  const { title, values } = partition;
  const name = `${disk.title}, partition ${title}`;
  const guid = text(values.get('partition-type-uuid'));
  const code = text(values.get('partition-type'));
  const typeGuid =
    guid === undefined
      ? LINUX
      : (partitionGuid(genimageName(guid), 'x86-64') ??
        fail(partition, `${guid} is no type that is known, and no UUID`));
  const size = bytes(partition, 'size', values.get('size'));
  const offset = bytes(partition, 'offset', values.get('offset'));
  return {
    name,
    typeGuid,
    typeCode: codeOf(code, guid === undefined && !isHybrid ? DEFAULT_CODE : undefined),
    label: title,
    uuid: text(values.get('partition-uuid'))?.toLowerCase(),
    attributes: [],
    bootable: yes(values.get('bootable')),
    content: contentOf(partition, images),
    minBytes: size,
    maxBytes: undefined,
    weight: yes(values.get('autoresize')) ? 1 : 0,
    offset,
    inTable: !values.has('in-partition-table') || yes(values.get('in-partition-table')),
  };
}

/** 0 is none. */
const codeOf = (code: string | undefined, byDefault: string | undefined): string | undefined =>
  code === undefined ? byDefault : Number(code) === 0 ? undefined : Number(code).toString(16);

/** What genimage calls by a letter or a word of its own. */
const genimageName = (type: string): string =>
  ({
    L: 'linux-generic',
    linux: 'linux-generic',
    U: 'esp',
    uefi: 'esp',
    S: 'swap',
    H: 'home',
    F: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7',
    fat32: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7',
  })[type] ?? type;

function contentOf(partition: Block, images: readonly Block[]): PartitionContent {
  const name = text(partition.values.get('image'));
  if (name === undefined) return { kind: 'empty' };
  const image = images.find(({ title }) => title === name);
  if (!image) return { kind: 'blocks', path: name };
  const maker = image.blocks.find(({ type }) => type !== 'partition');
  if (!maker) return { kind: 'blocks', path: name };
  if (maker.type === 'file') return { kind: 'blocks', path: text(maker.values.get('name')) ?? name };
  if (!FILE_SYSTEMS.includes(maker.type))
    fail(image, `${maker.type} { } is not made here: ${FILE_SYSTEMS.join(', ')} are`);
  if (image.values.has('exec-pre') || image.values.has('exec-post'))
    fail(image, 'runs programs of this machine, which is not done here');
  return {
    kind: 'file-system',
    type: maker.type,
    label: text(maker.values.get('label')),
    uuid: text(maker.values.get('fs-uuid')),
    sources: maker.type === 'vfat' ? filesOf(maker) : rootOf(image),
    directories: [],
    minimize: !partition.values.has('size') && !image.values.has('size') && maker.type !== 'vfat',
    more: wordsOf(maker),
    ...sizeOf(image),
  };
}

/** Of an image that says its size itself. */
const sizeOf = (image: Block): { readonly bytes?: number } => {
  const size = bytes(image, 'size', image.values.get('size'));
  return size === undefined ? {} : { bytes: size };
};

/** vfat { files = { "a", "b" } file x/y { image = "z" } } */
function filesOf(maker: Block): TreeSource[] {
  const listed = list(maker.values.get('files')).map((from) => ({
    from,
    to: from.split('/').at(-1) ?? from,
    exclude: [],
  }));
  const named = maker.blocks
    .filter(({ type }) => type === 'file')
    .map((one) => ({
      from: text(one.values.get('image')) ?? one.title,
      to: one.title.replace(/^\/+/, ''),
      exclude: [],
    }));
  return [...listed, ...named];
}

/** All else is made of the root file system, or of a part of it. */
const rootOf = (image: Block): TreeSource[] => [
  { from: `/${text(image.values.get('mountpoint')) ?? ''}`, to: '', exclude: [] },
];

function wordsOf(maker: Block): string[] {
  const extra = (text(maker.values.get('extraargs')) ?? '').split(/\s+/).filter((word) => word !== '');
  const features = text(maker.values.get('features'));
  const compression = text(maker.values.get('compression'));
  return [
    ...extra,
    ...(features === undefined ? [] : ['-O', features]),
    ...(compression === undefined || compression === 'none' ? [] : ['-comp', compression]),
  ];
}

const text = (value: Value | undefined): string | undefined => (typeof value === 'string' ? value : value?.[0]);
const list = (value: Value | undefined): readonly string[] => (typeof value === 'string' ? [value] : (value ?? []));
const yes = (value: Value | undefined): boolean => ['true', 'yes', 'on', '1'].includes(text(value) ?? '');

function bytes(block: Block, key: string, value: Value | undefined): number | undefined {
  const said = text(value);
  if (said === undefined) return undefined;
  const [, digits, unit = ''] = /^(0x[\da-f]+|\d+)([kKMGs]?)$/.exec(said) ?? [];
  const factor = { '': 1, s: 512, k: 1024, K: 1024, M: MIB, G: 1024 * MIB }[unit] ?? Number.NaN;
  const found = Number(digits) * factor;
  return Number.isSafeInteger(found) ? found : fail(block, `${key} = ${said} is no size: 512M, 2G`);
}

function fail(block: Block, why: string): never {
  throw refused(`${block.title || block.type}: ${why}`);
}
const refused = (reason: string): HostError => new HostError('invalid-request', reason);
