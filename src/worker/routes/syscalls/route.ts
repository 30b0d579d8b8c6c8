/** /v1/syscalls: a batch of system calls on a fresh kernel, and the table of what may be said in one. */

import { createRoute, z } from '@hono/zod-openapi';
import { batch, batchAnswer, syscallTable } from '../../../api/syscalls/schema.ts';
import { secretHeaders } from '../image-content/stack.ts';
import { problemResponses } from '../problem.ts';

const tags = ['syscalls'];

/** Lines are checked one by one as they come: no schema ever sees the body, and none adds to the type of the JSON one. */
export const linesIn = (description: string) => ({ schema: z.never().openapi({ type: 'string', description }) });
export const linesOut = (description: string) => ({ schema: { type: 'string', description } }) as const;

const batchBody = {
  required: true,
  content: {
    'application/json': { schema: batch },
    'application/x-ndjson': linesIn(
      'A `Call` a line. The first line may be a `BatchHead` instead: everything else about the batch.',
    ),
  },
} as const;

const batchResponses = {
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

/** An address inside of a struct is a number: memory of the kernel's that other calls fill and show. */
const addresses = [
  { call: 'socket', args: ['AF_INET', 'SOCK_DGRAM', 0], as: 's' },
  { call: 'pipe2', args: [{ out: 's32[2]' }, 0], as: 'p' },
  { call: 'mmap2', args: [0, 4096, 'PROT_READ|PROT_WRITE', 'MAP_PRIVATE|MAP_ANONYMOUS', -1, 0], as: 'm' },
  { call: 'write', args: [{ ref: 'p.1' }, { hex: '0a00000000000000' }, 8] },
  { call: 'read', args: [{ ref: 'p.0' }, { ref: 'm' }, 8] },
  {
    call: 'ioctl',
    args: [{ ref: 's' }, 'SIOCETHTOOL', { struct: 'ifreq', ifr_name: 'lo', ifr_data: { ref: 'm' } }],
  },
  { call: 'write', args: [{ ref: 'p.1' }, { ref: 'm' }, 8] },
  { call: 'read', args: [{ ref: 'p.0' }, { out: 'u32[2]' }, 8] },
];

export const postSyscalls = createRoute({
  method: 'post',
  path: '/v1/syscalls',
  operationId: 'postSyscalls',
  summary: 'Make system calls on a fresh kernel',
  description: `The calls are made by pid 1, a root with nothing open, in the order given. The kernel is thrown away afterwards. pid 1 may exit, which ends the batch.

A field of a struct that is a \`ptr\` in \`GET /v1/syscalls\` (\`ifr_data\` of \`ifreq\`, for ethtool) is an address, a number: that of memory by mmap2, which is filled by a read from a pipe and shown by a write to one. Whether the loopback has a link (\`ETHTOOL_GLINK\`, 10), with \`"out": [10, 1]\` for its last answer:

\`\`\`json
${JSON.stringify({ calls: addresses })}
\`\`\``,
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
