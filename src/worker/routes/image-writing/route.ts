/** Requests that change what is in an image: each is one version, or none. */

import { createRoute, z } from '@hono/zod-openapi';
import { binary, contentEncodingHeader, decompressParam } from '../bodies/body.ts';
import { writeConditions } from '../conditions.ts';
import { fileParams, mountQuery } from '../image-content/schema.ts';
import { etagHeader } from '../images/route.ts';
import { imageParams } from '../images/schema.ts';
import { problemResponses } from '../problem.ts';
import { changes, deleteFileQuery, filled, fillQuery, putFileQuery, written } from './schema.ts';

const tags = ['images'];

/** Which file system of the image is written. */
const writeQuery = mountQuery.omit({ format: true, member: true, snapshot: true });

const answer = (description: string) => ({
  description,
  headers: etagHeader,
  content: { 'application/json': { schema: written } },
});

const problems = problemResponses(400, 403, 404, 409, 412, 413, 422);

export const putImageFile = createRoute({
  method: 'put',
  path: '/v1/images/{name}/files/{path{[^]*}}',
  operationId: 'putImageFile',
  summary: 'Write a file into an image',
  description:
    'The body is the file. Linux writes it: what was there is replaced, owner and attributes of a file that was there stay. `If-Match` is of the image; `If-None-Match: *` asks that there is no such file yet.',
  tags,
  request: {
    params: fileParams,
    query: writeQuery.extend(putFileQuery),
    headers: writeConditions,
    body: { description: 'What is in the file.', content: { 'application/octet-stream': binary } },
  },
  responses: { 200: answer('It is in the image.'), ...problems },
});

export const deleteImageFile = createRoute({
  method: 'delete',
  path: '/v1/images/{name}/files/{path{[^]*}}',
  operationId: 'deleteImageFile',
  summary: 'Delete a file of an image',
  description: 'A symlink itself; a directory only with `recursive=1`.',
  tags,
  request: {
    params: fileParams,
    query: writeQuery.extend(deleteFileQuery),
    headers: writeConditions.pick({ 'if-match': true }),
  },
  responses: { 200: answer('It is gone.'), ...problems },
});

export const changeImage = createRoute({
  method: 'post',
  path: '/v1/images/{name}/changes',
  operationId: 'changeImage',
  summary: 'Change files of an image',
  description:
    'All of the changes, in their order, are one version. When one of them fails, none of them is in the image; the problem tells which (`change`).',
  tags,
  request: {
    params: imageParams,
    query: z.strictObject(writeQuery.shape),
    headers: writeConditions.pick({ 'if-match': true }),
    body: { required: true, content: { 'application/json': { schema: changes } } },
  },
  responses: { 200: answer('They are in the image.'), ...problems },
});

export const fillImage = createRoute({
  method: 'post',
  path: '/v1/images/{name}/tar',
  operationId: 'fillImage',
  summary: 'Unpack a tar into an image',
  description:
    'Linux makes what is in the tar: files of every type, owners, modes, times to the nanosecond, extended attributes, ACLs, hard links, holes. What is at a place already is replaced, directories stay. All of it is one version, or none.',
  tags,
  request: {
    params: imageParams,
    query: writeQuery.extend({ ...fillQuery, decompress: decompressParam }),
    headers: writeConditions.pick({ 'if-match': true }).extend({ 'content-encoding': contentEncodingHeader }),
    body: {
      description: 'A tar of any make; compressed as an image may be.',
      required: true,
      content: { 'application/octet-stream': binary },
    },
  },
  responses: {
    200: {
      description: 'It is in the image.',
      headers: etagHeader,
      content: { 'application/json': { schema: filled } },
    },
    ...problemResponses(400, 403, 404, 409, 412, 413, 415, 422),
  },
});
