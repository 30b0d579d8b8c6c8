/** Sessions as JSON. */

import { z } from '@hono/zod-openapi';
import { hijackNotes } from '../../../api/simulations/schema.ts';
import { batchAnswer, call, kernelOptions, playOptions, tasks } from '../../../api/syscalls/schema.ts';
import type { Told } from '../../session/rpc.ts';
import type { NamedSession } from '../../session/sessions.ts';
import { pageQuery } from '../image-content/schema.ts';

const HOUR_S = 3600;
export const EXPIRES_S = { default: HOUR_S, max: 7 * 24 * HOUR_S } as const;

export const sessionParams = z.object({ id: z.uuid().openapi({ param: { name: 'id', in: 'path' } }) });

export const newSession = z
  .strictObject({
    ...kernelOptions,
    clock: kernelOptions.clock.default('wall'),
    hijack: z.unknown().optional().openapi({
      description:
        "LKL's hijack object, as it is: interfaces with addresses, routes, neighbours and qdiscs, settings and mounts, made before the first call. The answer says of each key what became of it.",
    }),
    expires_in_s: z.int().min(1).max(EXPIRES_S.max).default(EXPIRES_S.default).openapi({
      description: 'After so many seconds the session is deleted.',
    }),
  })
  .openapi('NewSession');

export const sessionBatchHead = z.strictObject({ ...playOptions, tasks }).openapi('SessionBatchHead');

export const sessionBatch = sessionBatchHead.extend({ calls: z.array(call).default([]) }).openapi('SessionBatch');

const rolledBack = z.object({ to: z.iso.datetime() }).optional();

export const sessionAnswer = batchAnswer
  .extend({
    rolled_back: rolledBack.openapi({
      description:
        'The host lost the kernel, and what was done since it was last stored: these calls were made on it as it was then. Told once.',
    }),
    obstacle: z.string().optional().openapi({
      description: 'Why what the batch flushed is not sure to survive the host: the session cannot be stored now.',
    }),
  })
  .openapi('SessionAnswer');

export const sessionFileParams = sessionParams.extend({
  path: z.string().openapi({
    param: { name: 'path', in: 'path' },
    description: 'From the root of pid 1, slashes as they are. Its percent-decoded bytes are the path.',
    example: 'etc/hosts',
  }),
});

export const sessionFileQuery = z.strictObject(pageQuery);

export const saveFileQuery = z.strictObject({
  mode: z
    .string()
    .regex(/^0?[0-7]{3,4}$/)
    .optional()
    .openapi({
      description: 'Permissions in octal. Default: of a new file what the umask leaves of 0666, else as they are.',
      example: '0755',
    }),
});

export const modeOf = (mode: string | undefined): number | undefined =>
  mode === undefined ? undefined : Number.parseInt(mode, 8);

export const session = z
  .object({
    id: z.uuid().openapi({ description: 'Names it in paths.' }),
    state: z.enum(['running', 'suspended', 'ended']).openapi({
      description: '`suspended`: stored, and at its next call where it was. `ended`: its kernel is no more.',
    }),
    created: z.iso.datetime().openapi({ description: 'When it was made.' }),
    expires: z.iso.datetime().openapi({ description: 'When it will be deleted.' }),
    memory: z.int().openapi({ description: 'MiB that its kernel may grow to.', example: 24 }),
    clock: z.enum(['virtual', 'wall']).openapi({ description: 'As it was asked for.' }),
    hijack: hijackNotes.optional().openapi({ description: 'What became of the keys of the hijack object.' }),
    suspended: z
      .object({ at: z.iso.datetime(), took_ms: z.number(), bytes: z.int() })
      .optional()
      .openapi({ description: 'When it was last stored, how long that took and how much it was.' }),
    obstacle: z.string().optional().openapi({
      description: 'Why it could not be suspended when that was last tried: it lives as long as the host lets it.',
    }),
    rolled_back: rolledBack.openapi({
      description: 'The host lost the kernel: what was done between this time and that was undone.',
    }),
  })
  .openapi('Session');

export const sessionList = z
  .object({
    sessions: z
      .array(z.object({ id: z.uuid(), created: z.iso.datetime(), expires: z.iso.datetime(), memory: z.int() }))
      .openapi({ description: 'Oldest first.' }),
  })
  .openapi('SessionList');

const iso = (ms: number): string => new Date(ms).toISOString();

export const rolledBackJson = ({ rolledBackToMs }: Told) =>
  rolledBackToMs === undefined ? {} : { rolled_back: { to: iso(rolledBackToMs) } };

/** The same of answers that are not JSON of ours. */
export const ROLLED_BACK = 'lkl-rolled-back';
export const rolledBackHeader = ({ rolledBackToMs }: Told): Record<string, string> =>
  rolledBackToMs === undefined ? {} : { [ROLLED_BACK]: iso(rolledBackToMs) };

export const sessionJson = (found: NamedSession): z.infer<typeof session> => ({
  id: found.id,
  state: found.state,
  created: iso(found.createdMs),
  expires: iso(found.expiresMs),
  memory: found.memoryMib,
  clock: found.clock,
  ...(found.hijack && { hijack: [...found.hijack] }),
  ...(found.suspended && {
    suspended: { at: iso(found.suspended.atMs), took_ms: found.suspended.tookMs, bytes: found.suspended.bytes },
  }),
  ...(found.obstacle !== undefined && { obstacle: found.obstacle }),
  ...rolledBackJson(found),
});

export const rowJson = ({
  id,
  createdMs,
  expiresMs,
  memoryMib,
}: Pick<NamedSession, 'id' | 'createdMs' | 'expiresMs' | 'memoryMib'>) => ({
  id,
  created: iso(createdMs),
  expires: iso(expiresMs),
  memory: memoryMib,
});
