/** A program that is run, as JSON. */

import { z } from '@hono/zod-openapi';
import { fromBase64 } from '../../bytes/base64.ts';
import { mountPlace } from '../mount-place.ts';

/** Of the kernel, and of all programs together. Both count as one kernel's. */
const RUN_MEMORY_MIB = { min: 16, default: 24, max: 64 } as const;
const PROGRAM_MEMORY_MIB = { min: 4, default: 24, max: 64 } as const;
export const RUN_DEADLINE_MS = { default: 60_000, max: 300_000 } as const;

const MAX_DISKS = 16;
const MAX_WORDS = 4096;
const MAX_WORD = 131_071;
const MAX_FILES = 256;

const text = z
  .string()
  .max(MAX_WORD)
  .refine((value) => !value.includes('\0'), 'no NUL');
const path = z
  .string()
  .max(4095)
  .regex(/^\/[^\0]*$/, 'an absolute path');

/** Bytes of input, as base64. */
const base64 = z
  .string()
  .transform((value, context) => {
    const bytes = fromBase64(value);
    if (bytes) return bytes;
    context.addIssue({ code: 'custom', message: 'no base64' });
    return z.NEVER;
  })
  .openapi({ type: 'string', format: 'byte' });

const oneOf =
  (...names: readonly string[]) =>
  (value: object) =>
    names.filter((name) => (value as Record<string, unknown>)[name] !== undefined).length === 1;

const file = z
  .strictObject({
    path: path.openapi({ description: 'Directories on the way are made.', example: '/root/script.sh' }),
    text: z.string().optional().openapi({ description: 'What is in it.' }),
    base64: base64.optional().openapi({ type: 'string', format: 'byte', description: 'The same as bytes.' }),
    mode: z
      .string()
      .regex(/^0?[0-7]{1,4}$/)
      .optional()
      .openapi({ description: 'Permission bits in octal. Default: 0644.', example: '0755' }),
  })
  .refine(oneOf('text', 'base64'), 'either `text` or `base64`')
  .openapi('RunFile');

const disk = z
  .strictObject({
    image: z.string().max(512).optional().openapi({ description: 'The name of a stored image.', example: 'disk.ext4' }),
    version: z.string().max(64).optional().openapi({ description: 'Of it. Default: as it is now. Not with `write`.' }),
    write: z.boolean().default(false).openapi({
      description: 'What is written to it is a new version of the image. Otherwise it is lost with the kernel.',
    }),
    if_match: z
      .string()
      .max(128)
      .optional()
      .openapi({ description: 'Only if the image is this version: an ETag, without quotes.' }),
    size_bytes: z
      .int()
      .min(512)
      .max(2 ** 42)
      .optional()
      .openapi({
        description: 'Instead of an image: a new disk of zeros, so large.',
        example: 67108864,
      }),
    save_as: z
      .string()
      .max(512)
      .optional()
      .openapi({ description: 'The new disk is stored under this name, which has no image yet.' }),
    base64: base64.optional().openapi({ type: 'string', format: 'byte', description: 'Or a small image itself.' }),
    return: z.boolean().default(false).openapi({
      description: 'The disk as it is then is in the answer, as base64: of `size_bytes` or `base64`, up to 8 MiB.',
    }),
    read_only: z.boolean().default(false).openapi({ description: 'Nothing can be written.' }),
    at: mountPlace
      .optional()
      .openapi({ description: 'Where it is mounted. Absent: it is /dev/vda, vdb … only.', example: '/mnt' }),
    type: z
      .string()
      .regex(/^[a-z0-9_]{1,32}$/)
      .optional()
      .openapi({ description: 'The file system that is mounted. Default: found out.', example: 'ext4' }),
    partition: z
      .union([z.int().min(1).max(256), z.string().min(1).max(256)])
      .optional()
      .openapi({ description: 'The one that is mounted: number, label, UUID, `root` or `whole`. Default: found out.' }),
    options: z.string().max(2048).optional().openapi({ description: 'As for mount -o.' }),
  })
  .refine(oneOf('image', 'size_bytes', 'base64'), 'one of `image`, `size_bytes` and `base64`')
  .refine(({ write, image }) => !write || image !== undefined, '`write` is for an `image`')
  .refine(({ write, version }) => !write || version === undefined, '`write` goes on from the image as it is now')
  .refine(({ write, read_only }) => !(write && read_only), 'either `write` or `read_only`')
  .refine(
    ({ save_as, size_bytes }) => save_as === undefined || size_bytes !== undefined,
    '`save_as` is for `size_bytes`',
  )
  .refine((value) => !value.return || value.image === undefined, '`return` is not for an `image`: it is stored')
  .openapi('RunDisk');

export const runRequestFields = z.strictObject({
  argv: z
    .array(text)
    .min(1)
    .max(MAX_WORDS)
    .openapi({
      description: 'The program and its words. One without a slash is one of the tools: see `GET /v1/run`.',
      example: ['e2fsck', '-fn', '/dev/vda'],
    }),
  stdin: z.string().optional().openapi({ description: 'What it reads. Default: nothing.' }),
  stdin_base64: base64.optional().openapi({ type: 'string', format: 'byte', description: 'The same as bytes.' }),
  env: z
    .record(z.string().regex(/^[^=\0]{1,256}$/), text)
    .default({})
    .openapi({
      description: 'Beside PATH, HOME and what every program has.',
    }),
  cwd: path.default('/').openapi({ description: 'Where it runs.' }),
  files: z.array(file).max(MAX_FILES).default([]).openapi({ description: 'There when it begins, in memory.' }),
  fetch: z.array(path).max(MAX_FILES).default([]).openapi({
    description: 'Files that are in the answer as it leaves them.',
  }),
  disks: z.array(disk).max(MAX_DISKS).default([]).openapi({ description: '/dev/vda, /dev/vdb … in this order.' }),
  memory: z.int().min(RUN_MEMORY_MIB.min).max(RUN_MEMORY_MIB.max).default(RUN_MEMORY_MIB.default).openapi({
    description: 'MiB that the kernel may grow to: its page cache holds what is being written.',
  }),
  program_memory: z
    .int()
    .min(PROGRAM_MEMORY_MIB.min)
    .max(PROGRAM_MEMORY_MIB.max)
    .default(PROGRAM_MEMORY_MIB.default)
    .openapi({ description: 'MiB that all programs may have together.' }),
  clock: z.enum(['virtual', 'wall']).default('virtual').openapi({
    description: '`virtual` jumps to the next timer when every program waits: `sleep 60` takes no time.',
  }),
  seed: z
    .union([z.int(), z.string().max(256)])
    .optional()
    .openapi({
      description:
        'Decides UUIDs and all that is random, and starts the date at 2026-01-01: the same request is answered by the same bytes.',
    }),
  deadline_ms: z.int().min(1).max(RUN_DEADLINE_MS.max).default(RUN_DEADLINE_MS.default).openapi({
    description:
      'How long all of it may take; then the kernel is ended, and nothing is stored. A program that computes without a system call is ended by the limit of the host on CPU time alone.',
  }),
});

export const notBothInputs = ({ stdin, stdin_base64 }: { readonly stdin?: unknown; readonly stdin_base64?: unknown }) =>
  stdin === undefined || stdin_base64 === undefined;
export const NOT_BOTH = 'either `stdin` or `stdin_base64`';

export const runRequest = runRequestFields.refine(notBothInputs, NOT_BOTH).openapi('Run');

const output = (of: string) => ({
  text: z
    .string()
    .optional()
    .openapi({ description: `What it wrote to standard ${of}, where that is UTF-8.` }),
  base64: z.string().optional().openapi({ format: 'byte', description: 'The same where it is not.' }),
});

const fetched = z
  .object({
    path: z.string().openapi({ description: 'As it was asked for.' }),
    text: z.string().optional().openapi({ description: 'What is in it, where that is UTF-8.' }),
    base64: z.string().optional().openapi({ format: 'byte', description: 'The same where it is not.' }),
    errno: z.string().optional().openapi({ description: 'Why there is nothing.', example: 'ENOENT' }),
  })
  .openapi('FetchedFile');

const diskThen = z
  .object({
    disk: z.string().openapi({ description: 'As the program knew it.', example: '/dev/vda' }),
    image: z.string().optional().openapi({ description: 'Where it is stored.' }),
    etag: z
      .string()
      .optional()
      .openapi({ description: 'Names the image as it is now; of one that was only read: as it was read.' }),
    version: z.string().optional().openapi({ description: 'Of the image that was written.' }),
    size_bytes: z.int().optional().openapi({ description: 'Of an image that was stored.' }),
    base64: z.string().optional().openapi({ format: 'byte', description: 'Its bytes, where `return` asks for them.' }),
  })
  .openapi('DiskThen');

const ended = {
  exit_code: z.int().optional().openapi({ description: 'Absent where a signal ended it.', example: 0 }),
  signal: z.int().optional().openapi({ description: 'That ended it, by number.' }),
  files: z.array(fetched).openapi({ description: 'Those of `fetch`, in order.' }),
  disks: z.array(diskThen).openapi({ description: 'In order. Each is stored by itself, one after another.' }),
  clock_s: z.number().openapi({ description: "How far the kernel's clock went.", example: 0.012 }),
};

export const runEnd = z.object(ended).openapi('RunEnd');

export const runAnswer = z
  .object({
    ...ended,
    stdout: output('output').text,
    stdout_base64: output('output').base64,
    stderr: output('error').text,
    stderr_base64: output('error').base64,
  })
  .openapi('RunAnswer');

export const toolList = z
  .object({
    tools: z
      .array(
        z.object({
          name: z.string().openapi({ example: 'e2fsck' }),
          also: z.array(z.string()).openapi({ description: 'What else it is called by, and behaves as.' }),
          source: z.string().openapi({ description: "Debian's source package.", example: 'e2fsprogs' }),
        }),
      )
      .openapi({ description: 'In order of their names.' }),
  })
  .openapi('ToolList');

export type RunRequest = z.infer<typeof runRequest>;
