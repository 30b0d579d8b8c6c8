/** Kernels of one request as their owner's ledger counts them: exactly, in whatever isolates they run. */

import type { Host } from '../../kernel/host.ts';
import { valueIn } from '../session/rpc.ts';
import type { LedgerRpc } from './ledger-rpc.ts';
import type { Quotas } from './quotas.ts';

export interface KernelCount {
  /** Counts one more, before it is made. Rejects with `over-quota`. */
  enter(mib: number): Promise<void>;
  /** None of them runs any more: their names, for the ledger. */
  end(): readonly string[];
}

export interface KernelCountNeeds {
  readonly quotas: Quotas;
  readonly ledger: Pick<LedgerRpc, 'enter'>;
  readonly uniqueName: () => string;
  readonly host: Pick<Host, 'heartbeat'>;
}

/** A request may vanish without a word: what it had counts for so long after it last said that it lives. */
const COUNTED_MS = 60_000;
const SAID_MS = 20_000;

export function kernelCount({ quotas, ledger, uniqueName, host }: KernelCountNeeds): KernelCount {
  const { kernels, kernel_mib, kernel_seconds_per_minute } = quotas;
  const isCounted = [kernels, kernel_mib, kernel_seconds_per_minute].some((most) => Number.isFinite(most));
  const running = new Set<string>();
  return {
    async enter(mib) {
      if (!isCounted) return;
      const id = uniqueName();
      valueIn(await ledger.enter(id, mib, quotas, COUNTED_MS));
      running.add(id);
      host.heartbeat?.(SAID_MS, () => {
        if (!running.has(id)) return false;
        ledger.enter(id, mib, quotas, COUNTED_MS).catch(() => {}); // the next time, or it is forgotten
        return true;
      });
    },
    end() {
      const gone = [...running];
      running.clear();
      return gone;
    },
  };
}
