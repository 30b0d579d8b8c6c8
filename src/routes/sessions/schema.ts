/** Sessions as JSON. */

import { z } from '@hono/zod-openapi';
import type { NamedSession } from '../../session/sessions.ts';
import { batchAnswer, call, kernelOptions, playOptions, tasks } from '../syscalls/schema.ts';

const HOUR_S = 3600;
export const EXPIRES_S = { default: HOUR_S, max: 7 * 24 * HOUR_S } as const;

export const sessionParams = z.object({ id: z.uuid().openapi({ param: { name: 'id', in: 'path' } }) });

export const newSession = z
  .strictObject({
    ...kernelOptions,
    clock: kernelOptions.clock.default('wall'),
    expires_in_s: z.int().min(1).max(EXPIRES_S.max).default(EXPIRES_S.default).openapi({
      description: 'After so many seconds the session is deleted.',
    }),
  })
  .openapi('NewSession');

export const sessionBatch = z
  .strictObject({ ...playOptions, tasks, calls: z.array(call).default([]) })
  .openapi('SessionBatch');

export const sessionAnswer = batchAnswer
  .extend({
    rolled_back: z.literal(true).optional().openapi({
      description:
        'The host lost the kernel before it was suspended: these calls were made on it as it was when it was last suspended.',
    }),
  })
  .openapi('SessionAnswer');

export const session = z
  .object({
    id: z.uuid(),
    state: z.enum(['running', 'suspended', 'ended']),
    created: z.iso.datetime(),
    expires: z.iso.datetime(),
    memory: z.int(),
    clock: z.enum(['virtual', 'wall']),
    suspended: z
      .object({ at: z.iso.datetime(), took_ms: z.number(), bytes: z.int() })
      .optional()
      .openapi({ description: 'When it was last stored, how long that took and how much it was.' }),
    obstacle: z.string().optional().openapi({
      description: 'Why it could not be suspended when that was last tried: it lives as long as the host lets it.',
    }),
  })
  .openapi('Session');

export const sessionList = z
  .object({
    sessions: z.array(
      z.object({ id: z.uuid(), created: z.iso.datetime(), expires: z.iso.datetime(), memory: z.int() }),
    ),
  })
  .openapi('SessionList');

const iso = (ms: number): string => new Date(ms).toISOString();

export const sessionJson = (found: NamedSession): z.infer<typeof session> => ({
  id: found.id,
  state: found.state,
  created: iso(found.createdMs),
  expires: iso(found.expiresMs),
  memory: found.memoryMib,
  clock: found.clock,
  ...(found.suspended && {
    suspended: { at: iso(found.suspended.atMs), took_ms: found.suspended.tookMs, bytes: found.suspended.bytes },
  }),
  ...(found.obstacle !== undefined && { obstacle: found.obstacle }),
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
