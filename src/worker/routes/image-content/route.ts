/** /v1/images/{name}: its description, its tree as a tar, its files. */

import { createRoute, z } from '@hono/zod-openapi';
import { binary } from '../bodies/body.ts';
import { readConditions } from '../conditions.ts';
import { versionQuery } from '../image-versions/schema.ts';
import { etagHeader } from '../images/route.ts';
import { imageParams } from '../images/schema.ts';
import { problemResponses } from '../problem.ts';
import { description, directory, diskQuery, fileParams, fileQuery, tarQuery, zipQuery } from './schema.ts';
import { secretHeaders, stackQuery } from './stack.ts';

const tags = ['images'];

const notModified = { 304: { description: 'The image is still that version.' } } as const;

/** A tar in a response; also that of POST /v1/fs2tar. */
export const tarResponses = {
  200: {
    description: 'The tar: pax, names relative to `./` and sorted. It is whole if the response ends cleanly.',
    content: { 'application/x-tar': binary, 'application/gzip': binary },
  },
  ...problemResponses(400, 404, 409, 413, 422),
};

/** A zip in a response; also that of POST /v1/fs2zip. */
export const zipResponses = {
  200: {
    description: 'The zip: names sorted. It is whole if the response ends cleanly.',
    content: { 'application/zip': binary },
  },
  ...problemResponses(400, 404, 409, 413, 422),
};

export const ZIP_HAS =
  'As it is read, without knowing its length before. Symlinks, modes, owners and times are as Info-ZIP has them; hard links are files of their own; devices, FIFOs, sockets and extended attributes have no place in a zip. Some 100,000 files: a tar has no such bound.';

export const describeImage = createRoute({
  method: 'get',
  path: '/v1/images/{name}',
  operationId: 'describeImage',
  summary: 'What the kernel says of an image',
  description:
    'Its partitions, and of each what it is: every file system is mounted to ask Linux. What is stacked on them is opened: volume groups, arrays, and with a secret encrypted volumes.',
  tags,
  request: {
    params: imageParams,
    query: diskQuery.extend({ ...versionQuery, ...stackQuery }),
    headers: readConditions.extend(secretHeaders),
  },
  responses: {
    200: {
      description: 'Its size, partitions and file systems.',
      headers: etagHeader,
      content: { 'application/json': { schema: description } },
    },
    ...notModified,
    ...problemResponses(400, 404, 409, 422),
  },
});

export const getImageTar = createRoute({
  method: 'get',
  path: '/v1/images/{name}/tar',
  operationId: 'getImageTar',
  summary: 'The tree of an image as a tar',
  description:
    'The kernel mounts it read-only. An error before the first bytes is a problem document; one after them aborts the response.',
  tags,
  request: { params: imageParams, query: tarQuery.extend(versionQuery), headers: z.object(secretHeaders) },
  responses: tarResponses,
});

export const getImageZip = createRoute({
  method: 'get',
  path: '/v1/images/{name}/zip',
  operationId: 'getImageZip',
  summary: 'The tree of an image as a zip',
  description: ZIP_HAS,
  tags,
  request: { params: imageParams, query: zipQuery.extend(versionQuery), headers: z.object(secretHeaders) },
  responses: zipResponses,
});

export const getImageFile = createRoute({
  method: 'get',
  path: '/v1/images/{name}/files/{path{[^]*}}',
  operationId: 'getImageFile',
  summary: 'One file of an image, or a directory of it',
  description: 'Symlinks are followed inside the image. A file may be asked for by range.',
  tags,
  request: {
    params: fileParams,
    query: fileQuery.extend(versionQuery),
    headers: readConditions.extend(secretHeaders),
  },
  responses: {
    200: {
      description: 'The file whole, or the directory.',
      headers: etagHeader,
      content: { 'application/octet-stream': binary, 'application/json': { schema: directory } },
    },
    206: {
      description: 'The range of the file.',
      headers: { ...etagHeader, 'Content-Range': { schema: { type: 'string' }, description: 'Where it lies.' } },
      content: { 'application/octet-stream': binary },
    },
    ...notModified,
    ...problemResponses(400, 404, 409, 416, 422),
  },
});
