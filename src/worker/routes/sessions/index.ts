/** Handlers of /v1/sessions. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { kernelOf } from '../../../api/syscalls/schema.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { NamedSession, SessionJobs } from '../../session/sessions.ts';
import { delivered } from '../answers/delivered.ts';
import { isNdjson, NDJSON } from '../answers/ndjson.ts';
import { wholeBody } from '../bodies/whole-body.ts';
import { conditionOf } from '../conditions.ts';
import type { Env } from '../env.ts';
import { unlockOf } from '../image-content/stack.ts';
import { router, untyped } from '../router.ts';
import { MAX_INLINE_BYTES } from '../run/output.ts';
import { getDisk, getFile, putFile, saveDisk } from './file.ts';
import { addInterface, connectInterface, leaseJson, listInterfaces, removeInterface } from './interfaces.ts';
import { batchOfLines, linesOf } from './lines.ts';
import { deleteAtPort, getFromPort, patchAtPort, postToPort, putToPort } from './ports.ts';
import {
  connectSession,
  createSession,
  deleteSession,
  execInSession,
  forkSession,
  getSession,
  getSessionConsole,
  getSessionDisk,
  getSessionFile,
  getSessionStrace,
  listSessions,
  openTerminal,
  putSessionFile,
  runInSession,
  saveSessionDisk,
  suspendSession,
} from './route.ts';
import { programJson, rowJson, sessionAnswerOf, type sessionBatch, sessionJson, wholeBatchOf } from './schema.ts';

export const sessions = router();

sessions.use(createSession.getRoutingPath(), wholeBody);
sessions.use(runInSession.getRoutingPath(), wholeBody);
sessions.use(execInSession.getRoutingPath(), wholeBody);

/** Only its answer tells its name: when nobody gets that, it goes. */
function madeSession(c: Context<Env>, session: NamedSession) {
  const { sessions: jobs } = c.var;
  const headers = { location: `/v1/sessions/${session.id}` };
  return untyped(delivered(c, sessionJson(session), 201, headers, () => jobs.delete(session.id)));
}

sessions.openapi(createSession, async (c) => {
  const { expires_in_s, hijack, program_memory, ...kernel } = c.req.valid('json');
  const { secrets } = unlockOf(c);
  const programs = program_memory > 0 ? { programMib: program_memory } : {};
  const request = { ...kernelOf(kernel), ...programs, hijack };
  return madeSession(c, await c.var.sessions.create(request, 1000 * expires_in_s, secrets));
});

sessions.openapi(listSessions, async (c) => c.json({ sessions: (await c.var.sessions.list()).map(rowJson) }, 200));

sessions.openapi(getSession, async (c) => c.json(sessionJson(await c.var.sessions.get(c.req.valid('param').id)), 200));

sessions.openapi(deleteSession, async (c) => {
  await c.var.sessions.delete(c.req.valid('param').id);
  return c.body(null, 204);
});

const run = async (jobs: SessionJobs, id: string, batch: z.infer<typeof sessionBatch>) =>
  sessionAnswerOf(await jobs.run(id, wholeBatchOf(batch)), batch.console);

sessions.openapi(runInSession, async (c) => {
  const { id } = c.req.valid('param');
  if (!isNdjson(c)) return untyped(c.json(await run(c.var.sessions, id, c.req.valid('json')), 200));
  const text = linesOf(await run(c.var.sessions, id, await batchOfLines(c.req.raw.body, c.var.memory)));
  return untyped(c.body(text, 200, { 'content-type': NDJSON }));
});

sessions.openapi(execInSession, async (c) => {
  const { argv, stdin, stdin_base64, env, cwd, deadline_ms } = c.req.valid('json');
  const answer = await c.var.sessions.exec(c.req.valid('param').id, {
    argv,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd,
    stdin: stdin_base64 ?? (stdin === undefined ? undefined : new TextEncoder().encode(stdin)),
    deadlineMs: deadline_ms,
    mostBytes: MAX_INLINE_BYTES,
  });
  return untyped(c.json(programJson(answer), 200));
});

sessions.openapi(openTerminal, async (c) => {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') throw new HostError('upgrade-required');
  return c.var.sessions.connect(c.req.valid('param').id, c.req.raw);
});

sessions.openapi(connectSession, async (c) => {
  const { id } = c.req.valid('param');
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') throw new HostError('upgrade-required');
  return c.var.sessions.connect(id, c.req.raw);
});

sessions.openapi(listInterfaces, async (c) => {
  const interfaces = await c.var.sessions.interfaces(c.req.valid('param').id);
  return c.json({ interfaces: [...interfaces] }, 200);
});

sessions.openapi(addInterface, async (c) => {
  const { id } = c.req.valid('param');
  const { lease, ...added } = await c.var.sessions.addInterface(id, c.req.valid('json'));
  return c.json({ ...added, ...(lease && { lease: leaseJson(lease) }) }, 201);
});

sessions.openapi(removeInterface, async (c) => {
  const { id, name } = c.req.valid('param');
  await c.var.sessions.removeInterface(id, name);
  return c.body(null, 204);
});

sessions.openapi(connectInterface, async (c) => {
  const { id, name } = c.req.valid('param');
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') throw new HostError('upgrade-required');
  return untyped(await c.var.sessions.connectInterface(id, name));
});

/** As the server in the session answered: of no schema. */
const askPort = async (c: Context<Env>, id: string) => untyped(await c.var.sessions.port(id, c.req.raw));

sessions.openapi(getFromPort, (c) => askPort(c, c.req.valid('param').id));
sessions.openapi(postToPort, (c) => askPort(c, c.req.valid('param').id));
sessions.openapi(putToPort, (c) => askPort(c, c.req.valid('param').id));
sessions.openapi(patchAtPort, (c) => askPort(c, c.req.valid('param').id));
sessions.openapi(deleteAtPort, (c) => askPort(c, c.req.valid('param').id));

/** The server's root has a slash, or its relative links would lead elsewhere. */
sessions.get('/v1/sessions/:id/ports/:port', (c) => {
  const { pathname, search } = new URL(c.req.url);
  return c.redirect(`${pathname}/${search}`, 308);
});

sessions.openapi(suspendSession, async (c) =>
  c.json(sessionJson(await c.var.sessions.suspend(c.req.valid('param').id)), 200),
);

sessions.openapi(forkSession, async (c) => {
  return madeSession(c, await c.var.sessions.fork(c.req.valid('param').id));
});

sessions.openapi(getSessionConsole, async (c) => c.text(await c.var.sessions.console(c.req.valid('param').id), 200));

sessions.openapi(getSessionStrace, async (c) => c.text(await c.var.sessions.strace(c.req.valid('param').id), 200));

sessions.openapi(getSessionDisk, async (c) => {
  const { id, disk } = c.req.valid('param');
  return untyped(await getDisk(c, id, disk));
});

sessions.openapi(saveSessionDisk, async (c) => {
  const { id, disk } = c.req.valid('param');
  return saveDisk(c, id, disk, c.req.valid('json').image, conditionOf(c.req.valid('header')));
});

sessions.openapi(getSessionFile, async (c) => getFile(c, c.req.valid('param').id, c.req.valid('query')));

sessions.openapi(putSessionFile, async (c) => {
  const { id } = c.req.valid('param');
  return putFile(c, id, c.req.valid('query'));
});
