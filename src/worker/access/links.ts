/** Signed URLs: one request that whoever has the URL may make, as the principal who made it and no longer than it says. */

import { sign, verify } from 'hono/jwt';
import { withPlainLetters } from '../../bytes/percent.ts';
import { HostError } from '../../errors/host-error.ts';
import type { AccessConfig } from './config.ts';
import { hasScope, mustHaveScope, type Principal, type Scope } from './principal.ts';
import { principalOf, type TokenRow } from './token.ts';
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
  /** Who else is let in now. */
  readonly config: Pick<AccessConfig, 'isOpen' | 'publicScopes' | 'team'>;
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
  /** Of the token that made it, as it was then: the beginning of its hash. */
  readonly token?: string;
}

const ALGORITHM = 'HS256';

const fingerprint = ({ sha256 }: TokenRow): string => sha256.slice(0, 16);
const tokenIn = (principal: string): string | undefined => /^token:(.*)$/.exec(principal)?.[1];
const imagesOf = ({ scopes, imagePrefixes }: Principal) => (scopes.includes('admin') ? [''] : imagePrefixes);

export function linkJobs({ key, tokens, config, nowMs }: LinkNeeds): LinkJobs {
  /** What the one who made a link may do now, which is not more than he could then. Rejects with `bad-link`. */
  async function makerOf({ sub, scope, images, token }: Claims): Promise<Pick<Principal, 'scopes' | 'imagePrefixes'>> {
    const gone = () => badLink('whoever made it is let in no more');
    const id = tokenIn(sub);
    if (id === undefined) {
      const { isOpen, publicScopes, team } = config;
      const isLetIn =
        sub === 'public'
          ? publicScopes.includes(scope)
          : sub.startsWith('access:')
            ? team?.scopes.includes(scope)
            : isOpen;
      if (!isLetIn) throw gone();
      return { scopes: [scope], ...(images && { imagePrefixes: images }) };
    }
    const row = await tokens.rowById(id);
    // One whose secret leaked is given another: what was made with the first one goes with it.
    if (row === undefined || fingerprint(row) !== token) throw gone();
    const maker = principalOf(row);
    if (!hasScope(maker, scope)) throw badLink('whoever made it may not do that any more');
    const imagePrefixes = imagesOf(maker);
    return { scopes: [scope], ...(imagePrefixes && { imagePrefixes }) };
  }

  return {
    async create(principal, { method, path, query, expiresMs }) {
      const scope = method === 'GET' ? 'images:read' : 'images:write';
      mustHaveScope(principal, scope);
      const pathname = withPlainLetters(new URL(path, 'http://localhost').pathname);
      const wanted = new URLSearchParams(query);
      wanted.delete(LINK);
      const images = imagesOf(principal);
      const id = tokenIn(principal.id);
      const row = id === undefined ? undefined : await tokens.rowById(id);
      const claims: Claims = {
        sub: principal.id,
        exp: Math.floor(expiresMs / 1000),
        method,
        path: pathname,
        query: canonical(wanted),
        scope,
        ...(images && { images }),
        ...(row && { token: fingerprint(row) }),
      };
      wanted.set(LINK, await sign({ ...claims }, await key(), ALGORITHM));
      return `${pathname}?${wanted}`;
    },
    async principalOf(link, method, url) {
      const claims = await verify(link, await key(), { alg: ALGORITHM, exp: false }).catch((cause: unknown) => {
        throw badLink('it was not signed here', cause);
      });
      const made = claims as unknown as Claims;
      if (!(made.exp * 1000 > nowMs())) throw badLink('its time is over');
      if (made.method !== method && !(made.method === 'GET' && method === 'HEAD'))
        throw badLink(`it is for ${made.method}`);
      if (made.path !== url.pathname) throw badLink('it is for another path');
      if (made.query !== canonical(url.searchParams)) throw badLink('it is for another query');
      return { id: made.sub, ...(await makerOf(made)), ambient: false };
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
