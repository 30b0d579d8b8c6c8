/** Principals of Cloudflare Access: its JSON web tokens, checked against the keys of the team. */

import { verifyWithJwks } from 'hono/jwt';
import { HostError } from '../../errors/host-error.ts';
import type { Principal, Scope } from './principal.ts';

export interface AccessTeam {
  /** https://NAME.cloudflareaccess.com */
  readonly issuer: string;
  /** The application's audience tag. */
  readonly audience: string;
  /** What whoever comes in so may do. */
  readonly scopes: readonly Scope[];
  fetchKeys(url: string): Promise<readonly JsonWebKey[]>;
  nowMs(): number;
}

/** https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/validating-json/ */
export const ACCESS_HEADER = 'cf-access-jwt-assertion';
const KEYS_PATH = '/cdn-cgi/access/certs';
/** Keys are rotated every six weeks, and the next is known before. */
const KEYS_MS = 600_000;
/** Whoever signs has another clock: who has just logged in is not turned away for that. */
const SKEW_S = 60;

let keys: { readonly issuer: string; readonly keys: readonly JsonWebKey[]; readonly untilMs: number } | undefined;

/** Rejects with `bad-token` and `access-unreachable`. */
export async function accessPrincipal(assertion: string, team: AccessTeam): Promise<Principal> {
  const leftMs = (keys?.untilMs ?? 0) - team.nowMs();
  // A clock that was set back does not make them last.
  if (keys?.issuer !== team.issuer || leftMs <= 0 || leftMs > KEYS_MS) {
    const fetched = await team.fetchKeys(team.issuer + KEYS_PATH).catch((cause: unknown) => {
      throw new HostError('access-unreachable', undefined, { cause });
    });
    keys = { issuer: team.issuer, keys: fetched, untilMs: team.nowMs() + KEYS_MS };
  }
  const verification = { aud: team.audience, iss: team.issuer, iat: false, nbf: false };
  const allowedAlgorithms = ['RS256'] as const;
  const payload = await verifyWithJwks(assertion, {
    keys: [...keys.keys] as never,
    verification,
    allowedAlgorithms,
  }).catch((cause: unknown) => {
    throw new HostError('bad-token', 'the assertion of Cloudflare Access is not valid here', { cause });
  });
  const notYet = [payload.iat, payload.nbf].some(
    (at) => at !== undefined && !(Number(at) <= team.nowMs() / 1000 + SKEW_S),
  );
  if (notYet) throw new HostError('bad-token', 'the assertion of Cloudflare Access is of a time that has not come');
  // A service token has no subject, but a common name.
  const subject = payload.sub || payload.common_name;
  if (typeof subject !== 'string' || subject === '' || typeof payload.exp !== 'number') {
    throw new HostError('bad-token', 'the assertion of Cloudflare Access names nobody');
  }
  return { id: `access:${subject}`, scopes: team.scopes, ambient: true };
}
