/** Routes to servers in a session. */

import { createRoute, z } from '@hono/zod-openapi';
import { problemResponses } from '../problem.ts';
import { sessionPortParams } from './schema.ts';

const anything = z.any().openapi({ description: 'Whatever the server sends.' });

const description =
  "The request goes to the server that listens at this port of the session's loopback (127.0.0.1, then ::1), and its answer comes back, of any status and media type: over a connection of its own, with `Host: localhost:{port}`, `X-Forwarded-Host`, `X-Forwarded-Proto` and `X-Forwarded-Prefix`. What proves to this service who asks is not passed on. Cookies and redirects of the server are bound to its path here; its pages are sandboxed (`Content-Security-Policy`), with an origin of their own. With the virtual clock, time passes while the server works on a request. A connection that is open keeps the session from being suspended.";

const route = <const Method extends 'get' | 'post' | 'put' | 'patch' | 'delete', const Id extends string>(
  method: Method,
  operationId: Id,
  summary: string,
) =>
  createRoute({
    method,
    path: '/v1/sessions/{id}/ports/{port}/{path{[^]*}}',
    operationId,
    summary,
    description:
      method === 'get'
        ? `${description} A request with \`Upgrade: websocket\` opens a WebSocket to the server.`
        : description,
    tags: ['sessions'],
    request: {
      params: sessionPortParams,
      ...(method === 'get' || method === 'delete' ? {} : { body: { content: { '*/*': { schema: anything } } } }),
    },
    responses: {
      200: { description: 'What the server answered.', content: { '*/*': { schema: anything } } },
      ...(method === 'get' && { 101: { description: 'The WebSocket.' } }),
      ...problemResponses(400, 404, 409, 410, 422, 429),
    },
  });

export const getFromPort = route('get', 'getFromPort', 'Ask a server in a session');
export const postToPort = route('post', 'postToPort', 'Send something to a server in a session');
export const putToPort = route('put', 'putToPort', 'Put something on a server in a session');
export const patchAtPort = route('patch', 'patchAtPort', 'Change something on a server in a session');
export const deleteAtPort = route('delete', 'deleteAtPort', 'Delete something on a server in a session');
