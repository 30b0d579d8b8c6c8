/** The composition root: routes onto jobs, jobs onto bindings, clock and randomness. */

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Bindings } from './env.ts';

const health = createRoute({
  method: 'get',
  path: '/healthz',
  responses: {
    200: {
      description: 'The Worker answers.',
      content: { 'application/json': { schema: z.object({ ok: z.literal(true) }) } },
    },
  },
});

/** The whole HTTP interface. */
export const app = new OpenAPIHono<{ Bindings: Bindings }>();

app.openapi(health, (c) => c.json({ ok: true as const }, 200));
app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'lkl', version: '1' } });
app.get('/docs', (c) => c.html('<a href="/openapi.json">openapi.json</a>'));
