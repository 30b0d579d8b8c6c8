/** Whole disks that are made, and partition tables, as JSON. */

import { z } from '@hono/zod-openapi';
import { architectures } from '../../../tools/disk/definitions/partition-kinds.ts';
import { filled, written } from '../image-writing/schema.ts';
import { NAME } from '../images/schema.ts';

const MOST_BYTES = 2 ** 42;
const MOST_DEFINITIONS = 128;
const MOST_TEXT = 64 * 1024;

const sizeBytes = z.int().min(512).max(MOST_BYTES);
const seed = z.union([z.int(), z.string().max(256)]).optional();

const storedTree = z
  .strictObject({
    image: z.string().regex(NAME, 'the name of an image').openapi({
      description: 'A stored image, a tar, a cpio or a container’s image.',
      example: 'rootfs.tar',
    }),
    version: z.string().min(1).max(64).optional().openapi({ description: 'Of it. Default: as it is now.' }),
    type: z
      .string()
      .regex(/^[a-z0-9_]{1,32}$/)
      .optional()
      .openapi({ description: 'Of the file system that is mounted. Default: found out.' }),
    partition: z
      .union([z.int().min(1).max(256), z.string().min(1).max(256)])
      .optional()
      .openapi({ description: 'The one that is mounted: number, label, UUID, `root` or `whole`. Default: found out.' }),
  })
  .openapi('StoredTree');

export const diskDefinition = z
  .strictObject({
    definitions: z
      .record(z.string().regex(/^[^/\0]{1,250}\.conf$/, 'NAME.conf'), z.string().max(MOST_TEXT))
      .refine((files) => Object.keys(files).length <= MOST_DEFINITIONS, `at most ${MOST_DEFINITIONS}`)
      .optional()
      .openapi({
        description:
          'Files of repart.d(5), by their names, in whose order the partitions are. `CopyFiles=` takes files of `root` (absolute paths) and `input`, `CopyBlocks=` names a stored image.',
        example: {
          '10-esp.conf': '[Partition]\nType=esp\nFormat=vfat\nSizeMinBytes=40M\nCopyFiles=/boot:/\n',
          '20-root.conf': '[Partition]\nType=root\nFormat=ext4\nMinimize=best\nCopyFiles=/\nExcludeFiles=/boot/\n',
        },
      }),
    genimage: z.string().max(MOST_TEXT).optional().openapi({
      description:
        'Instead of definitions: a configuration of genimage. Files that it names are stored images, or files of `input`.',
    }),
    disk: z.string().max(256).optional().openapi({ description: 'Of a configuration of several disks: which.' }),
    table: z
      .enum(['gpt', 'dos'])
      .optional()
      .openapi({ description: 'Of definitions. Default: `gpt`; a configuration says it itself.' }),
    architecture: z
      .enum(architectures as [string, ...string[]])
      .default('x86-64')
      .openapi({ description: 'Whose root and usr partitions `root` and `usr` are.' }),
    size_bytes: sizeBytes.optional().openapi({
      description: 'Of the disk; what is left partitions get by their weight. Default: what they need.',
      example: 2147483648,
    }),
    root: storedTree.optional().openapi({ description: 'What absolute paths of sources begin at.' }),
    input: storedTree.optional().openapi({ description: 'What other paths are relative to.' }),
    seed: seed.openapi({
      description:
        'Decides UUIDs and all that is random, and the date: the same request makes the same bytes; a UUID gives the partitions the UUIDs that systemd-repart would.',
    }),
  })
  .refine(
    ({ definitions, genimage }) => (definitions === undefined) !== (genimage === undefined),
    'either `definitions` or `genimage`',
  )
  .refine(({ genimage, table }) => genimage === undefined || table === undefined, '`table` is of definitions')
  .refine(({ genimage, disk }) => genimage !== undefined || disk === undefined, '`disk` is of a configuration')
  .openapi('DiskDefinition');

const madePartition = z
  .object({
    name: z.string().openapi({ description: 'Of its definition.', example: '20-root.conf' }),
    label: z.string().optional().openapi({ description: 'In the table.' }),
    type: z.string().openapi({ description: 'Its GUID, also where the table has a number for it.' }),
    uuid: z.string().optional().openapi({ description: 'In a GPT.' }),
    start_bytes: z.int().openapi({ description: 'Where on the disk it begins.', example: 1048576 }),
    size_bytes: z.int().openapi({ description: 'How long it is there.', example: 41943040 }),
    content: z.string().openapi({
      description: 'A file system, or `blocks`, `swap`, `verity`, `empty`.',
      example: 'ext4',
    }),
    filled: z
      .object({ entries: filled.shape.entries, bytes: filled.shape.bytes, losses: filled.shape.losses })
      .optional()
      .openapi({ description: 'What was put into its file system.' }),
  })
  .openapi('MadePartition');

export const madeDisk = written
  .extend({
    size_bytes: z.int().openapi({ description: 'Of the image.', example: 2147483648 }),
    partitions: z.array(madePartition).openapi({ description: 'As they are defined.' }),
    root_hashes: z.array(z.string()).openapi({ description: 'Of dm-verity, one for each partition with hashes.' }),
    ignored: z.array(z.string()).openapi({ description: 'What the definitions say that changes nothing here.' }),
  })
  .openapi('MadeDisk');

export const partitioning = z
  .strictObject({
    script: z.string().min(1).max(MOST_TEXT).openapi({
      description: 'As sfdisk(8) reads it: headers, and a line for each partition.',
      example: 'label: gpt\nsize=100M, type=uefi\ntype=linux, name=root\n',
    }),
    words: z
      .array(z.string().max(4096))
      .max(64)
      .default([])
      .openapi({ description: 'For sfdisk: `--append`, `-N 2` …', example: ['--append'] }),
    size_bytes: sizeBytes.optional().openapi({
      description: 'Of a new image. Default: the image that is there gets the table.',
      example: 1073741824,
    }),
    seed: seed.openapi({ description: 'Decides the UUIDs that the script does not.' }),
  })
  .openapi('Partitioning');

export const partitioned = written
  .extend({
    size_bytes: z.int().openapi({ description: 'Of the image.', example: 1073741824 }),
    table: z.string().openapi({ description: 'As `sfdisk --dump` says it: a script that makes it again.' }),
  })
  .openapi('PartitionedImage');

export type DiskDefinitionJson = z.infer<typeof diskDefinition>;
