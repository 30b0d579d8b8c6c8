/** Requests that make, check and resize the file system of a stored image, by its own programs. */

import { createRoute } from '@hono/zod-openapi';
import { binary } from '../bodies/body.ts';
import { writeConditions } from '../conditions.ts';
import { secretHeaders } from '../image-content/stack.ts';
import { etagHeader } from '../images/route.ts';
import { imageParams } from '../images/schema.ts';
import { problemResponses } from '../problem.ts';
import { checkedImage, checkQuery, madeImage, makeQuery, resizedImage, resizeQuery } from './schema.ts';

const tags = ['images'];
const ifMatch = writeConditions.pick({ 'if-match': true });
const problems = problemResponses(400, 404, 409, 412, 413, 415, 422);

export const makeFileSystem = createRoute({
  method: 'post',
  path: '/v1/images/{name}/mkfs',
  operationId: 'makeFileSystem',
  summary: 'Make an image with a file system',
  description:
    'Empty, of the tar in the body, or of the tree of another image, which is converted so. The file system is made by its own program (mke2fs, mkfs.xfs, mkfs.btrfs, mkfs.fat, mksquashfs …), and filled by Linux. The image appears whole or not at all; one that is there is replaced only where `If-Match` names it (`*`: whatever it is).',
  tags,
  request: {
    params: imageParams,
    query: makeQuery,
    headers: ifMatch,
    body: {
      description: 'A tar, compressed as an image may be; or nothing.',
      required: false,
      content: { 'application/octet-stream': binary },
    },
  },
  responses: {
    201: { description: 'It is there.', headers: etagHeader, content: { 'application/json': { schema: madeImage } } },
    ...problems,
  },
});

export const checkFileSystem = createRoute({
  method: 'post',
  path: '/v1/images/{name}/fsck',
  operationId: 'checkFileSystem',
  summary: 'Check the file system of an image, or repair it',
  description:
    'By its own program (e2fsck, xfs_repair, btrfs check, fsck.fat …), of the whole image, of one partition, or of what lies in an encrypted volume, a volume group or an array (of this one image). What is repaired is a new version of the image.',
  tags,
  request: { params: imageParams, query: checkQuery, headers: ifMatch.extend(secretHeaders) },
  responses: {
    200: {
      description: 'It was checked.',
      headers: etagHeader,
      content: { 'application/json': { schema: checkedImage } },
    },
    ...problems,
  },
});

export const resizeImage = createRoute({
  method: 'post',
  path: '/v1/images/{name}/resize',
  operationId: 'resizeImage',
  summary: 'Give an image and its file system another size',
  description:
    'Larger or, where the file system can, smaller: a new version. No data is copied. One that lies right in an encrypted volume (LUKS) is resized with that, which `lkl-passphrase` opens.',
  tags,
  request: { params: imageParams, query: resizeQuery, headers: ifMatch.extend(secretHeaders) },
  responses: {
    200: {
      description: 'It has that size.',
      headers: etagHeader,
      content: { 'application/json': { schema: resizedImage } },
    },
    ...problems,
  },
});
