/** File systems that are made, checked and resized, as queries and as JSON. */

import { z } from '@hono/zod-openapi';
import { checkedTypes, isEverywhere, madeTypes } from '../../../tools/file-system/file-systems.ts';
import { resizedTypes } from '../../../tools/file-system/resize-file-system.ts';
import { decimal } from '../decimal.ts';
import { filled, written } from '../image-writing/schema.ts';
import { NAME } from '../images/schema.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes, or with a letter: 512M. */
const size = z
  .string()
  .regex(/^\d{1,15}[KMGT]?$/, 'a number of bytes, or with K, M, G or T: 512M')
  .transform((text) => {
    const [, digits = '', unit = ''] = /^(\d+)([KMGT]?)$/.exec(text) ?? [];
    return Number(digits) * (UNITS[unit] ?? 1);
  })
  .refine((bytes) => Number.isSafeInteger(bytes), 'too large a number')
  .openapi({ type: 'string', example: '512M' });

/** Those whose programs a Worker carries. */
const inWorker = (types: readonly string[]): string => types.filter(isEverywhere).join(', ');

const fileSystem = z.string().regex(/^[a-z0-9_]{1,32}$/);

/** What a program is started with. */
const word = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[^\0]*$/, 'no NUL');

const words = z
  .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(word(4096)).max(64).optional())
  .openapi({
    type: 'array',
    items: { type: 'string' },
    description: 'Further words for the program that makes it. May be repeated.',
    example: ['-O', '^has_journal'],
  });

export const makeQuery = z.strictObject({
  type: fileSystem.openapi({ description: `Of the file system: ${inWorker(madeTypes)}.`, example: 'ext4' }),
  size: z
    .union([z.literal('fit'), size])
    .optional()
    .openapi({
      description:
        'Of the image: bytes, or with K, M, G or T; `fit`: as small as what is in it allows. squashfs and erofs always fit, and have no other.',
      type: 'string',
      example: '512M',
    }),
  label: word(512).min(1).optional().openapi({ description: 'Of the file system.', example: 'data' }),
  uuid: z
    .string()
    .regex(/^[0-9A-Fa-f-]{8,36}$/)
    .optional()
    .openapi({
      description: 'Of the file system; of a vfat its serial number.',
      example: '3e6be9de-8139-11d1-9106-a43f08d823a6',
    }),
  words,
  seed: z.string().max(256).optional().openapi({
    description:
      'Decides UUIDs and all that is random, and starts the date at 2026-01-01: the same input makes the same bytes.',
  }),
  from: z.string().regex(NAME, 'the name of an image').optional().openapi({
    description:
      'A stored image, a tar, a cpio or a container’s image whose tree it is filled with: it is converted. Default: the body, if there is one.',
  }),
  'from-version': z
    .string()
    .min(1)
    .max(64)
    .optional()
    .openapi({ description: 'Of that image. Default: as it is now.' }),
  'from-type': fileSystem.optional().openapi({ description: 'Of the file system of that image. Default: found out.' }),
  'from-partition': z
    .string()
    .min(1)
    .max(256)
    .optional()
    .openapi({ description: 'Of that image. Default: found out.' }),
});

export const madeImage = written
  .extend({
    size_bytes: z.int().openapi({ description: 'Of the image.', example: 536870912 }),
    filled: z
      .object({ entries: filled.shape.entries, bytes: filled.shape.bytes, losses: filled.shape.losses })
      .optional()
      .openapi({ description: 'What was put into it. Absent: it is empty.' }),
  })
  .openapi('MadeImage');

const partition = z
  .union([decimal(1, 256), z.literal('whole')])
  .optional()
  .openapi({
    type: 'string',
    description: 'By number, or `whole`. Default: the only one with a file system.',
  });

export const checkQuery = z.strictObject({
  how: z.enum(['look', 'safe', 'all']).default('look').openapi({
    description:
      '`look` writes nothing; `safe` repairs what nobody would want to be asked about; `all` repairs all that can be.',
  }),
  type: fileSystem
    .optional()
    .openapi({ description: `Of the file system: ${inWorker(checkedTypes)}. Default: found out.` }),
  partition: z.string().min(1).max(256).optional().openapi({
    description:
      'By number, label or UUID, `whole`, or a volume by its name (`vg/root`), which `lkl-passphrase` opens. Default: the only one with a file system.',
    example: '2',
  }),
});

export const checkedImage = z
  .object({
    verdict: z.enum(['clean', 'mended', 'damaged', 'unchecked']).openapi({
      description:
        '`mended`: there were errors, and there are none any more; `damaged`: there are. `unchecked`: of XFS and btrfs nothing is repaired unasked (fsck.xfs(8), fsck.btrfs(8)), and nobody looked.',
      example: 'clean',
    }),
    type: z.string().openapi({ description: 'Of the file system.', example: 'ext4' }),
    output: z.string().openapi({ description: 'What its program said; bytes that are not UTF-8 are U+FFFD.' }),
    output_cut: z.boolean().openapi({ description: 'It said more than 1 MiB.' }),
    etag: z.string().openapi({ description: 'Names the image as it is now.' }),
    version: z
      .string()
      .optional()
      .openapi({ description: 'The version that it is now, where it may have been written.' }),
  })
  .openapi('CheckedImage');

export const resizeQuery = z.strictObject({
  size: size.openapi({
    description: 'Of the image and of its file system: bytes, or with K, M, G or T.',
    type: 'string',
    example: '2G',
  }),
  partition,
  type: fileSystem
    .optional()
    .openapi({ description: `Of the file system: ${inWorker(resizedTypes)}. Default: found out.` }),
});

export const resizedImage = written
  .extend({
    size_bytes: z.int().openapi({ description: 'Of the image.', example: 2147483648 }),
    type: z.string().openapi({ description: 'Of its file system.', example: 'ext4' }),
    partition: z
      .int()
      .optional()
      .openapi({ description: 'Where that is. Absent: there is no partition table.', example: 2 }),
  })
  .openapi('ResizedImage');
