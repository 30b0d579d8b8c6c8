/** What is inside an image, as queries and as JSON. */

import { z } from '@hono/zod-openapi';
import { fromBase64Url, toBase64Url } from '../../../bytes/base64.ts';
import { HostError } from '../../../errors/host-error.ts';
import type {
  FileSystemReport,
  ImageReport,
  MountRequest,
  PartitionReport,
  StackedReport,
  VolumeReport,
} from '../../../image/mounted-image.ts';
import { type Choice, type DiskChoice, diskFormats, type OpenedDisk } from '../../../storage/open-disk.ts';
import type { Entry, Lacking, Page } from '../../../tree/files.ts';
import { asText } from '../bodies/raw-bytes.ts';
import { decimal } from '../decimal.ts';
import { imageName } from '../images/schema.ts';
import { type StackNames, stackQuery } from './stack.ts';

/** Which disk it is that a file has; shared by every route that opens one. */
export const diskQuery = z.strictObject({
  format: z.enum(diskFormats).optional().openapi({
    description: 'What the file is: a disk as it is (`raw`), in a format around it, or an archive. Default: found out.',
    example: 'qcow2',
  }),
  member: z.string().min(1).max(4096).optional().openapi({
    description:
      'One of several disks in it (OVA), a file of a tar that is a disk, a logical partition (Android `super`), an image of a container by name, platform or digest.',
  }),
  snapshot: z.string().min(1).max(1024).optional().openapi({
    description: 'A state of the disk that the file keeps (qcow2), by id or name. Default: the newest.',
  }),
});

/** How to mount; shared by every route that does. */
export const mountQuery = diskQuery.extend({
  type: z
    .string()
    .regex(/^[a-z0-9_]{1,32}$/)
    .optional()
    .openapi({ description: 'The file system, as in /proc/filesystems. Default: found out.', example: 'ext4' }),
  partition: z.string().min(1).max(256).optional().openapi({
    description:
      'A partition by its number, label or UUID (LABEL=, UUID=, PARTLABEL=, PARTUUID= say which), or a volume by its name (`vg/root`, `/dev/md/data`); `root`: the one with a root file system; `whole`: the image whatever its partition table. Default: what shows to be the only file system.',
    example: '2',
  }),
  options: z
    .string()
    .max(2048)
    .optional()
    .openapi({ description: 'Mount options, as for mount -o.', example: 'noload' }),
  subvolume: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .openapi({ description: 'Of a btrfs: a subvolume or snapshot, by path or number.', example: 'home' }),
  ...stackQuery,
  offset: decimal(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .openapi({ description: 'The byte where the disk begins in the image: an AppImage, firmware.' }),
  size: decimal(1, Number.MAX_SAFE_INTEGER).optional().openapi({ description: 'Its bytes. Default: up to the end.' }),
});

/** How to mount, and which stored images belong to it. */
export type ContentRequest = MountRequest & DiskChoice & { readonly names: StackNames };

/** What a query says of the mount. */
export function mountRequest({ offset, size, ...query }: z.infer<typeof mountQuery>): ContentRequest {
  const { type, partition, options, subvolume, format, member, snapshot, also, header } = query;
  const names = { also, header };
  return { type, partition, options, subvolume, format, member, snapshot, names, offsetBytes: offset, sizeBytes: size };
}

export const tarQuery = mountQuery.extend({
  path: z.string().max(4095).optional().openapi({
    description:
      'The directory or the one file to archive; its percent-decoded bytes are the path. Default: all of it.',
  }),
  compress: z
    .enum(['none', 'gzip'])
    .default('none')
    .openapi({ description: '`gzip` compresses the tar on its way out.' }),
  'on-error': z.enum(['stop', 'continue']).default('stop').openapi({
    description:
      '`stop` aborts the response at the first file that cannot be read whole. `continue` leaves it out and lists it in a last entry `.fs2tar-errors`.',
  }),
});

export const zipQuery = tarQuery.omit({ compress: true, 'on-error': true }).extend({
  'on-error': z.enum(['stop', 'continue']).default('stop').openapi({
    description:
      '`stop` aborts the response at the first file that cannot be read whole. `continue` leaves it out and lists it in a last entry `.fs2zip-errors`.',
  }),
});

export const fileParams = z.object({
  name: imageName,
  path: z.string().openapi({
    param: { name: 'path', in: 'path' },
    description: 'From the root of the file system, slashes as they are. Its percent-decoded bytes are the path.',
    example: 'etc/fstab',
  }),
});

export const pageQuery = {
  limit: decimal(1, 10_000).default(1000).openapi({ description: 'Entries of a directory.' }),
  cursor: z.base64url().min(1).optional().openapi({ description: 'As the page before answered.' }),
  'on-error': z.enum(['stop', 'continue']).default('stop').openapi({
    description:
      'Of a directory: `stop` answers with a problem when one of its files cannot be told of. `continue` answers with the others, and with `lacking` for those.',
  }),
};

export const fileQuery = mountQuery.extend(pageQuery);

const optional = <T>(name: string, value: T | undefined) => (value === undefined ? {} : { [name]: value });

const subvolume = z
  .object({
    id: z.int().openapi({ description: 'As `btrfs subvolume list` has it.', example: 256 }),
    path: z.string().openapi({ description: 'From the top of the file system.', example: '@home' }),
    read_only: z.boolean().openapi({ description: 'Linux lets nobody write to it.' }),
    snapshot: z.boolean().openapi({ description: 'It was made as a snapshot of another.' }),
    default: z.boolean().openapi({ description: 'It is what is mounted where none is asked for.' }),
  })
  .openapi('Subvolume');

const content = z
  .object({
    type: z.string().openapi({
      description: 'As blkid(8) calls it; also what is no file system: crypto_LUKS, LVM2_member, swap …',
      example: 'ext4',
    }),
    label: z.string().optional().openapi({ description: 'As its superblock has it.', example: 'root' }),
    uuid: z.string().optional().openapi({ description: 'As its superblock has it.' }),
    words: z.string().optional().openapi({
      description: 'What that is, and what to do with it, where it is no file system.',
      example: 'an external journal of ext4',
    }),
  })
  .openapi('VolumeContent');

const fileSystem = z
  .object({
    type: z.string().openapi({ description: 'As in /proc/filesystems.', example: 'ext4' }),
    label: z.string().optional().openapi({ description: 'As its superblock has it.', example: 'root' }),
    uuid: z.string().optional().openapi({ description: 'As its superblock has it.' }),
    block_bytes: z.int().optional().openapi({ description: 'Of a block.', example: 4096 }),
    size_bytes: z
      .int()
      .optional()
      .openapi({ description: 'As statfs(2) says: without what the file system needs for itself.', example: 1048576 }),
    used_bytes: z.int().optional().openapi({ description: 'Of those, in use.', example: 65536 }),
    free_bytes: z.int().optional().openapi({ description: 'Of those, free.', example: 983040 }),
    subvolumes: z.array(subvolume).optional().openapi({ description: 'Of a btrfs that has any, with its snapshots.' }),
  })
  .openapi('FileSystem');

const partition = z
  .object({
    number: z.int().min(1).openapi({ description: 'As Linux counts it: the 2 of /dev/sda2.', example: 1 }),
    start_bytes: z.int().openapi({ description: 'Where in the image it begins.', example: 1048576 }),
    size_bytes: z.int().openapi({ description: 'How long it is.', example: 536870912 }),
    label: z.string().optional().openapi({ description: 'As the partition table has it.' }),
    uuid: z.string().optional().openapi({ description: 'As the partition table has it, or Linux makes it of that.' }),
    type_code: z.string().optional().openapi({ description: 'GUID of a GPT, code of a DOS table.', example: '0x83' }),
    type_name: z.string().optional().openapi({ description: 'What that stands for.', example: 'Linux' }),
    content: content.optional().openapi({ description: 'What its bytes say it is, mountable or not.' }),
    file_system: fileSystem.optional().openapi({ description: 'What the kernel says, where it can mount it.' }),
  })
  .openapi('Partition');

const diskFields = {
  size_bytes: z
    .int()
    .openapi({ description: 'Of the disk in it: an image in qcow2 is shorter than that.', example: 1073741824 }),
  claimed_bytes: z.int().optional().openapi({
    description: 'Where partition table or file system say that the image is longer than it is: how long.',
  }),
  partition_table: z.string().optional().openapi({ description: 'The kind of it, if there is one.', example: 'gpt' }),
  partition_table_id: z.string().optional().openapi({ description: "A GPT's GUID, a DOS table's serial number." }),
  partitions: z.array(partition).openapi({ description: 'In the order of their numbers.' }),
  content: content.optional().openapi({ description: 'What the whole image is, mountable or not.' }),
  file_system: fileSystem.optional().openapi({ description: 'Of the whole image.' }),
};

const layer = z
  .object({
    format: z.string().openapi({ description: 'As `format` names it.', example: 'qcow2' }),
    name: z.string().optional().openapi({ description: 'Of another file that it builds on.' }),
    note: z.string().optional().openapi({ description: 'What kind of it.', example: 'version 3' }),
  })
  .openapi('DiskLayer');

const choice = z
  .object({
    kind: z.enum(['member', 'snapshot']).openapi({ description: 'The parameter that names it.' }),
    name: z.string().openapi({ description: 'What that takes for it.', example: 'disk2.vmdk' }),
    size_bytes: z.int().optional().openapi({ description: 'How long it is.', example: 1073741824 }),
    note: z.string().optional().openapi({ description: 'What else is known of it.' }),
  })
  .openapi('DiskChoice');

const disk = z.object(diskFields).openapi('DiskDescription');

const stacked = z
  .object({
    name: z.string().openapi({ description: 'What `partition` takes for it.', example: '/dev/vg/root' }),
    kind: z.string().openapi({ description: 'As lsblk(8) has it: crypt, lvm, raid1, part …', example: 'lvm' }),
    on: z.array(z.string()).openapi({ description: 'What it lies on.', example: ['partition 2'] }),
    size_bytes: z.int().openapi({ description: 'How long it is.', example: 536870912 }),
    content: content.optional().openapi({ description: 'What its bytes say it is, mountable or not.' }),
    file_system: fileSystem.optional().openapi({ description: 'What the kernel says, where it can mount it.' }),
  })
  .openapi('StackedVolume');

const closed = z
  .object({
    on: z.array(z.string()).openapi({ description: 'What it lies on.', example: ['partition 2'] }),
    error: z.string().openapi({ description: 'The last part of the type of a problem.', example: 'passphrase-needed' }),
    message: z.string().openapi({ description: 'Why it is closed.' }),
  })
  .openapi('ClosedVolume');

export const description = z
  .object({
    name: z.string().openapi({ description: 'As it was asked for.', example: 'disk.img' }),
    etag: z.string().openapi({ description: 'Names this version, as in the header `ETag`.' }),
    format: z.string().openapi({ description: 'What the file is: `raw`, or the outermost format.', example: 'raw' }),
    layers: z.array(layer).optional().openapi({ description: 'All that the disk is read through, if there is any.' }),
    choices: z.array(choice).optional().openapi({ description: 'The other disks and states in the file.' }),
    cut: z.string().optional().openapi({ description: 'Why the file is known to lack something.' }),
    ...diskFields,
    stacked: z.array(stacked).optional().openapi({ description: 'What lies on these, in the order of opening.' }),
    closed: z.array(closed).optional().openapi({ description: 'What could not be opened or mounted, and why not.' }),
    also: z.array(disk).optional().openapi({ description: 'The other images that were named, in their order.' }),
  })
  .openapi('ImageDescription');

const contentJson = ({ type, label, uuid }: VolumeReport) => ({
  type,
  ...optional('label', label),
  ...optional('uuid', uuid),
});

const fileSystemJson = (report: FileSystemReport): z.infer<typeof fileSystem> => ({
  ...contentJson(report),
  ...optional('block_bytes', report.blockBytes),
  ...optional('size_bytes', report.sizeBytes),
  ...optional('used_bytes', report.usedBytes),
  ...optional('free_bytes', report.freeBytes),
  ...optional(
    'subvolumes',
    report.subvolumes?.map(({ readOnly, ...one }) => ({ ...one, read_only: readOnly })),
  ),
});

/** Of the whole image as of a partition. */
const onIt = (report: Pick<PartitionReport, 'content' | 'fileSystem'>) => ({
  ...optional(
    'content',
    report.content && { ...contentJson(report.content), ...optional('words', report.content.words) },
  ),
  ...optional('file_system', report.fileSystem && fileSystemJson(report.fileSystem)),
});

const partitionJson = (report: PartitionReport): z.infer<typeof partition> => ({
  number: report.number,
  start_bytes: report.startBytes,
  size_bytes: report.sizeBytes,
  ...optional('label', report.label),
  ...optional('uuid', report.uuid),
  ...optional('type_code', report.typeCode),
  ...optional('type_name', report.typeName),
  ...onIt(report),
});

const diskJson = (report: ImageReport['also'][number]): z.infer<typeof disk> => ({
  size_bytes: report.sizeBytes,
  ...optional('claimed_bytes', report.claimedBytes),
  ...optional('partition_table', report.partitionTable),
  ...optional('partition_table_id', report.partitionTableId),
  partitions: report.partitions.map(partitionJson),
  ...onIt(report),
});

const stackedJson = ({ name, kind, on, sizeBytes, ...report }: StackedReport): z.infer<typeof stacked> => ({
  name,
  kind,
  on: [...on],
  size_bytes: sizeBytes,
  ...onIt(report),
});

const some = <T>(list: readonly T[]): T[] | undefined => (list.length > 0 ? [...list] : undefined);

const choiceJson = ({ sizeBytes, note, ...named }: Choice): z.infer<typeof choice> => ({
  ...named,
  ...optional('size_bytes', sizeBytes),
  ...optional('note', note || undefined),
});

export const descriptionJson = (
  name: string,
  etag: string,
  { format, layers, choices, device }: OpenedDisk,
  report: ImageReport,
): z.infer<typeof description> => ({
  name,
  etag,
  format,
  ...optional('layers', some(layers.map((one) => ({ ...one })))),
  ...optional('choices', some(choices.map(choiceJson))),
  ...optional('cut', device.cut),
  ...diskJson(report),
  ...optional('stacked', some(report.stacked.map(stackedJson))),
  ...optional('closed', some(report.closed.map((one) => ({ ...one, on: [...one.on] })))),
  ...optional('also', some(report.also.map(diskJson))),
});

const fileType = z
  .enum(['file', 'directory', 'symlink', 'char', 'block', 'fifo', 'socket'])
  .openapi({ description: 'What kind of file it is.' });

const entry = z
  .object({
    name: z.string().openapi({ description: 'U+FFFD stands for what is not UTF-8.', example: 'fstab' }),
    name_base64: z.base64().optional().openapi({ description: 'The bytes of the name, where they are not UTF-8.' }),
    type: fileType,
    mode: z
      .string()
      .regex(/^[0-7]{4}$/)
      .openapi({ description: 'Permissions in octal.', example: '0644' }),
    uid: z.int().openapi({ description: 'Owner.', example: 0 }),
    gid: z.int().openapi({ description: 'Group.', example: 0 }),
    size_bytes: z.int().openapi({ description: 'As stat(2) has it.', example: 532 }),
    links: z.int().openapi({ description: 'Hard links.', example: 1 }),
    mtime_ns: z
      .string()
      .regex(/^-?\d+$/)
      .openapi({ description: 'Nanoseconds since 1970; text, as it does not fit a double.' }),
    target: z.string().optional().openapi({ description: 'Of a symlink.' }),
    target_base64: z.base64().optional().openapi({ description: 'The bytes of the target, where they are not UTF-8.' }),
  })
  .openapi('Entry');

const lacking = z
  .object({
    name: z
      .string()
      .optional()
      .openapi({ description: 'Of the file. Absent: the listing ended early, and names may be missing.' }),
    name_base64: z.base64().optional().openapi({ description: 'The bytes of the name, where they are not UTF-8.' }),
    type: fileType.optional(),
    errno: z.string().openapi({ description: "Linux's name of the error.", example: 'EUCLEAN' }),
    detail: z.string().openapi({ description: 'What could not be read, for people.' }),
  })
  .openapi('Lacking');

export const directory = z
  .object({
    entries: z.array(entry).openapi({ description: 'In byte order of their names.' }),
    lacking: z
      .array(lacking)
      .optional()
      .openapi({ description: 'With `on-error=continue`: what of this page could not be read. Absent: nothing.' }),
    cursor: z.string().optional().openapi({ description: 'Asks for what follows; absent at the end.' }),
  })
  .openapi('Directory');

export function entryJson({ name, target, ...found }: Entry): z.infer<typeof entry> {
  const shown = asText(name);
  const link = target && asText(target);
  return {
    name: shown.text,
    ...(shown.base64 === undefined ? {} : { name_base64: shown.base64 }),
    type: found.type,
    mode: found.mode.toString(8).padStart(4, '0'),
    uid: found.uid,
    gid: found.gid,
    size_bytes: found.sizeBytes,
    links: found.links,
    mtime_ns: String(found.mtimeNs),
    ...(link === undefined ? {} : { target: link.text }),
    ...(link?.base64 === undefined ? {} : { target_base64: link.base64 }),
  };
}

const lackingJson = ({ name, type, problem }: Lacking): z.infer<typeof lacking> => {
  const shown = name && asText(name);
  return {
    ...optional('name', shown?.text),
    ...optional('name_base64', shown?.base64),
    ...optional('type', type),
    errno: problem.name,
    detail: problem.detail,
  };
};

/** A cursor is the last name of the page before. */
export const pageJson = ({ entries, lacking, last, more }: Page): z.infer<typeof directory> => ({
  entries: entries.map(entryJson),
  ...optional('lacking', some(lacking)?.map(lackingJson)),
  ...(more && last ? { cursor: toBase64Url(last) } : {}),
});

export function nameOfCursor(cursor: string | undefined): Uint8Array | undefined {
  if (cursor === undefined) return undefined;
  const name = fromBase64Url(cursor);
  if (name === undefined) throw new HostError('invalid-request', 'cursor: it is none that a page before gave');
  return name;
}
