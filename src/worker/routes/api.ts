/** The whole HTTP interface: all routes, and what every request goes through. Knows no binding. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { routePath } from 'hono/route';
import { withFewMistakes } from '../../api/invalid/few-mistakes.ts';
import { withPlainLetters } from '../../bytes/percent.ts';
import { HostError } from '../../errors/host-error.ts';
import type { Principal } from '../access/principal.ts';
import { bytesRead } from '../bodies/read-bytes.ts';
import { DAV_PATH } from '../dav/target.ts';
import type { Admitted } from '../limits/rate.ts';
import { Meter, type RequestLine, requestLine } from '../observe/request.ts';
import { crossOrigin, type Gate, guard } from './access.ts';
import { admin } from './admin/index.ts';
import { countMade } from './answers/made-answers.ts';
import { dav } from './dav/index.ts';
import type { Env, OwnJobs, RequestLife } from './env.ts';
import { fs2tar } from './fs2tar/index.ts';
import { secureHeaders } from './headers.ts';
import { imageContent } from './image-content/index.ts';
import { imageDisks } from './image-disks/index.ts';
import { imageTools } from './image-tools/index.ts';
import { imageUploads } from './image-uploads/index.ts';
import { imageVersions } from './image-versions/index.ts';
import { imageWriting } from './image-writing/index.ts';
import { images } from './images/index.ts';
import { links } from './links/index.ts';
import { openapiDocument } from './openapi/document.ts';
import { acceptedTypes, allowedMethods, operationNames } from './openapi/of-a-path.ts';
import { packetdrill } from './packetdrill/index.ts';
import { errorHandler, notFound } from './problem.ts';
import { router } from './router.ts';
import { run } from './run/index.ts';
import { service } from './service/index.ts';
import { sessions } from './sessions/index.ts';
import { simulations } from './simulations/index.ts';
import { syscalls } from './syscalls/index.ts';
import { tokens } from './tokens/index.ts';
import { usage } from './usage/index.ts';

/** Kept by whoever asked, and asked for again each time: what is in storage changes. */
const OWN = 'private, no-cache';

/** On Cloudflare's network its name of the request. Elsewhere a client may say so: no more than a name. */
const networkName = (c: Context): string | undefined => /^[\w-]{1,64}$/.exec(c.req.header('cf-ray') ?? '')?.[0];

/** What the composition root gives; each function is called once a request. */
export interface ApiNeeds extends Pick<Env['Variables'], 'service' | 'nowMs' | 'log' | 'metrics'> {
  life(c: Context): RequestLife;
  gate(c: Context): Gate;
  jobs(
    c: Context,
    principal: Principal,
    life: RequestLife & Pick<Env['Variables'], 'meter'>,
    admitted: Admitted,
  ): OwnJobs;
  /** Counts the request as the principal's. Rejects with `over-quota`. */
  admit(c: Context, principal: Principal): Promise<Admitted>;
  readonly uniqueName: () => string;
  /** Told of each request once all of it has ended. */
  readonly ended: (c: Context, line: RequestLine) => void;
}

/** The router decodes what it looks at; whoever reads the path after it, for names that are no UTF-8, is to see the same words. */
function withPlainPath(request: Request): Request {
  const url = new URL(request.url);
  const plain = withPlainLetters(url.pathname);
  if (plain === url.pathname) return request;
  url.pathname = plain;
  return new Request(url, request);
}

export function createApi(needs: ApiNeeds): OpenAPIHono<Env> {
  const api = router();
  let document: ReturnType<typeof openapiDocument> | undefined;
  const openapi = () => {
    document ??= openapiDocument(api);
    return document;
  };
  let operations: ReturnType<typeof operationNames> | undefined;
  const operationOf = (c: Context<Env>) => {
    operations ??= operationNames(api);
    return operations(c.req.raw.method, routePath(c, -1)) ?? (DAV_PATH.test(c.req.path) ? 'webdav' : undefined);
  };

  api.use(async (c, next) => {
    const startMs = needs.nowMs();
    // The network's own name of the request, where there is one, finds it in the platform's logs too.
    const request = networkName(c) ?? needs.uniqueName();
    const life = needs.life(c);
    const meter = new Meter();
    c.set('meter', meter);
    c.set('gone', c.req.raw.signal);
    countMade(c, meter);
    for (const name of ['keepAlive', 'whenEnded', 'memory', 'room'] as const) c.set(name, life[name] as never);
    for (const name of ['service', 'nowMs', 'log', 'metrics'] as const) c.set(name, needs[name]);
    // A client that hangs up would stop the handler at whatever it awaits, with all it holds.
    const handled = next().then(() => meter.answered(c.res, c.req.raw.method));
    life.keepAlive(handled);
    life.whenEnded(() => {
      const line = requestLine(meter, {
        request,
        method: c.req.raw.method,
        path: c.req.path,
        operation: operationOf(c),
        status: c.res.status,
        ms: needs.nowMs() - startMs,
        readBytes: bytesRead(c.req.raw.body),
        contentLength: c.req.header('content-length'),
        principal: (c.get('principal') as Principal | undefined)?.id,
        problem: c.get('problem'),
      });
      needs.ended(c, line);
    });
    await handled;
    if (c.req.raw.method === 'HEAD') await c.res.body?.cancel(); // or its writer would wait forever
    const ms = needs.nowMs() - startMs;
    if (c.res.webSocket == null) {
      secureHeaders(c.res.headers);
      c.res.headers.set('x-request-id', request);
      // What is somebody's is in no cache that others share, were it only for the link it was asked by.
      if (c.get('principal') && !c.res.headers.has('cache-control')) c.res.headers.set('cache-control', OWN);
      const timings = [...meter.phases.serverTiming, `total;dur=${ms}`];
      c.res.headers.append('server-timing', timings.join(', '));
      for (const [name, value] of Object.entries(c.get('rate') ?? {})) c.res.headers.set(name, value);
    }
  });
  api.use((c, next) => {
    // Of two Host headers the runtime makes one.
    if (!URL.canParse(c.req.url)) throw new HostError('invalid-request', 'Host and path of the request make no URL');
    c.req.raw = withPlainPath(c.req.raw);
    return next();
  });
  const gates = new WeakMap<Context, Gate>();
  const gate = (c: Context) => {
    const made = gates.get(c) ?? needs.gate(c);
    gates.set(c, made);
    return made;
  };
  api.use((c, next) => crossOrigin(gate(c).config)(c, next));
  api.use(guard(gate));
  api.use(async (c, next) => {
    const principal = c.get('principal') as Principal | undefined;
    if (principal) {
      const admitted = await needs.admit(c, principal);
      c.set('rate', admitted.headers);
      const own = needs.jobs(c, principal, c.var, admitted);
      for (const name of ['jobs', 'sessions', 'tokens', 'links', 'audit', 'usageOf'] as const)
        c.set(name, own[name] as never);
    }
    return next();
  });
  api.onError((error, c) => errorHandler(acceptedTypes(openapi()))(error, c));
  api.notFound((c) => notFound(allowedMethods(openapi()))(c));

  const storage = [
    fs2tar,
    images,
    imageUploads,
    imageVersions,
    imageWriting,
    imageTools,
    imageDisks,
    imageContent,
    dav,
  ];
  const kernels = [run, syscalls, sessions, packetdrill, simulations];
  const all = [service(openapi), ...storage, ...kernels, tokens, links, usage, admin];
  for (const routes of all) api.route('/', routes);
  for (const definition of api.openAPIRegistry.definitions) {
    if (definition.type === 'route') withFewMistakes(definition.route.request ?? {}, () => scheduler.wait(0));
  }
  return api;
}
