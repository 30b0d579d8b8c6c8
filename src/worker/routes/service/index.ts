/** Handlers of the service's own routes. */

import { HTTPException } from 'hono/http-exception';
import type { openapiDocument } from '../openapi/document.ts';
import { problemTypes } from '../problem.ts';
import { router } from '../router.ts';
import { page, script } from './docs.ts';
import { getDocs, getDocsScript, getHealth, getOpenapi, getProblem, getVersion } from './route.ts';

/** `document` makes the OpenAPI document of the whole API. */
export function service(document: () => ReturnType<typeof openapiDocument>) {
  const routes = router();

  routes.openapi(getHealth, (c) => {
    const { ready, kernels, waiting, ...bytes } = c.var.service.health();
    const memory = {
      kernel_bytes: bytes.bytes,
      kernel_budget_bytes: bytes.budgetBytes,
      body_bytes: bytes.memoryBytes,
      body_budget_bytes: bytes.memoryTotalBytes,
    };
    return c.json({ ok: true as const, ready, kernels, waiting, memory }, 200, { 'cache-control': 'no-store' });
  });

  routes.openapi(getVersion, (c) => {
    const { buildId, ...version } = c.var.service.version;
    return c.json({ ...version, build_id: buildId }, 200);
  });

  routes.openapi(getOpenapi, (c) => c.json(document(), 200));

  routes.openapi(getDocs, (c) => c.html(page, 200));

  routes.openapi(getDocsScript, async (c) => {
    const headers = { 'content-type': 'text/javascript', 'cache-control': 'public, max-age=86400' };
    return c.body(await script(), 200, headers);
  });

  routes.openapi(getProblem, (c) => {
    const { name } = c.req.valid('param');
    const found = problemTypes.find((type) => type.name === name);
    if (found === undefined) throw new HTTPException(404, { message: `no problem is called ${name}` });
    return c.json(found, 200);
  });

  return routes;
}
