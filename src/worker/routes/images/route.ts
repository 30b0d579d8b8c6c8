/** /v1/images: put, look up, list, delete. */

import { createRoute, z } from '@hono/zod-openapi';
import { contentEncodingHeader, decompressParam, imageBody } from '../bodies/body.ts';
import { writeConditions } from '../conditions.ts';
import { problemResponses } from '../problem.ts';
import { image, imagePage, imageParams, pageQuery } from './schema.ts';

const tags = ['images'];

export const etagHeader = {
  ETag: { schema: { type: 'string' }, description: 'Names this version of the image.' },
} as const;

export const listImages = createRoute({
  method: 'get',
  path: '/v1/images',
  operationId: 'listImages',
  summary: 'List images in byte order of their names',
  description: 'A page at a time: `cursor` of one asks for the next.',
  tags,
  request: { query: pageQuery },
  responses: {
    200: { description: 'A page of images.', content: { 'application/json': { schema: imagePage } } },
    ...problemResponses(400),
  },
});

const stored = (description: string) => ({
  description,
  headers: etagHeader,
  content: { 'application/json': { schema: image } },
});

export const putImage = createRoute({
  method: 'put',
  path: '/v1/images/{name}',
  operationId: 'putImage',
  summary: 'Store an image',
  description:
    'Streams the body into storage. The image appears whole or not at all. An image over the limit of one request is uploaded in parts.',
  tags,
  request: {
    params: imageParams,
    query: z.strictObject({ decompress: decompressParam }),
    headers: writeConditions.extend({ 'content-encoding': contentEncodingHeader }),
    body: imageBody,
  },
  responses: {
    200: stored('An image of this name was replaced.'),
    201: stored('The image was stored.'),
    ...problemResponses(400, 412, 413, 415, 422, 429),
  },
});

/** Registered by hand: hono runs HEAD as GET. */
export const headImage = createRoute({
  method: 'head',
  path: '/v1/images/{name}',
  operationId: 'headImage',
  summary: 'Look whether there is an image, and which version',
  description: 'Without starting a kernel, unlike GET.',
  tags,
  request: { params: imageParams },
  responses: {
    200: {
      description: 'There is.',
      headers: {
        ...etagHeader,
        'Last-Modified': { schema: { type: 'string' }, description: 'When it was stored.' },
        'Image-Size': { schema: { type: 'integer' }, description: 'Its bytes.' },
      },
    },
    404: { description: 'There is none.' },
    default: { description: 'Any other error.' },
  },
});

export const deleteImage = createRoute({
  method: 'delete',
  path: '/v1/images/{name}',
  operationId: 'deleteImage',
  summary: 'Delete an image',
  description: 'Whoever reads it at this moment is told that it changed (409).',
  tags,
  request: { params: imageParams, headers: writeConditions.pick({ 'if-match': true }) },
  responses: { 204: { description: 'It is gone.' }, ...problemResponses(400, 404, 412) },
});
