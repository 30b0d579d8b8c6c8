/** The whole HTTP interface: all routes, and what every request goes through. Knows no binding. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Principal } from '../access/principal.ts';
import { crossOrigin, type Gate, guard } from './access.ts';
import type { Env, OwnJobs, RequestLife } from './env.ts';
import { fs2tar } from './fs2tar/index.ts';
import { secureHeaders } from './headers.ts';
import { imageContent } from './image-content/index.ts';
import { imageUploads } from './image-uploads/index.ts';
import { imageVersions } from './image-versions/index.ts';
import { imageWriting } from './image-writing/index.ts';
import { images } from './images/index.ts';
import { acceptedTypes, allowedMethods, openapiDocument } from './openapi-document.ts';
import { packetdrill } from './packetdrill/index.ts';
import { errorHandler, notFound } from './problem.ts';
import { router } from './router.ts';
import { service } from './service/index.ts';
import { sessions } from './sessions/index.ts';
import { simulations } from './simulations/index.ts';
import { syscalls } from './syscalls/index.ts';
import { tokens } from './tokens/index.ts';

/** What the composition root gives; each function is called once a request. */
export interface ApiNeeds extends Pick<Env['Variables'], 'service' | 'nowMs' | 'log'> {
  life(c: Context): RequestLife;
  gate(c: Context): Gate;
  jobs(c: Context, principal: Principal, life: RequestLife): OwnJobs;
  readonly uniqueName: () => string;
  readonly logLine: (c: Context, line: RequestLine) => void;
}

/** One line of the log: what was asked and how it went, of nobody's data and no secret. */
export interface RequestLine {
  readonly request: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly principal?: string;
  /** The kind of problem that was answered. */
  readonly problem?: string;
}

export function createApi(needs: ApiNeeds): OpenAPIHono<Env> {
  const api = router();
  let document: ReturnType<typeof openapiDocument> | undefined;
  const openapi = () => {
    document ??= openapiDocument(api);
    return document;
  };

  api.use(async (c, next) => {
    const startMs = needs.nowMs();
    // The network's own name of the request, where there is one, finds it in the platform's logs too.
    const request = c.req.header('cf-ray') ?? needs.uniqueName();
    const life = needs.life(c);
    c.set('keepAlive', life.keepAlive);
    c.set('memory', life.memory);
    c.set('room', life.room);
    for (const name of ['service', 'nowMs', 'log'] as const) c.set(name, needs[name]);
    // A client that hangs up would stop the handler at whatever it awaits, with all it holds.
    const handled = next();
    life.keepAlive(handled);
    await handled;
    if (c.req.raw.method === 'HEAD') await c.res.body?.cancel(); // or its writer would wait forever
    const ms = needs.nowMs() - startMs;
    if (c.res.webSocket == null) {
      secureHeaders(c.res.headers);
      c.res.headers.set('x-request-id', request);
      c.res.headers.append('server-timing', `total;dur=${ms}`);
    }
    const principal = c.get('principal') as Principal | undefined;
    const problem = c.get('problem');
    needs.logLine(c, {
      request,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms,
      ...(principal && { principal: principal.id }),
      ...(problem !== undefined && { problem }),
    });
  });
  const gates = new WeakMap<Context, Gate>();
  const gate = (c: Context) => {
    const made = gates.get(c) ?? needs.gate(c);
    gates.set(c, made);
    return made;
  };
  api.use((c, next) => crossOrigin(gate(c).config)(c, next));
  api.use(guard(gate));
  api.use((c, next) => {
    const principal = c.get('principal') as Principal | undefined;
    if (principal) {
      const own = needs.jobs(c, principal, { keepAlive: c.var.keepAlive, memory: c.var.memory, room: c.var.room });
      for (const name of ['jobs', 'sessions', 'tokens'] as const) c.set(name, own[name]);
    }
    return next();
  });
  api.onError((error, c) => errorHandler(acceptedTypes(openapi()))(error, c));
  api.notFound((c) => notFound(allowedMethods(openapi()))(c));

  const all = [
    service(openapi),
    fs2tar,
    images,
    imageUploads,
    imageVersions,
    imageWriting,
    imageContent,
    syscalls,
    sessions,
    packetdrill,
    simulations,
    tokens,
  ];
  for (const routes of all) api.route('/', routes);
  return api;
}
