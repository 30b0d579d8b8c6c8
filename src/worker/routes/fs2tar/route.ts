/** /v1/fs2tar: an image in, a tar out. */

import { createRoute, z } from '@hono/zod-openapi';
import { contentEncodingHeader, decompressParam, imageBody } from '../bodies/body.ts';
import { tarResponses } from '../image-content/route.ts';
import { tarQuery } from '../image-content/schema.ts';
import { secretHeaders } from '../image-content/stack.ts';
import { problemResponses } from '../problem.ts';

export const fs2tarRoute = createRoute({
  method: 'post',
  path: '/v1/fs2tar',
  operationId: 'fs2tar',
  summary: 'The tree of a posted image as a tar',
  description:
    'The kernel mounts the image read-only and reads it. Nothing of it is kept. An error before the first bytes of the tar is a problem document; one after them aborts the response.',
  tags: ['fs2tar'],
  request: {
    query: tarQuery.extend({ decompress: decompressParam }),
    headers: z.object({ 'content-encoding': contentEncodingHeader, ...secretHeaders }),
    body: imageBody,
  },
  responses: { ...tarResponses, ...problemResponses(400, 404, 409, 413, 415, 422) },
});
