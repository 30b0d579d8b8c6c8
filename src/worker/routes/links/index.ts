/** POST /v1/links: URLs that need no token. */

import { createRoute, z } from '@hono/zod-openapi';
import { HostError } from '../../../errors/host-error.ts';
import { wholeBody } from '../bodies/whole-body.ts';
import { problemResponses } from '../problem.ts';
import { router } from '../router.ts';

const WEEK_S = 7 * 86_400;

const newLink = z
  .strictObject({
    method: z.enum(['GET', 'PUT']).openapi({ description: 'A link for GET is good for HEAD too.' }),
    path: z
      .string()
      .regex(/^\/v1\/images\/[^/?#]+(\/[^?#]*)?$/, 'a path below /v1/images/, without a query')
      .max(4096)
      .openapi({
        description: 'What it leads to: a tar, a file, an image, or with PUT an image or a part of an upload.',
        example: '/v1/images/root.ext4/tar',
      }),
    query: z
      .record(z.string().max(100), z.string().max(4096))
      .default({})
      .openapi({ description: 'Members of the query, all of which are fixed.', example: { compress: 'gzip' } }),
    expires_in_s: z
      .int()
      .min(1)
      .max(WEEK_S)
      .default(3600)
      .openapi({ description: 'Seconds for which it is good: a week at most.' }),
  })
  .openapi('NewLink');

const link = z
  .object({
    url: z
      .string()
      .openapi({ description: 'Whoever has it may make this one request until then, as often as he likes.' }),
    method: z.enum(['GET', 'PUT']).openapi({ description: 'To be used with it.' }),
    expires: z.iso.datetime().openapi({ description: 'From when on it is not good any more.' }),
  })
  .openapi('Link');

const createLink = createRoute({
  method: 'post',
  path: '/v1/links',
  operationId: 'createLink',
  summary: 'Make a URL that needs no token',
  description:
    'For a tar, a file or an upload: the method, the path and the whole query are signed, and when it ends. It can do what you may do yourself. Links of a token end when the token is revoked.',
  tags: ['access'],
  request: { body: { required: true, content: { 'application/json': { schema: newLink } } } },
  responses: {
    201: { description: 'Made.', content: { 'application/json': { schema: link } } },
    ...problemResponses(400, 404, 413, 415),
  },
});

export const links = router();

links.use(createLink.getRoutingPath(), wholeBody);

links.openapi(createLink, async (c) => {
  const { method, path, query, expires_in_s } = c.req.valid('json');
  // As whoever follows it will ask for it: without dots that lead out of where it seems to be.
  const [, name] = /^\/v1\/images\/([^/]+)/.exec(new URL(path, c.req.url).pathname) ?? [];
  if (name === undefined) throw new HostError('invalid-request', 'path leads out of /v1/images/');
  const image = decoded(name);
  if (method === 'GET') await c.var.jobs.images.get(image);
  else await c.var.jobs.images.mayWrite(image);
  const expiresMs = c.var.nowMs() + 1000 * expires_in_s;
  const made = await c.var.links.create(c.var.principal, { method, path, query, expiresMs });
  const url = new URL(made, c.req.url).href;
  return c.json({ url, method, expires: new Date(expiresMs).toISOString() }, 201, { 'cache-control': 'no-store' });
});

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch (cause) {
    throw new HostError('invalid-request', 'path: a % without two hex digits behind it', { cause });
  }
}
