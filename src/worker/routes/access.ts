/** What every request goes through before its handler: whose page asks, who it is, whether he may. */

import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { isReading } from '../../dav/handler.ts';
import { HostError } from '../../errors/host-error.ts';
import type { AccessConfig } from '../access/config.ts';
import { LINK, withoutLink } from '../access/links.ts';
import { mustHaveScope, type Principal, type Scope } from '../access/principal.ts';
import { DAV_PATH } from '../dav/target.ts';
import type { Env } from './env.ts';
import { secretHeaderNames } from './image-content/stack.ts';

/** Of a path and a method: the scope, `anyone` who has one, or nothing, for all the world. */
export type Wanted = Scope | 'anyone' | undefined;

/** Beginnings of paths, the first that fits. What is not named is for all the world: it tells nothing of anybody. */
const wanted: readonly (readonly [path: RegExp, read: Wanted, write: Wanted])[] = [
  [/^\/v1\/images\b/, 'images:read', 'images:write'],
  [/^\/v1\/fs2(tar|zip)\b/, 'convert', 'convert'],
  [/^\/v1\/run\b/, 'anyone', 'run'],
  [/^\/v1\/syscalls\b/, 'anyone', 'syscalls'],
  [/^\/v1\/sessions\b/, 'sessions', 'sessions'],
  [/^\/v1\/simulations\b/, 'simulate', 'simulate'],
  [/^\/v1\/packetdrill\b/, 'simulate', 'simulate'],
  [/^\/v1\/tokens\b/, 'admin', 'admin'],
  [/^\/v1\/audit\b/, 'admin', 'admin'],
  [/^\/metrics$/, 'admin', 'admin'],
  [DAV_PATH, 'images:read', 'images:write'],
  [/^\/v1\b/, 'anyone', 'anyone'],
];

export function wantedOf(method: string, path: string): Wanted {
  const row = wanted.find(([pattern]) => pattern.test(path));
  const isRead = method === 'GET' || method === 'HEAD' || (row?.[0] === DAV_PATH && isReading(method));
  return isRead ? row?.[1] : row?.[2];
}

export interface Gate {
  readonly config: AccessConfig;
  /** Rejects for whoever is not let in. */
  principal(): Promise<Principal>;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|[\w.-]+\.localhost)$/;

/**
 * Throws for names that a service on loopback does not go by: a page's own name may be made to lead here (DNS rebinding).
 * `host` is the header: what stands before a Worker where it is developed takes the URL from another one, which pages can send.
 */
function checkHost(url: URL, host: string | undefined): void {
  const named = host === undefined ? undefined : URL.parse(`http://${host}`)?.hostname;
  const wrong = [url.hostname, ...(host === undefined ? [] : [named ?? host])].find((name) => !LOOPBACK.test(name));
  if (wrong === undefined) return;
  throw new HostError('misdirected-request', `open services answer on loopback only, not as ${wrong}`);
}

/** A server in a session: its pages are sandboxed, so to browsers they come from nowhere; the session's name is known to whoever was given it. */
const isPort = (path: string): boolean => /^\/v1\/sessions\/[^/]+\/ports\//.test(path);

/** Throws for pages of other sites, where what proves who it is comes along unasked. */
function checkOrigin(c: Context<Env>, url: URL, { isOpen, origins }: AccessConfig): void {
  const origin = c.req.header('origin');
  if (isPort(url.pathname) && (origin === undefined || origin === 'null')) return;
  if (origin !== undefined) {
    if (origin === url.origin || origins.includes(origin)) return;
    // Another port of the same machine is its owner's.
    if (isOpen && URL.canParse(origin) && LOOPBACK.test(new URL(origin).hostname)) return;
    throw new HostError('cross-origin', `pages of ${origin} may not use this service: see ORIGINS`);
  }
  if (c.req.header('sec-fetch-site') === 'cross-site') throw new HostError('cross-origin');
}

/** Lets requests through whose principal may make them; the handler finds him as `principal`. */
export const guard =
  (gate: (c: Context<Env>) => Gate): MiddlewareHandler<Env> =>
  async (c, next) => {
    const { config, principal } = gate(c);
    const url = new URL(c.req.url);
    if (config.isOpen) checkHost(url, c.req.header('host'));
    const scope = wantedOf(c.req.method, c.req.path);
    if (scope !== undefined) {
      const found = await principal();
      if (found.ambient) checkOrigin(c, url, config);
      if (scope !== 'anyone') mustHaveScope(found, scope);
      c.set('principal', found);
      if (url.searchParams.has(LINK)) c.req.raw = withoutLink(c.req.raw);
    }
    await next();
  };

const EXPOSED = [
  'etag',
  'content-range',
  'content-disposition',
  'image-size',
  'last-modified',
  'link',
  'location',
  'lkl-rolled-back',
  'ratelimit-limit',
  'ratelimit-policy',
  'ratelimit-remaining',
  'ratelimit-reset',
  'retry-after',
  'server-timing',
  'www-authenticate',
  'x-request-id',
];

/** For pages of the origins that the owner named. */
export const crossOrigin = (config: Pick<AccessConfig, 'origins'>): MiddlewareHandler => {
  const [named, port] = [forNamed(config), ofPorts];
  return (c, next) => {
    // To WebDAV's clients OPTIONS says what the server can do.
    const isPreflight = c.req.header('access-control-request-method') !== undefined;
    if (c.req.method === 'OPTIONS' && !isPreflight && DAV_PATH.test(c.req.path)) return next();
    return (isPort(c.req.path) && c.req.header('origin') === 'null' ? port : named)(c, next);
  };
};

/** What the pages of a server in a session may send it: anything, but nothing that proves who they are. */
const ofPorts = cors({ origin: 'null', allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'], maxAge: 600 });

const forNamed = ({ origins }: Pick<AccessConfig, 'origins'>): MiddlewareHandler =>
  cors({
    origin: (origin) => (origins.includes(origin) ? origin : null),
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    allowHeaders: [
      'authorization',
      'content-type',
      'content-encoding',
      'content-md5',
      'content-digest',
      'digest',
      'if-match',
      'if-none-match',
      'if-range',
      'range',
      ...secretHeaderNames,
    ],
    exposeHeaders: EXPOSED,
    maxAge: 86_400,
  });
