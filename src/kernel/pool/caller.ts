/** Whom kernels are made for: their owner, for a fair share, and until when anybody waits for them. */

import type { Kernel } from '../kernel.ts';
import type { AcquireOptions, KernelPool } from './pool.ts';

export interface Caller {
  /** By any name. */
  readonly owner?: string;
  /** Aborted when nobody waits any more: kernels made until then are killed, and no more are made. */
  readonly signal?: AbortSignal;
}

/** What `pool` has, for one caller. */
export function kernelsFor(pool: KernelPool, { owner, signal }: Caller): Pick<KernelPool, 'acquire'> {
  if (owner === undefined && signal === undefined) return pool;
  return {
    async acquire(options: AcquireOptions) {
      signal?.throwIfAborted();
      const kernel = await pool.acquire({ ...options, owner, signal });
      if (signal) endWith(kernel, signal);
      return kernel;
    },
  };
}

function endWith(kernel: Kernel, signal: AbortSignal): void {
  const kill = () => kernel.kill('halt', 'whoever it ran for is gone');
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  kernel.engine.onDeath(() => signal.removeEventListener('abort', kill));
}
