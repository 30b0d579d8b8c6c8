/** Seconds of kernels that a principal has in a minute: who has used them up starts no kernel, and does whatever else he may. */

import { valueIn } from '../session/rpc.ts';
import type { LedgerRpc, Used } from './ledger-rpc.ts';
import { overQuota, type Quotas } from './quotas.ts';

/** Throws `over-quota`. */
export function mustHaveSeconds(
  { kernel_seconds_per_minute: most = Infinity }: Quotas,
  { kernelSeconds, resetS }: Pick<Used, 'kernelSeconds' | 'resetS'>,
): void {
  if (kernelSeconds < most) return;
  throw overQuota('kernel_seconds_per_minute', most, `Come back in ${resetS} s.`, resetS);
}

export interface KernelSecondsNeeds {
  readonly quotas: Quotas;
  readonly ledger: Pick<LedgerRpc, 'held'>;
  /** As it was when the request was let in. Undefined: the ledger was not asked. */
  readonly used: Used | undefined;
}

/** For kernels that are there already, or are counted elsewhere: what is asked of one. Rejects with `over-quota`. */
export const secondsLeft =
  ({ quotas, ledger, used }: KernelSecondsNeeds) =>
  async (): Promise<void> => {
    if (!Number.isFinite(quotas.kernel_seconds_per_minute ?? Infinity)) return;
    mustHaveSeconds(quotas, used ?? valueIn(await ledger.held()));
  };
