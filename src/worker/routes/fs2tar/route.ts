/** /v1/fs2tar and /v1/fs2zip: an image in, a tar or a zip out. */

import { createRoute, z } from '@hono/zod-openapi';
import { contentEncodingHeader, decompressParam, imageBody } from '../bodies/body.ts';
import { tarResponses, ZIP_HAS, zipResponses } from '../image-content/route.ts';
import { tarQuery, zipQuery } from '../image-content/schema.ts';
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

export const fs2zipRoute = createRoute({
  method: 'post',
  path: '/v1/fs2zip',
  operationId: 'fs2zip',
  summary: 'The tree of a posted image as a zip',
  description: `The image is read as by \`/v1/fs2tar\`, and nothing of it is kept. ${ZIP_HAS}`,
  tags: ['fs2tar'],
  request: {
    query: zipQuery.extend({ decompress: decompressParam }),
    headers: z.object({ 'content-encoding': contentEncodingHeader, ...secretHeaders }),
    body: imageBody,
  },
  responses: { ...zipResponses, ...problemResponses(400, 404, 409, 413, 415, 422) },
});
