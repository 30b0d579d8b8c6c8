/** Finds out who makes a request. */

import { fromBase64 } from '../../bytes/base64.ts';
import { HostError } from '../../errors/host-error.ts';
import { DAV_PATH } from '../dav/target.ts';
import { ACCESS_HEADER, type AccessTeam, accessPrincipal } from './cloudflare-access.ts';
import type { AccessConfig } from './config.ts';
import { LINK, type LinkJobs } from './links.ts';
import { type Principal, scopeNames } from './principal.ts';
import { principalOf, sha256Hex } from './token.ts';
import type { TokenJobs } from './tokens.ts';

export interface AuthenticateNeeds extends Pick<AccessTeam, 'fetchKeys' | 'nowMs'> {
  readonly config: AccessConfig;
  readonly tokens: Pick<TokenJobs, 'rowOf'>;
  readonly links: Pick<LinkJobs, 'principalOf'>;
}

/** What of a request says who makes it. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  header(name: string): string | undefined;
}

const HOW =
  'put tokens into the secret TOKENS (lkl token create makes one), name a team of Cloudflare Access in ACCESS_TEAM, or say in PUBLIC_SCOPES what anybody may do: docs/deploy.md';

/** Clients of WebDAV know no other way (RFC 7617). */
export const takesPassword = (path: string): boolean => DAV_PATH.test(path);

/** A token in the place of a password, or of the user where there is none. */
function passwordIn(authorization: string): string | undefined {
  const [, base64] = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization) ?? [];
  const bytes = base64 === undefined ? undefined : fromBase64(base64);
  const [, user, password] = /^([^:]*):(.*)$/s.exec(new TextDecoder('latin1').decode(bytes)) ?? [];
  return password || user;
}

/** Rejects with `access-not-configured`, `unauthorized`, `bad-token` or `bad-link`. */
export async function authenticate(
  { method, url, header }: Asked,
  { config, tokens, links, fetchKeys, nowMs }: AuthenticateNeeds,
): Promise<Principal> {
  const link = url.searchParams.get(LINK);
  if (link !== null) return links.principalOf(link, method, url);
  const shown = header('authorization');
  const [, token] = /^Bearer +(\S+)$/i.exec(shown ?? '') ?? [];
  if (token?.startsWith('lkl_')) return principalOf(await tokens.rowOf(token));
  const password = takesPassword(url.pathname) ? passwordIn(shown ?? '') : undefined;
  // A browser keeps it, and sends it along unasked.
  if (password?.startsWith('lkl_')) return { ...principalOf(await tokens.rowOf(password)), ambient: true };
  const assertion = header(ACCESS_HEADER);
  if (config.team && assertion !== undefined) {
    return accessPrincipal(assertion, { ...config.team, fetchKeys, nowMs });
  }
  if (config.isOpen) {
    // Nobody is kept out; who shows something is told apart by it.
    const id = shown === undefined ? 'local' : `local:${await sha256Hex(shown)}`;
    return { id, scopes: scopeNames, ambient: true };
  }
  if (shown !== undefined) throw new HostError('bad-token', 'this is no token of this service');
  // What is public is so whoever stored it.
  if (config.publicScopes.length > 0) {
    return { id: 'public', scopes: config.publicScopes, imagePrefixes: [''], ambient: false };
  }
  if (config.team || config.hasTokens) {
    throw new HostError('unauthorized', 'send a token: Authorization: Bearer lkl_…');
  }
  throw new HostError('access-not-configured', `this service lets nobody in until its owner has said whom: ${HOW}`);
}
