/** /v1/syscalls: a batch of system calls on a fresh kernel, and the table of what may be said in one. */

import { createRoute, z } from '@hono/zod-openapi';
import { batch, batchAnswer, syscallTable } from '../../../api/syscalls/schema.ts';
import { secretHeaders } from '../image-content/stack.ts';
import { problemResponses } from '../problem.ts';

const tags = ['syscalls'];

/** Lines are checked one by one as they come: no schema ever sees the body, and none adds to the type of the JSON one. */
export const linesIn = (description: string) => ({ schema: z.never().openapi({ type: 'string', description }) });
export const linesOut = (description: string) => ({ schema: { type: 'string', description } }) as const;

export const batchBody = {
  required: true,
  content: {
    'application/json': { schema: batch },
    'application/x-ndjson': linesIn(
      'A `Call` a line. The first line may be a `BatchHead` instead: everything else about the batch.',
    ),
  },
} as const;

export const batchResponses = {
  200: {
    description:
      'What each call answered. A failed call is a result like any other: `{"ret": -2, "errno": "ENOENT"}`. NDJSON is answered by NDJSON.',
    content: {
      'application/json': { schema: batchAnswer },
      'application/x-ndjson': linesOut(
        'A `CallResult` a line, those of tasks with `task`, and at the end a line `{"end": …}`. A batch that fails midway has `{"problem": …}` as its last line, and is broken off.',
      ),
    },
  },
} as const;

export const postSyscalls = createRoute({
  method: 'post',
  path: '/v1/syscalls',
  operationId: 'postSyscalls',
  summary: 'Make system calls on a fresh kernel',
  description:
    'The calls are made by pid 1, a root with nothing open, in the order given. The kernel is thrown away afterwards. pid 1 may exit, which ends the batch.',
  tags,
  request: { headers: z.object(secretHeaders), body: batchBody },
  responses: { ...batchResponses, ...problemResponses(400, 404, 413, 415, 422) },
});

export const getSyscalls = createRoute({
  method: 'get',
  path: '/v1/syscalls',
  operationId: 'getSyscalls',
  summary: 'Every system call, struct and constant that a batch may name',
  description: 'For whoever writes batches, and for programs that do.',
  tags,
  responses: {
    200: {
      description: "Generated from the kernel's own headers.",
      content: { 'application/json': { schema: syscallTable } },
    },
    ...problemResponses(),
  },
});
