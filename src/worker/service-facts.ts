/** What the service tells of itself to all the world. */

import type { PoolHealth } from '../kernel/pool/pool.ts';

export interface ServiceHealth extends PoolHealth {
  /** Beside kernels: what bodies, spools and caches hold, and may. */
  readonly memoryBytes: number;
  readonly memoryTotalBytes: number;
}

export interface ServiceFacts {
  /** How the isolate is that was asked. */
  health(): ServiceHealth;
  readonly version: {
    /** Of the package. */
    readonly version: string;
    readonly linux: string;
    /** Debian's source package that it is built of. */
    readonly source: string;
    /** Names the kernel: a suspended session goes on only in its like. */
    readonly buildId: string;
  };
}
