/** The service's own routes: health, its document and page, the problems it knows. */

import { createRoute, z } from '@hono/zod-openapi';
import { problemResponses } from '../problem.ts';

const tags = ['service'];

const health = z
  .object({
    ok: z.literal(true).openapi({ description: 'This was answered.' }),
    ready: z
      .boolean()
      .openapi({ description: 'A kernel of the usual size could start now, and nobody waits for one.' }),
    kernels: z.int().openapi({ description: 'Those that run in this isolate.' }),
    waiting: z.int().openapi({ description: 'Requests that wait for memory.' }),
    memory: z
      .object({
        kernel_bytes: z
          .int()
          .openapi({ description: 'What kernels may grow to, and what is kept ready for the next.' }),
        kernel_budget_bytes: z.int(),
        body_bytes: z.int().openapi({ description: 'Held by bodies, spools and lines.' }),
        body_budget_bytes: z.int(),
      })
      .openapi({ description: "Of this isolate's." }),
  })
  .openapi('Health');

export const getHealth = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'getHealth',
  summary: 'Whether the service answers, and has room',
  description:
    'It answers for the isolate that happens to take the request. Looking also takes back what vanished requests left behind.',
  tags,
  responses: {
    200: {
      description: 'It answers.',
      content: { 'application/json': { schema: health } },
    },
    ...problemResponses(),
  },
});

export const getVersion = createRoute({
  method: 'get',
  path: '/version',
  operationId: 'getVersion',
  summary: 'What runs here',
  description: 'Versions, for bug reports and for whoever keeps suspended sessions across an upgrade.',
  tags,
  responses: {
    200: {
      description: 'Versions of the service and of its kernel.',
      content: {
        'application/json': {
          schema: z
            .object({
              version: z.string().openapi({ description: 'Of the service.', example: '0.1.0' }),
              linux: z.string().openapi({ description: 'Of the kernel.', example: '6.12.118' }),
              source: z.string().openapi({ description: "Debian's source package that the kernel is built of." }),
              build_id: z.string().openapi({
                description: 'Names the kernel: a suspended session goes on only in the one it was made with.',
              }),
            })
            .openapi('Version'),
        },
      },
    },
    ...problemResponses(),
  },
});

export const getOpenapi = createRoute({
  method: 'get',
  path: '/openapi.json',
  operationId: 'getOpenapi',
  summary: 'This document',
  description: 'For generators of clients; it is the same as in the repository.',
  tags,
  responses: {
    200: {
      description: 'OpenAPI 3.1.',
      content: { 'application/json': { schema: z.unknown().openapi({ type: 'object', additionalProperties: true }) } },
    },
    ...problemResponses(),
  },
});

export const getDocs = createRoute({
  method: 'get',
  path: '/docs',
  operationId: 'getDocs',
  summary: 'This document as a page',
  description: 'To read, and to try requests from.',
  tags,
  responses: {
    200: { description: 'HTML.', content: { 'text/html': { schema: z.string() } } },
    ...problemResponses(),
  },
});

export const getDocsScript = createRoute({
  method: 'get',
  path: '/docs/rapidoc.js',
  operationId: 'getDocsScript',
  summary: 'The script of that page',
  description: 'Served from here, so that the page works without any other host.',
  tags,
  responses: {
    200: { description: 'RapiDoc.', content: { 'text/javascript': { schema: z.string() } } },
    ...problemResponses(),
  },
});

export const getProblem = createRoute({
  method: 'get',
  path: '/problems/{name}',
  operationId: 'getProblem',
  summary: 'What a kind of problem means',
  description: 'Each `type` of a problem document is a path of this service: this is what is there.',
  tags,
  request: { params: z.object({ name: z.string().openapi({ example: 'ENOENT' }) }) },
  responses: {
    200: {
      description: 'Its meaning.',
      content: {
        'application/json': {
          schema: z
            .object({
              name: z
                .string()
                .openapi({ description: 'The end of `type` in a problem document.', example: 'no-file-system' }),
              message: z.string().openapi({ description: 'What it means, as `title` has it.' }),
              status: z.int().openapi({ description: 'The status it is answered with.', example: 422 }),
            })
            .openapi('ProblemType'),
        },
      },
    },
    ...problemResponses(404),
  },
});
