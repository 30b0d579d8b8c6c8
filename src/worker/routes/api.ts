/** The whole HTTP interface: all routes, and what every request goes through. Knows no binding. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Env } from './env.ts';
import { fs2tar } from './fs2tar/index.ts';
import { imageContent } from './image-content/index.ts';
import { imageUploads } from './image-uploads/index.ts';
import { images } from './images/index.ts';
import { allowedMethods, openapiDocument } from './openapi-document.ts';
import { notFound, onError } from './problem.ts';
import { router } from './router.ts';
import { service } from './service/index.ts';
import { sessions } from './sessions/index.ts';
import { simulations } from './simulations/index.ts';
import { syscalls } from './syscalls/index.ts';

/** `variables` makes what handlers find in the context of one request. */
export function createApi(variables: (c: Context) => Env['Variables']): OpenAPIHono<Env> {
  const api = router();
  let document: ReturnType<typeof openapiDocument> | undefined;
  const openapi = () => {
    document ??= openapiDocument(api);
    return document;
  };

  api.use(async (c, next) => {
    const found = variables(c);
    for (const name of ['jobs', 'sessions', 'memory', 'log'] as const) c.set(name, found[name]);
    // A client that hangs up would stop the handler at whatever it awaits, with all it holds.
    const handled = next();
    found.jobs.keepAlive(handled);
    await handled;
    if (c.req.raw.method === 'HEAD') await c.res.body?.cancel(); // or its writer would wait forever
  });
  api.onError(onError);
  api.notFound((c) => notFound(allowedMethods(openapi()))(c));

  for (const routes of [service(openapi), fs2tar, images, imageUploads, imageContent, syscalls, sessions, simulations])
    api.route('/', routes);
  return api;
}
