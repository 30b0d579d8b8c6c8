/** /v1/sessions: kernels that outlive a request. */

import { createRoute, z } from '@hono/zod-openapi';
import { problemResponses } from '../problem.ts';
import { newSession, session, sessionAnswer, sessionBatch, sessionList, sessionParams } from './schema.ts';

const tags = ['sessions'];
const json = <T>(schema: T) => ({ 'application/json': { schema } });

export const createSession = createRoute({
  method: 'post',
  path: '/v1/sessions',
  operationId: 'createSession',
  summary: 'Start a kernel that stays',
  description:
    'It belongs to whoever shows the same `Authorization`; there may be 16 at a time, of 512 MiB together. While nobody calls it is suspended: open files, mounts, sockets and timers are there at the next call.',
  tags,
  request: { body: { required: true, content: json(newSession) } },
  responses: { 201: { description: 'It runs.', content: json(session) }, ...problemResponses(400, 404, 422, 429) },
});

export const listSessions = createRoute({
  method: 'get',
  path: '/v1/sessions',
  operationId: 'listSessions',
  summary: 'List sessions, oldest first',
  tags,
  responses: { 200: { description: 'All there are.', content: json(sessionList) }, ...problemResponses() },
});

export const getSession = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}',
  operationId: 'getSession',
  summary: 'Look a session up',
  tags,
  request: { params: sessionParams },
  responses: { 200: { description: 'Its state.', content: json(session) }, ...problemResponses(400, 404) },
});

export const deleteSession = createRoute({
  method: 'delete',
  path: '/v1/sessions/{id}',
  operationId: 'deleteSession',
  summary: 'End a session',
  tags,
  request: { params: sessionParams },
  responses: { 204: { description: 'It is gone.' }, ...problemResponses(400, 404) },
});

export const runInSession = createRoute({
  method: 'post',
  path: '/v1/sessions/{id}/syscalls',
  operationId: 'runInSession',
  summary: "Make system calls on a session's kernel",
  description:
    'Batches of one session are played one after another. A kernel that dies of one, by a panic or at the deadline, ends the session: what follows is answered by 410.',
  tags,
  request: { params: sessionParams, body: { required: true, content: json(sessionBatch) } },
  responses: {
    200: { description: 'What each call answered.', content: json(sessionAnswer) },
    ...problemResponses(400, 404, 410, 422),
  },
});

export const connectSession = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}/socket',
  operationId: 'connectSession',
  summary: 'The same over a WebSocket',
  description:
    'Each message is a `SessionBatch` and is answered, in order, by a `SessionAnswer`, or by `{"problem": …}`.',
  tags,
  request: { params: sessionParams },
  responses: { 101: { description: 'The WebSocket.' }, ...problemResponses(400, 404, 426) },
});

export const suspendSession = createRoute({
  method: 'post',
  path: '/v1/sessions/{id}/suspend',
  operationId: 'suspendSession',
  summary: 'Suspend a session now',
  description: 'Once this is answered, the session survives the host. The next call resumes it.',
  tags,
  request: { params: sessionParams },
  responses: { 200: { description: 'It is stored.', content: json(session) }, ...problemResponses(400, 404, 409, 410) },
});

export const forkSession = createRoute({
  method: 'post',
  path: '/v1/sessions/{id}/fork',
  operationId: 'forkSession',
  summary: 'Make a second session from the same state',
  tags,
  request: { params: sessionParams },
  responses: {
    201: { description: 'The copy.', content: json(session) },
    ...problemResponses(400, 404, 409, 410, 429),
  },
});

export const getSessionConsole = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}/console',
  operationId: 'getSessionConsole',
  summary: "The end of the kernel's log",
  description: 'Since it was last resumed; of a kernel that died, the end of all.',
  tags,
  request: { params: sessionParams },
  responses: {
    200: { description: 'Text.', content: { 'text/plain': { schema: z.string() } } },
    ...problemResponses(400, 404, 410),
  },
});
