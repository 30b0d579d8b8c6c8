/** What is asked of a principal's ledger. */

import type { Outcome } from '../session/rpc.ts';
import type { Quotas } from './quotas.ts';

/** Of the minute that runs. */
export interface Used {
  readonly requests: number;
  readonly kernelSeconds: number;
  /** Seconds until the next begins. */
  readonly resetS: number;
}

export interface Held extends Used {
  /** Of requests that run. */
  readonly kernels: number;
  readonly kernelMib: number;
  /** Of images, and reserved ones. */
  readonly storedBytes: number;
}

export interface LedgerRpc {
  /** One request more, if that is within the quota of requests. Rejects with `over-quota`. */
  admit(quotas: Quotas): Promise<Outcome<Used>>;
  /**
   * A kernel of so many MiB is about to run, wherever that is; the same id again: it still does. It counts for `forMs`, in
   * case nobody says that it is gone. Rejects with `over-quota`, of a new one also where the minute's seconds are used up.
   */
  enter(id: string, mib: number, quotas: Quotas, forMs: number): Promise<Outcome<null>>;
  /** Kernels ran for so long, and those of these ids do no more. */
  spend(seconds: number, gone?: readonly string[]): Promise<Outcome<Used>>;
  /** So many bytes are about to be stored. `key` names them until then. Rejects with `over-quota`. */
  reserve(key: string, bytes: number, quotas: Quotas): Promise<Outcome<null>>;
  /** What was reserved under keys that begin so is not stored after all, or is counted as an image now. */
  free(prefix: string): Promise<Outcome<null>>;
  /** An image of his has so many bytes from now on; none: it is gone. */
  hold(name: string, bytes: number): Promise<Outcome<null>>;
  /** So many bytes more are an image's, or fewer. */
  grow(name: string, bytes: number): Promise<Outcome<null>>;
  /** What is counted here, as it is now. Counts nothing itself. */
  held(): Promise<Outcome<Held>>;
}
