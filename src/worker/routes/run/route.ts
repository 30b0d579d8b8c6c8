/** /v1/run: one of Linux's own programs on a kernel of its own, and which there are. */

import { createRoute } from '@hono/zod-openapi';
import { runAnswer, runRequest, toolList } from '../../../api/run/schema.ts';
import { problemResponses } from '../problem.ts';

const tags = ['programs'];

export const postRun = createRoute({
  method: 'post',
  path: '/v1/run',
  operationId: 'run',
  summary: 'Run a program',
  description:
    "One of Linux's own programs (mkfs, fsck, debugfs, ip, a shell …) runs on a fresh kernel, with images as its disks. What it wrote to disks that are to be stored is stored when it has ended by itself, whatever its exit code; not when a signal or the deadline ended it. A program that is not there, or a disk that cannot be mounted, is a problem; a program that fails is an answer.",
  tags,
  request: { body: { required: true, content: { 'application/json': { schema: runRequest } } } },
  responses: {
    200: {
      description: 'It ran. At most 8 MiB of output, and as much of files, fit one document.',
      content: {
        'application/json': { schema: runAnswer },
        'application/x-ndjson': {
          schema: {
            type: 'string',
            description:
              'As it runs: a line `{"stdout": …}`, `{"stdout_base64": …}`, `{"stderr": …}` or `{"stderr_base64": …}` for each piece of output, however much, and at the end `{"end": …}`, a `RunEnd`. One that fails midway has `{"problem": …}` as its last line.',
          },
        },
      },
    },
    ...problemResponses(400, 404, 409, 412, 413, 415, 422),
  },
});

export const getTools = createRoute({
  method: 'get',
  path: '/v1/run',
  operationId: 'getTools',
  summary: 'The programs there are',
  description: 'Those of Debian that this service carries.',
  tags,
  responses: {
    200: { description: 'By name.', content: { 'application/json': { schema: toolList } } },
    ...problemResponses(),
  },
});
