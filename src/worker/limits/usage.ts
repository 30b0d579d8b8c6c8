/** What a principal has used and may have, from where each is counted: asking counts nothing. */

import { type SessionIndexRpc, valueIn } from '../session/rpc.ts';
import type { LedgerRpc } from './ledger-rpc.ts';
import { type QuotaKind, type Quotas, quotaKinds } from './quotas.ts';

/** Of one quota. */
export interface Use {
  /** Undefined: nobody here counts it, since there is no end of it, or the platform counts it and does not tell. */
  readonly used: number | undefined;
  /** Undefined: there is no end. */
  readonly limit: number | undefined;
  /** Seconds until it is counted from nothing again. Undefined: it ends with what it is used for. */
  readonly resetS?: number;
}

export interface UsageNeeds {
  readonly quotas: Quotas;
  readonly ledger: Pick<LedgerRpc, 'held'>;
  readonly sessions: Pick<SessionIndexRpc, 'counted'>;
  /** The platform counts requests instead of the ledger. */
  readonly isRateBound: boolean;
}

export async function usageOf(needs: UsageNeeds): Promise<Readonly<Record<QuotaKind, Use>>> {
  const { quotas, ledger, sessions, isRateBound } = needs;
  const [held, live] = await Promise.all([ledger.held().then(valueIn), sessions.counted().then(valueIn)]);
  const used: Readonly<Record<QuotaKind, number>> = {
    requests_per_minute: held.requests,
    kernel_seconds_per_minute: held.kernelSeconds,
    kernels: held.kernels,
    kernel_mib: held.kernelMib,
    stored_bytes: held.storedBytes,
    sessions: live.sessions,
    session_mib: live.memoryMib,
  };
  const use = (kind: QuotaKind): Use => {
    const limit = finite(quotas[kind]);
    const isMinutes = kind.endsWith('_per_minute');
    const isCounted =
      alwaysCounted.includes(kind) || (limit !== undefined && !(isRateBound && kind === 'requests_per_minute'));
    return { used: isCounted ? used[kind] : undefined, limit, ...(isMinutes && { resetS: held.resetS }) };
  };
  const kinds = Object.keys(quotaKinds) as QuotaKind[];
  return Object.fromEntries(kinds.map((kind) => [kind, use(kind)])) as Record<QuotaKind, Use>;
}

/** Whoever has sessions: they are rows, and counted by looking. */
const alwaysCounted: readonly QuotaKind[] = ['sessions', 'session_mib'];

const finite = (most: number | undefined): number | undefined =>
  most === undefined || !Number.isFinite(most) ? undefined : most;
