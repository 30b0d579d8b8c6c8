/** Signed URLs: one request that whoever has the URL may make, as the principal who made it and no longer than it says. */

import { sign, verify } from 'hono/jwt';
import { HostError } from '../../errors/host-error.ts';
import { mustHaveScope, type Principal, type Scope } from './principal.ts';
import type { TokenJobs } from './tokens.ts';

/** The member of a query that a link adds. */
export const LINK = 'link';

export interface LinkRequest {
  readonly method: 'GET' | 'PUT';
  /** Below /v1/images/. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly expiresMs: number;
}

export interface LinkJobs {
  /** The path and query of the URL. Rejects with `forbidden` where the principal himself may not. */
  create(principal: Principal, request: LinkRequest): Promise<string>;
  /** Who makes the request that a link is shown for. Rejects with `bad-link`. */
  principalOf(link: string, method: string, url: URL): Promise<Principal>;
}

export interface LinkNeeds {
  /** The key that links are signed with; it never leaves the service. */
  readonly key: () => Promise<string>;
  readonly tokens: Pick<TokenJobs, 'rowById'>;
  readonly nowMs: () => number;
}

/** Of a link: RFC 7519, and for what it is good. */
interface Claims {
  readonly sub: string;
  readonly exp: number;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly scope: Scope;
  readonly images?: readonly string[];
}

const ALGORITHM = 'HS256';

export function linkJobs({ key, tokens, nowMs }: LinkNeeds): LinkJobs {
  return {
    async create(principal, { method, path, query, expiresMs }) {
      const scope = method === 'GET' ? 'images:read' : 'images:write';
      mustHaveScope(principal, scope);
      const { pathname } = new URL(path, 'http://localhost');
      const wanted = new URLSearchParams(query);
      wanted.delete(LINK);
      const images = principal.scopes.includes('admin') ? [''] : principal.imagePrefixes;
      const claims: Claims = {
        sub: principal.id,
        exp: Math.floor(expiresMs / 1000),
        method,
        path: pathname,
        query: canonical(wanted),
        scope,
        ...(images && { images }),
      };
      wanted.set(LINK, await sign({ ...claims }, await key(), ALGORITHM));
      return `${pathname}?${wanted}`;
    },
    async principalOf(link, method, url) {
      const claims = await verify(link, await key(), { alg: ALGORITHM, exp: false }).catch((cause: unknown) => {
        throw badLink('it was not signed here', cause);
      });
      const { sub, exp, scope, images, ...good } = claims as unknown as Claims;
      if (!(exp * 1000 > nowMs())) throw badLink('its time is over');
      if (good.method !== method && !(good.method === 'GET' && method === 'HEAD'))
        throw badLink(`it is for ${good.method}`);
      if (good.path !== url.pathname) throw badLink('it is for another path');
      if (good.query !== canonical(url.searchParams)) throw badLink('it is for another query');
      // What a token made goes with it.
      const [, id] = /^token:(.*)$/.exec(sub) ?? [];
      if (id !== undefined && (await tokens.rowById(id)) === undefined)
        throw badLink('whoever made it is let in no more');
      return { id: sub, scopes: [scope], ...(images && { imagePrefixes: images }), ambient: false };
    },
  };
}

/** All members but the link itself, in an order of their own. */
function canonical(query: URLSearchParams): string {
  const members = [...query].filter(([name]) => name !== LINK).map((member) => JSON.stringify(member));
  return members.sort().join();
}

const badLink = (why: string, cause?: unknown): HostError =>
  new HostError('bad-link', `this link is not good: ${why}`, { cause });

/** The request as it would be without the link: for those who read its URL. */
export function withoutLink(request: Request): Request {
  const url = new URL(request.url);
  url.searchParams.delete(LINK);
  return new Request(url, request);
}
