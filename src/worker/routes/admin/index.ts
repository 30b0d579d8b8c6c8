/** What the owner of the service looks at: GET /v1/audit and GET /metrics. */

import { createRoute, z } from '@hono/zod-openapi';
import type { AuditEntry } from '../../observe/audit.ts';
import { problemResponses } from '../problem.ts';
import { router } from '../router.ts';

const entry = z
  .object({
    at: z.iso.datetime().openapi({ description: 'When it was asked.' }),
    request: z.string().openapi({ description: 'As `x-request-id` had it.' }),
    principal: z.string().openapi({ description: 'Who asked.', example: 'token:k3jq5abcde' }),
    operation: z.string().openapi({ description: 'What for: an `operationId`.', example: 'getImageTar' }),
    method: z.string().openapi({ description: 'Of HTTP.', example: 'GET' }),
    status: z.int().openapi({ description: 'That of the answer.', example: 200 }),
    outcome: z.string().openapi({ description: '`ok`, the kind of problem, or `broken-off`.', example: 'ok' }),
    ms: z.int().openapi({ description: 'Until the last byte.' }),
    received_bytes: z.int().openapi({ description: 'Of the body, as its length said.' }),
    sent_bytes: z.int().openapi({
      description: 'Of a tar, a file or lines, as far as it went; of other answers what their length said.',
    }),
    image: z.string().optional().openapi({ description: 'The image that the path names.' }),
    etag: z.string().optional().openapi({ description: 'The version of the image.' }),
    about: z.string().optional().openapi({ description: 'The session, the token or the upload.' }),
  })
  .openapi('AuditEntry');

const page = z
  .object({
    entries: z.array(entry).openapi({ description: 'The newest first.' }),
    before: z.int().optional().openapi({ description: 'What to ask for next. Absent: that was all.' }),
  })
  .openapi('AuditPage');

const query = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100).openapi({ type: 'integer', minimum: 1, maximum: 1000 }),
  before: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .openapi({ type: 'integer', description: 'As a page before this one said.' }),
  principal: z.string().optional().openapi({ description: 'Of this one alone.' }),
  image: z.string().optional().openapi({ description: 'Of this image alone.' }),
  operation: z.string().optional().openapi({ description: 'Of this operation alone.' }),
  since: z.iso.datetime({ offset: true }).optional().openapi({ description: 'From then on.' }),
});

const getAudit = createRoute({
  method: 'get',
  path: '/v1/audit',
  operationId: 'getAudit',
  summary: 'Who did what',
  description:
    'A row for each request of a principal: no content and no secret is in it. Kept for 90 days, and no more than a million.',
  tags: ['access'],
  request: { query },
  responses: {
    200: { description: 'Rows.', content: { 'application/json': { schema: page } } },
    ...problemResponses(400),
  },
});

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const getMetrics = createRoute({
  method: 'get',
  path: '/metrics',
  operationId: 'getMetrics',
  summary: 'Figures for Prometheus',
  description:
    'Of the isolate that happens to take the request: kernels, memory, requests by operation and outcome, storage, restores.',
  tags: ['service'],
  responses: {
    200: { description: "Prometheus' text format.", content: { 'text/plain': { schema: z.string() } } },
    ...problemResponses(),
  },
});

export const admin = router();

admin.openapi(getAudit, async (c) => {
  const { since, ...wanted } = c.req.valid('query');
  const found = await c.var.audit.list({ ...wanted, sinceMs: since === undefined ? undefined : Date.parse(since) });
  const { entries, before } = found;
  return c.json({ entries: entries.map(entryJson), ...(before !== undefined && { before }) }, 200);
});

admin.openapi(getMetrics, (c) => c.text(c.var.metrics(), 200, { 'content-type': METRICS_TYPE }));

const entryJson = ({ atMs, receivedBytes, sentBytes, ...rest }: AuditEntry): z.infer<typeof entry> => ({
  at: new Date(atMs).toISOString(),
  received_bytes: receivedBytes,
  sent_bytes: sentBytes,
  ...rest,
});
