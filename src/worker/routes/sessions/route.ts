/** /v1/sessions: kernels that outlive a request. */

import { createRoute, z } from '@hono/zod-openapi';
import { binary } from '../bodies/body.ts';
import { writeConditions } from '../conditions.ts';
import { directory } from '../image-content/schema.ts';
import { secretHeaders } from '../image-content/stack.ts';
import { etagHeader } from '../images/route.ts';
import { image } from '../images/schema.ts';
import { problemResponses } from '../problem.ts';
import { linesIn, linesOut } from '../syscalls/route.ts';
import {
  newSession,
  ROLLED_BACK,
  savedDisk,
  saveFileQuery,
  session,
  sessionAnswer,
  sessionBatch,
  sessionDiskParams,
  sessionFileParams,
  sessionFileQuery,
  sessionList,
  sessionParams,
  sessionProgram,
  sessionProgramAnswer,
  socketQuery,
  terminalQuery,
} from './schema.ts';

const tags = ['sessions'];
const json = <T>(schema: T) => ({ 'application/json': { schema } });

export const createSession = createRoute({
  method: 'post',
  path: '/v1/sessions',
  operationId: 'createSession',
  summary: 'Start a kernel that stays',
  description:
    'It belongs to the principal that makes it (`GET /v1/principal`); there may be 16 at a time, of 512 MiB together. While nobody calls it is suspended: open files, mounts, sockets and timers are there at the next call.',
  tags,
  request: { headers: z.object(secretHeaders), body: { required: true, content: json(newSession) } },
  responses: { 201: { description: 'It runs.', content: json(session) }, ...problemResponses(400, 404, 422, 429) },
});

export const listSessions = createRoute({
  method: 'get',
  path: '/v1/sessions',
  operationId: 'listSessions',
  summary: 'List sessions, oldest first',
  description: 'Those of the principal that asks.',
  tags,
  responses: { 200: { description: 'All there are.', content: json(sessionList) }, ...problemResponses() },
});

export const getSession = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}',
  operationId: 'getSession',
  summary: 'Look a session up',
  description: 'Without waking it.',
  tags,
  request: { params: sessionParams },
  responses: { 200: { description: 'Its state.', content: json(session) }, ...problemResponses(400, 404) },
});

export const deleteSession = createRoute({
  method: 'delete',
  path: '/v1/sessions/{id}',
  operationId: 'deleteSession',
  summary: 'End a session',
  description: 'At once, whatever its kernel is doing; every byte of it is deleted.',
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
    'Batches of one session are played one after another. A kernel that dies of one, by a panic or at the deadline, ends the session: what follows is answered by 410. When a batch flushes (fsync and its like, or whatever made the kernel flush a disk), the whole session is stored before it is answered.',
  tags,
  request: {
    params: sessionParams,
    body: {
      required: true,
      content: {
        ...json(sessionBatch),
        'application/x-ndjson': linesIn(
          'A `Call` a line. The first line may hold what else a `SessionBatch` has. All is read before the first call is made.',
        ),
      },
    },
  },
  responses: {
    200: {
      description: 'What each call answered. NDJSON is answered by NDJSON.',
      content: {
        ...json(sessionAnswer),
        'application/x-ndjson': linesOut(
          'A `CallResult` a line, then those of tasks with `task`, and at the end a line `{"end": …}`.',
        ),
      },
    },
    ...problemResponses(400, 404, 409, 410, 413, 415, 422),
  },
});

export const connectSession = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}/socket',
  operationId: 'connectSession',
  summary: 'The same over a WebSocket',
  description:
    'Each message is a `SessionBatch` and is answered, in order, by a `SessionAnswer`, or by `{"problem": …}`. Up to 64 may wait for their answers. With `push`, a result of a kept task that no batch waits for comes by itself, as `{"event": {"task": name, "result": CallResult}}`, and is taken by that.',
  tags,
  request: { params: sessionParams, query: socketQuery },
  responses: { 101: { description: 'The WebSocket.' }, ...problemResponses(400, 404, 426) },
});

export const execInSession = createRoute({
  method: 'post',
  path: '/v1/sessions/{id}/exec',
  operationId: 'execInSession',
  summary: 'Run a program in a session',
  description:
    'One of the tools (`GET /v1/run`), or what is executable in the session, as a child of pid 1; calls of the session wait for its end. The session has to be made with `program_memory`. A program that is still there afterwards, in the background, keeps the session from being suspended (`obstacle`): it lives as long as the host lets it.',
  tags,
  request: { params: sessionParams, body: { required: true, content: json(sessionProgram) } },
  responses: {
    200: { description: 'It has ended.', content: json(sessionProgramAnswer) },
    ...problemResponses(400, 403, 404, 409, 410, 413, 415, 422),
  },
});

export const openTerminal = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}/terminal',
  operationId: 'openTerminal',
  summary: 'A terminal in a session, over a WebSocket',
  description:
    'A program with a pseudo terminal, a shell unless `argv` says otherwise. Binary messages are bytes: what is typed, what is shown. Text messages are JSON: the client sends `{"resize": {"columns": 80, "rows": 24}}`, `{"signal": 2}` or `{"end": true}` (nothing more is typed); the service sends `{"exit": {"exit_code": 0}}` or `{"exit": {"signal": 9}}` and closes, or `{"problem": …}`. Whoever closes the socket hangs up (SIGHUP). Other calls of the session are made meanwhile; it is not suspended while the program runs.',
  tags,
  request: { params: sessionParams, query: terminalQuery },
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
  description:
    'It is stored first. What was open in the one is open in the other; a seed decides nothing that comes later.',
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
  description: 'As dmesg(1) has it; also of a session that was suspended or has ended.',
  tags,
  request: { params: sessionParams },
  responses: {
    200: { description: 'Text.', content: { 'text/plain': { schema: z.string() } } },
    ...problemResponses(400, 404, 410),
  },
});

export const getSessionStrace = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}/strace',
  operationId: 'getSessionStrace',
  summary: 'The last system calls of batches, as strace shows them',
  description:
    'Up to 64 KiB of lines; those of tasks begin with `[name]`. A call that ended the kernel is `unfinished`.',
  tags,
  request: { params: sessionParams },
  responses: {
    200: { description: 'Text.', content: { 'text/plain': { schema: z.string() } } },
    ...problemResponses(400, 404),
  },
});

const toldAs = (description: string) => ({
  description: `${description} The header \`${ROLLED_BACK}\` is there when \`rolled_back\` would be in a batch's answer, and says to when.`,
});

export const getSessionDisk = createRoute({
  method: 'get',
  path: '/v1/sessions/{id}/disks/{disk}',
  operationId: 'getSessionDisk',
  summary: 'A disk of a session, as it is now',
  description:
    'Raw, with all that was written to it: everything is synced first, and file systems are frozen while it is read, so it is of one moment. Batches wait until all of it was taken.',
  tags,
  request: { params: sessionDiskParams },
  responses: {
    200: { ...toldAs('The disk whole.'), content: { 'application/octet-stream': binary } },
    206: {
      description: 'The range of the disk.',
      headers: { 'Content-Range': { schema: { type: 'string' }, description: 'Where it lies.' } },
      content: { 'application/octet-stream': binary },
    },
    ...problemResponses(400, 404, 409, 410, 416, 422),
  },
});

export const saveSessionDisk = createRoute({
  method: 'post',
  path: '/v1/sessions/{id}/disks/{disk}/image',
  operationId: 'saveSessionDisk',
  summary: 'Store a disk of a session as an image',
  description: 'A new image, or with the name of one a new version of it; the session goes on with what it has.',
  tags,
  request: {
    params: sessionDiskParams,
    headers: writeConditions,
    body: { required: true, content: json(savedDisk) },
  },
  responses: {
    200: { description: 'An image of this name was replaced.', headers: etagHeader, content: json(image) },
    201: { description: 'The image was stored.', headers: etagHeader, content: json(image) },
    ...problemResponses(400, 404, 409, 410, 412, 413, 422, 429),
  },
});

const path = '/v1/sessions/{id}/files/{path{[^]*}}';

export const getSessionFile = createRoute({
  method: 'get',
  path,
  operationId: 'getSessionFile',
  summary: 'A file of a session, or a directory',
  description:
    'As pid 1 sees it; symlinks are followed. Files that the kernel makes as they are read, as in /proc, have no ranges. Batches wait until all of it was taken.',
  tags,
  request: { params: sessionFileParams, query: sessionFileQuery },
  responses: {
    200: {
      ...toldAs('The file whole, or the directory.'),
      content: { 'application/octet-stream': binary, 'application/json': { schema: directory } },
    },
    206: {
      description: 'The range of the file.',
      headers: { 'Content-Range': { schema: { type: 'string' }, description: 'Where it lies.' } },
      content: { 'application/octet-stream': binary },
    },
    ...problemResponses(400, 403, 404, 409, 410, 416, 422),
  },
});

export const putSessionFile = createRoute({
  method: 'put',
  path,
  operationId: 'putSessionFile',
  summary: 'Write a file of a session',
  description:
    'As pid 1 would: the file and directories on the way to it are made, with its umask; of a file that is there the content is replaced, whoever has it open sees that. Of a new file all is there or nothing; one that is replaced may stay cut off when the body breaks off. Batches wait until all of it is there.',
  tags,
  request: {
    params: sessionFileParams,
    query: saveFileQuery,
    body: { required: true, content: { 'application/octet-stream': binary } },
  },
  responses: {
    201: toldAs('A new file.'),
    204: toldAs('Its content was replaced.'),
    ...problemResponses(400, 403, 404, 409, 410, 413, 422),
  },
});
