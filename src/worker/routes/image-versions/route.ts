/** /v1/images/{name}/versions and /raw: what an image was, and its bytes. */

import { createRoute, z } from '@hono/zod-openapi';
import { madeFormats, madeKinds } from '../../../storage/formats/make/made-formats.ts';
import { binary } from '../bodies/body.ts';
import { readConditions, writeConditions } from '../conditions.ts';
import { etagHeader } from '../images/route.ts';
import { image, imageParams } from '../images/schema.ts';
import { problemResponses } from '../problem.ts';
import { versionParams, versionQuery, versions } from './schema.ts';

const tags = ['images'];

export const listImageVersions = createRoute({
  method: 'get',
  path: '/v1/images/{name}/versions',
  operationId: 'listImageVersions',
  summary: 'The versions of an image',
  description: 'Each request that changes what is in an image makes one. They stay until they are dropped.',
  tags,
  request: { params: imageParams },
  responses: {
    200: {
      description: 'Those there are.',
      headers: etagHeader,
      content: { 'application/json': { schema: versions } },
    },
    ...problemResponses(400, 404),
  },
});

export const restoreImageVersion = createRoute({
  method: 'post',
  path: '/v1/images/{name}/versions/{id}/restore',
  operationId: 'restoreImageVersion',
  summary: 'Go back to a version',
  description: 'The image is as it was in that version. No version is lost by it.',
  tags,
  request: { params: versionParams, headers: writeConditions.pick({ 'if-match': true }) },
  responses: {
    200: { description: 'The image now.', headers: etagHeader, content: { 'application/json': { schema: image } } },
    ...problemResponses(400, 404, 412, 422),
  },
});

export const dropImageVersion = createRoute({
  method: 'delete',
  path: '/v1/images/{name}/versions/{id}',
  operationId: 'dropImageVersion',
  summary: 'Drop a version',
  description: 'What only this version has is deleted a day later at the latest. The current one cannot be dropped.',
  tags,
  request: { params: versionParams },
  responses: { 204: { description: 'It is gone.' }, ...problemResponses(400, 404, 409, 412, 422) },
});

const diskFormat = z
  .enum(madeFormats)
  .optional()
  .openapi({
    description: `The disk that is in the image (qcow2, VMDK …), as ${madeFormats
      .map((format) => `\`${format}\`: ${madeKinds[format]}`)
      .join(
        '; ',
      )}. Whole only but for \`raw\`, without its zeros; of more than 1 GiB of data zeros that nothing tells of stay. Default: as it is stored.`,
  });

export const getImageRaw = createRoute({
  method: 'get',
  path: '/v1/images/{name}/raw',
  operationId: 'getImageRaw',
  summary: 'The bytes of an image',
  description:
    'As they were uploaded, with all that was written since, or with `format` the disk in them; whole or by range.',
  tags,
  request: {
    params: imageParams,
    query: z.strictObject({ ...versionQuery, format: diskFormat }),
    headers: readConditions,
  },
  responses: {
    200: { description: 'All of it.', headers: etagHeader, content: { 'application/octet-stream': binary } },
    206: {
      description: 'The range of it.',
      headers: { ...etagHeader, 'Content-Range': { schema: { type: 'string' }, description: 'Where it lies.' } },
      content: { 'application/octet-stream': binary },
    },
    304: { description: 'The image is still that version.' },
    ...problemResponses(400, 404, 409, 416, 422),
  },
});
