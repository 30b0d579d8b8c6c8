/** Handlers of POST /v1/fs2tar and /v1/fs2zip. */

import { bodyOf } from '../bodies/body.ts';
import { tarResponse, zipResponse } from '../image-content/tar.ts';
import { router } from '../router.ts';
import { fs2tarRoute, fs2zipRoute } from './route.ts';

export const fs2tar = router();

fs2tar.openapi(fs2tarRoute, async (c) => {
  const { decompress, ...query } = c.req.valid('query');
  const body = bodyOf(c, decompress);
  const { content } = c.var.jobs;
  return tarResponse(c, query, 'image', (request, sink) => content.tarOfBody(body, request, sink));
});

fs2tar.openapi(fs2zipRoute, async (c) => {
  const { decompress, ...query } = c.req.valid('query');
  const body = bodyOf(c, decompress);
  const { content } = c.var.jobs;
  return zipResponse(c, query, 'image', (request, sink) => content.tarOfBody(body, request, sink));
});
