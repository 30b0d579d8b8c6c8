/** Seconds for which the kernel of a session works, counted as its owner's: for batches of every kind, WebSockets' too. */

import { valueIn } from '../session/rpc.ts';
import type { LedgerRpc } from './ledger-rpc.ts';
import { overQuota, type Quotas } from './quotas.ts';

export interface SessionMeter {
  /** Does it, unless the owner's minute is used up: then rejects with `over-quota`. */
  metered<T>(owner: string | undefined, work: () => Promise<T>): Promise<T>;
  /** Counts what no request waits for; answers whether the owner's minute is used up. */
  spent(owner: string | undefined, ms: number): Promise<boolean>;
}

export interface SessionMeterNeeds {
  readonly quotasOf: (owner: string) => Quotas;
  readonly ledgerOf: (owner: string) => Pick<LedgerRpc, 'spend'>;
  readonly nowMs: () => number;
  readonly monotonicNs: () => number;
}

/** No minute ends later: a clock that was set back would make it seem so. */
const MINUTE_MS = 60_000;
/** The ledger is told of so much at a time: a batch takes a quarter of a millisecond, and telling takes more. */
const TOLD_MS = 500;

/** Of one owner: several have files of one image. */
interface Spent {
  untoldMs: number;
  /** The minute is used up until then. */
  overUntilMs: number;
}

export function sessionMeter({ quotasOf, ledgerOf, nowMs, monotonicNs }: SessionMeterNeeds): SessionMeter {
  const byOwner = new Map<string, Spent>();
  const spentBy = (owner: string): Spent => {
    const known = byOwner.get(owner) ?? { untoldMs: 0, overUntilMs: 0 };
    byOwner.set(owner, known);
    return known;
  };
  const restMs = ({ overUntilMs }: Spent) => (overUntilMs - nowMs() > MINUTE_MS ? 0 : overUntilMs - nowMs());

  async function tell(owner: string, spent: Spent, most: number): Promise<void> {
    const seconds = spent.untoldMs / 1000;
    spent.untoldMs = 0;
    const { kernelSeconds, resetS } = valueIn(await ledgerOf(owner).spend(seconds));
    if (kernelSeconds >= most) spent.overUntilMs = nowMs() + 1000 * resetS;
  }

  const mostOf = (owner: string | undefined): number =>
    (owner === undefined ? undefined : quotasOf(owner).kernel_seconds_per_minute) ?? Infinity;

  async function spent(owner: string | undefined, ms: number): Promise<boolean> {
    const most = mostOf(owner);
    if (owner === undefined || !Number.isFinite(most)) return false;
    const his = spentBy(owner);
    his.untoldMs += ms;
    if (his.untoldMs >= TOLD_MS) await tell(owner, his, most);
    return restMs(his) > 0;
  }

  return {
    spent,
    async metered(owner, work) {
      const most = mostOf(owner);
      if (owner === undefined || !Number.isFinite(most)) return work();
      const leftMs = restMs(spentBy(owner));
      if (leftMs > 0) {
        const restS = Math.ceil(leftMs / 1000);
        throw overQuota('kernel_seconds_per_minute', most, `Come back in ${restS} s.`, restS);
      }
      const startNs = monotonicNs();
      try {
        return await work();
      } finally {
        await spent(owner, (monotonicNs() - startNs) / 1e6);
      }
    },
  };
}
