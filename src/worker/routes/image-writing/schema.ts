/** Changes of what is in an image, as queries and as JSON. */

import { z } from '@hono/zod-openapi';
import { fromBase64 } from '../../../bytes/base64.ts';
import { decimal } from '../decimal.ts';

const octal = z
  .string()
  .regex(/^0?[0-7]{1,4}$/)
  .openapi({ description: 'Permission bits in octal.', example: '0644' });

const id = z.int().min(0).max(0xffff_fffe);
const time = z.union([z.iso.datetime({ offset: true }), z.string().regex(/^-?\d{1,12}(\.\d{1,9})?$/)]).openapi({
  type: 'string',
  description: 'ISO 8601, or seconds since 1970 with a fraction.',
  example: '2026-11-26T12:00:00Z',
});

/** Of a file that is put. */
export const putFileQuery = {
  mode: octal
    .optional()
    .openapi({ description: 'Of the file, in octal. Default: 0644 of a new one.', example: '0644' }),
  uid: decimal(0, 0xffff_fffe).optional().openapi({ description: 'Its owner. Default: 0 of a new one.' }),
  gid: decimal(0, 0xffff_fffe).optional().openapi({ description: 'Its group. Default: 0 of a new one.' }),
  mtime: time.optional(),
  parents: z
    .enum(['0', '1'])
    .default('0')
    .openapi({ description: '`1`: directories on the way that are missing are made.' }),
};

export const deleteFileQuery = {
  recursive: z.enum(['0', '1']).default('0').openapi({ description: '`1`: a directory goes with all in it.' }),
};

const base64 = z.string().transform((text, context) => {
  const bytes = fromBase64(text);
  if (bytes) return bytes;
  context.addIssue({ code: 'custom', message: 'no base64' });
  return z.NEVER;
});

/** A name in the image: text, or its bytes where they are not UTF-8. */
const path = z
  .union([
    z.string().min(1).max(4095),
    z.strictObject({ base64: z.string().min(1).max(5460).openapi({ description: 'Its bytes.', format: 'byte' }) }),
  ])
  .openapi({ description: 'From the root of the file system; `{base64}` where it is not UTF-8.', example: 'etc/motd' });

const parents = z.boolean().default(false).openapi({ description: 'Make directories on the way that are missing.' });
const follow = z.boolean().default(true).openapi({ description: 'Follow a symlink at the end of the path.' });

export const change = z
  .discriminatedUnion('op', [
    z.strictObject({
      op: z.literal('write'),
      path,
      text: z.string().optional().openapi({ description: 'What is in the file then.' }),
      base64: base64.optional().openapi({ type: 'string', format: 'byte', description: 'The same as bytes.' }),
      mode: octal.optional(),
      uid: id.optional(),
      gid: id.optional(),
      mtime: time.optional(),
      parents,
    }),
    z.strictObject({ op: z.literal('mkdir'), path, mode: octal.optional(), parents }),
    z.strictObject({
      op: z.literal('remove'),
      path,
      recursive: z.boolean().default(false).openapi({ description: 'A directory goes with all in it.' }),
    }),
    z.strictObject({ op: z.literal('rename'), from: path, to: path }),
    z.strictObject({ op: z.literal('link'), path, target: path }),
    z.strictObject({ op: z.literal('symlink'), path, target: path }),
    z.strictObject({ op: z.literal('chmod'), path, mode: octal, follow }),
    z.strictObject({ op: z.literal('chown'), path, uid: id.optional(), gid: id.optional(), follow }),
    z.strictObject({ op: z.literal('utimes'), path, atime: time.optional(), mtime: time.optional(), follow }),
    z.strictObject({ op: z.literal('truncate'), path, size: z.int().min(0) }),
    z.strictObject({
      op: z.literal('setxattr'),
      path,
      name: z.string().min(1).max(255).openapi({ description: 'With its namespace.', example: 'user.comment' }),
      base64: base64.openapi({ type: 'string', format: 'byte', description: 'Its value.' }),
      follow,
    }),
    z.strictObject({ op: z.literal('removexattr'), path, name: z.string().min(1).max(255), follow }),
    z.strictObject({
      op: z.literal('mknod'),
      path,
      type: z.enum(['char', 'block', 'fifo', 'socket']),
      major: z.int().min(0).max(4095).default(0),
      minor: z.int().min(0).max(1_048_575).default(0),
      mode: octal.optional(),
    }),
  ])
  .openapi('ImageChange');

export const changes = z
  .strictObject({ changes: z.array(change).min(1).max(10_000).openapi({ description: 'Played in order.' }) })
  .openapi('ImageChanges');

export type Change = z.infer<typeof change>;

export const written = z
  .object({
    etag: z.string().openapi({ description: 'Names the image as it is now, as in the header `ETag`.' }),
    version: z.string().openapi({ description: 'The version that it is now.', example: '9f86d081884c7d65-0' }),
  })
  .openapi('WrittenImage');

/** Of a tar that is unpacked. */
export const fillQuery = {
  path: z.string().max(4095).optional().openapi({
    description:
      'The directory it is unpacked in, which must be there; its percent-decoded bytes are the path. Default: the root.',
  }),
};

export const filled = written
  .extend({
    entries: z.int().openapi({ description: 'How many the tar had.', example: 120 }),
    bytes: z.int().openapi({ description: 'Of data in them.', example: 1048576 }),
    losses: z
      .array(
        z.object({
          kind: z.string().openapi({
            description:
              'What it is that the file system has no place for; `dots`: names that end with dots, which FAT drops; `parent`: entries in what is no directory, which are left out; `above`, `absolute`: paths that led out of the tree or began at a root, which are taken from its top.',
            example: 'xattr',
          }),
          count: z.int().openapi({ description: 'How often.', example: 3 }),
          first: z.string().openapi({ description: 'The first such entry.', example: 'bin/ping' }),
          errno: z
            .string()
            .optional()
            .openapi({ description: 'What Linux said, if it was asked.', example: 'EOPNOTSUPP' }),
        }),
      )
      .openapi({ description: 'What could not be kept of entries, or of their paths.' }),
  })
  .openapi('FilledImage');
