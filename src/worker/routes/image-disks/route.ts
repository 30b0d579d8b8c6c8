/** Requests that make whole disks, and write partition tables. */

import { createRoute } from '@hono/zod-openapi';
import { writeConditions } from '../conditions.ts';
import { etagHeader } from '../images/route.ts';
import { imageParams } from '../images/schema.ts';
import { problemResponses } from '../problem.ts';
import { diskDefinition, madeDisk, partitioned, partitioning } from './schema.ts';

const tags = ['images'];
const headers = writeConditions.pick({ 'if-match': true });
const problems = problemResponses(400, 404, 409, 412, 413, 415, 422);

export const makeDiskImage = createRoute({
  method: 'post',
  path: '/v1/images/{name}/mkimage',
  operationId: 'makeDiskImage',
  summary: 'Make an image of a whole disk',
  description:
    'With a partition table and what is in each partition, of definitions as systemd-repart or genimage have them. The image appears whole or not at all; one that is there is replaced only where `If-Match` names it (`*`: whatever it is).',
  tags,
  request: {
    params: imageParams,
    headers,
    body: { required: true, content: { 'application/json': { schema: diskDefinition } } },
  },
  responses: {
    201: { description: 'It is there.', headers: etagHeader, content: { 'application/json': { schema: madeDisk } } },
    ...problems,
  },
});

export const partitionImage = createRoute({
  method: 'post',
  path: '/v1/images/{name}/partition',
  operationId: 'partitionImage',
  summary: 'Write the partition table of an image',
  description:
    'By sfdisk: of a new image of `size_bytes`, or of the one that is there, as a new version. What is on partitions stays. A new one replaces an image that is there only where `If-Match` names it.',
  tags,
  request: {
    params: imageParams,
    headers,
    body: { required: true, content: { 'application/json': { schema: partitioning } } },
  },
  responses: {
    200: {
      description: 'It has that table.',
      headers: etagHeader,
      content: { 'application/json': { schema: partitioned } },
    },
    ...problems,
  },
});
