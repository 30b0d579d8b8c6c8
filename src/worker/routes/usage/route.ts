/** GET /v1/usage: what somebody has used, and may have. */

import { createRoute, z } from '@hono/zod-openapi';
import { type QuotaKind, quotaKinds } from '../../limits/quotas.ts';
import { problemResponses } from '../problem.ts';

const use = z
  .object({
    used: z.number().nullable().openapi({
      description: 'Null: it is not counted, since there is no end of it, or the platform counts it and does not tell.',
      example: 12,
    }),
    limit: z.number().nullable().openapi({ description: 'Null: there is no end.', example: 600 }),
    reset_in_s: z.int().optional().openapi({
      description: 'Seconds until it begins at nothing again. Absent: it is given back when what it is used for ends.',
      example: 42,
    }),
  })
  .openapi('Use', { description: 'What is used of something, and the most there may be.' });

const kinds = Object.keys(quotaKinds) as QuotaKind[];
const ofEach = Object.fromEntries(kinds.map((kind) => [kind, use])) as Record<QuotaKind, typeof use>;
const whatEachIs = kinds.map((kind) => `\`${kind}\`: ${quotaKinds[kind]}`).join(' ');

const usage = z
  .object({
    principal: z.string().openapi({ description: 'Whose it is.', example: 'token:k3jq5abcde' }),
    quotas: z.object(ofEach).openapi({ description: whatEachIs }),
  })
  .openapi('Usage');

const query = z.strictObject({
  principal: z
    .string()
    .regex(
      /^(token:[a-z0-9]{10}|access:[\s\S]{1,255}|public|local(:[0-9a-f]{64})?)$/,
      'It is a principal as GET /v1/principal and the audit trail have it: token:ID, access:SUBJECT, public or local.',
    )
    .optional()
    .openapi({ description: 'Whose. Of others it takes `admin`. Absent: your own.', example: 'token:k3jq5abcde' }),
});

export const getUsage = createRoute({
  method: 'get',
  path: '/v1/usage',
  operationId: 'getUsage',
  summary: 'What you have used, and may have',
  description:
    'Of each quota, from where it is counted; this request is one of `requests_per_minute` itself. It takes no scope, and `admin` to ask for another.',
  tags: ['access'],
  request: { query },
  responses: {
    200: { description: 'Each quota.', content: { 'application/json': { schema: usage } } },
    ...problemResponses(400),
  },
});
