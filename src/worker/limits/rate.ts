/** Whether a principal may make one more request now, and what he is told of it. */

import { valueIn } from '../session/rpc.ts';
import type { LedgerRpc, Used } from './ledger-rpc.ts';
import { overQuota, type Quotas } from './quotas.ts';

/** The platform's own counter: near the request and for nothing, but of each place by itself, and it does not tell how much is left. */
export interface RateLimiter {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

export interface RateNeeds {
  readonly principal: string;
  readonly quotas: Quotas;
  readonly ledger: LedgerRpc;
  /** Bound: it counts requests instead of the ledger. */
  readonly limiter: RateLimiter | undefined;
}

/** Headers of an answer (draft-ietf-httpapi-ratelimit-headers, as of its version 6). */
export type RateHeaders = Readonly<Record<string, string>>;

const MINUTE_S = 60;

export interface Admitted {
  readonly headers: RateHeaders;
  /** What the principal has used of the minute. Undefined: the ledger was not asked. */
  readonly used?: Used;
}

/** Rejects with `over-quota`. */
export async function admitted({ principal, quotas, ledger, limiter }: RateNeeds): Promise<Admitted> {
  const { requests_per_minute: most = Infinity } = quotas;
  if (!Number.isFinite(most)) return { headers: {} };
  if (limiter === undefined) {
    const used = valueIn(await ledger.admit(quotas));
    return { headers: rateHeaders(most, used), used };
  }
  const { success } = await limiter.limit({ key: principal });
  if (!success) throw overQuota('requests_per_minute', most, 'Come back in a minute.', MINUTE_S);
  return { headers: {} };
}

function rateHeaders(most: number, { requests, resetS }: Pick<Used, 'requests' | 'resetS'>): RateHeaders {
  return {
    'ratelimit-policy': `${most};w=${MINUTE_S}`,
    'ratelimit-limit': String(most),
    'ratelimit-remaining': String(Math.max(0, most - requests)),
    'ratelimit-reset': String(resetS),
  };
}
