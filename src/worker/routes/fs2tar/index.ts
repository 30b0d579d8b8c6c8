/** Handler of POST /v1/fs2tar. */

import { bodyOf } from '../bodies/body.ts';
import { tarResponse } from '../image-content/tar.ts';
import { router } from '../router.ts';
import { fs2tarRoute } from './route.ts';

export const fs2tar = router();

fs2tar.openapi(fs2tarRoute, async (c) => {
  const { decompress, ...query } = c.req.valid('query');
  const body = bodyOf(c, decompress);
  const { content } = c.var.jobs;
  return tarResponse(c, query, 'image', (request, sink) => content.tarOfBody(body, request, sink));
});
