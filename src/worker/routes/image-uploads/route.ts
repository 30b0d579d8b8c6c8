/** /v1/images/{name}/uploads: an image in several requests. */

import { createRoute } from '@hono/zod-openapi';
import { binary } from '../bodies/body.ts';
import { writeConditions } from '../conditions.ts';
import { etagHeader } from '../images/route.ts';
import { image, imageParams } from '../images/schema.ts';
import { problemResponses } from '../problem.ts';
import { completion, partParams, upload, uploadedPart, uploadList, uploadParams } from './schema.ts';

const tags = ['uploads'];

export const beginUpload = createRoute({
  method: 'post',
  path: '/v1/images/{name}/uploads',
  operationId: 'beginUpload',
  summary: 'Begin an upload in parts',
  description:
    'For images over the limit of one request. Parts are numbered from 1 and all equally long but the last, which may be shorter. They are stored as they are: compressed images are not decompressed. An upload that is neither completed nor aborted is dropped after seven days.',
  tags,
  request: { params: imageParams, headers: writeConditions },
  responses: {
    201: { description: 'The upload has begun.', content: { 'application/json': { schema: upload } } },
    ...problemResponses(400, 412, 429),
  },
});

export const listUploads = createRoute({
  method: 'get',
  path: '/v1/images/{name}/uploads',
  operationId: 'listUploads',
  summary: 'List uploads that have begun',
  description: 'Those of this image that are neither completed nor aborted.',
  tags,
  request: { params: imageParams },
  responses: {
    200: { description: 'All there are.', content: { 'application/json': { schema: uploadList } } },
    ...problemResponses(400),
  },
});

export const putPart = createRoute({
  method: 'put',
  path: '/v1/images/{name}/uploads/{id}/parts/{part}',
  operationId: 'putPart',
  summary: 'Upload a part, or replace it',
  description: 'Parts may come at once and in any order. `Content-MD5`, `Content-Digest` and `Digest` are heeded.',
  tags,
  request: {
    params: partParams,
    body: {
      description: 'The bytes of the part; `Content-Length` is required.',
      required: true,
      content: { 'application/octet-stream': binary },
    },
  },
  responses: {
    200: {
      description: 'The part is stored. Keep what this answers for the completion.',
      content: { 'application/json': { schema: uploadedPart } },
    },
    ...problemResponses(400, 404, 411, 413, 429),
  },
});

export const completeUpload = createRoute({
  method: 'post',
  path: '/v1/images/{name}/uploads/{id}/complete',
  operationId: 'completeUpload',
  summary: 'Make the parts an image',
  description: 'It appears whole or not at all. An upload is completed once.',
  tags,
  request: {
    params: uploadParams,
    headers: writeConditions,
    body: { required: true, content: { 'application/json': { schema: completion } } },
  },
  responses: {
    200: {
      description: 'The image is stored.',
      headers: etagHeader,
      content: { 'application/json': { schema: image } },
    },
    ...problemResponses(400, 404, 412, 413, 415, 422, 429),
  },
});

export const abortUpload = createRoute({
  method: 'delete',
  path: '/v1/images/{name}/uploads/{id}',
  operationId: 'abortUpload',
  summary: 'Drop an upload and its parts',
  description: 'One that was completed is no longer there.',
  tags,
  request: { params: uploadParams },
  responses: { 204: { description: 'It is gone.' }, ...problemResponses(400, 404) },
});
