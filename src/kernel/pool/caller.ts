/** Whom kernels are made for: their owner, for a fair share, how many he may have, and until when anybody waits for them. */

import { HostError } from '../../errors/host-error.ts';
import type { Kernel } from '../kernel.ts';
import type { AcquireOptions, KernelPool } from './pool.ts';

export interface Caller {
  /** By any name. */
  readonly owner?: string;
  /** Aborted when nobody waits any more: kernels made until then are killed, and no more are made. */
  readonly signal?: AbortSignal;
  /** Kernels that the owner may have at a time, and MiB of them. More is `over-quota`. Default: what there is. */
  readonly most?: { readonly kernels?: number | undefined; readonly mib?: number | undefined };
  /** Counts a kernel of so many MiB as the owner's wherever his run. Rejects where that is too much. */
  readonly counted?: (mib: number) => Promise<void>;
  /** Told where time went, in milliseconds; `kernel` is how long one lived. */
  readonly timed?: (phase: 'queue' | 'restore' | 'mount' | 'kernel', ms: number) => void;
}

/** What `pool` has, for one caller. */
export function kernelsFor(
  pool: KernelPool,
  { owner, signal, most = {}, counted, timed }: Caller,
  nowNs: () => number,
): Pick<KernelPool, 'acquire'> {
  if (owner === undefined && signal === undefined) return pool;
  return {
    async acquire(options: AcquireOptions) {
      signal?.throwIfAborted();
      const mib = options.memoryMib + (options.programMib ?? 0);
      // What is kept for it beside another kernel is held already.
      const moreMib = options.beside ? 0 : mib + (options.besideMib ?? 0);
      if (owner !== undefined) mustBeWithin(pool.heldBy(owner), moreMib, most);
      const kernel = await bothOf(pool.acquire({ ...options, owner, signal, timed }), counted?.(mib));
      const sinceNs = nowNs();
      if (timed) kernel.engine.onDeath(() => timed('kernel', (nowNs() - sinceNs) / 1e6));
      if (signal) endWith(kernel, signal);
      return kernel;
    },
  };
}

/** Asked for at the same time, for counting is somewhere else; a kernel that may not be is killed. */
async function bothOf(making: Promise<Kernel>, counting: Promise<void> | undefined): Promise<Kernel> {
  if (counting === undefined) return making;
  const [made, counted] = await Promise.allSettled([making, counting]);
  if (made.status === 'rejected') throw made.reason;
  if (counted.status === 'fulfilled') return made.value;
  made.value.kill();
  throw counted.reason;
}

function mustBeWithin(
  held: { readonly kernels: number; readonly mib: number },
  memoryMib: number,
  { kernels = Infinity, mib = Infinity }: NonNullable<Caller['most']>,
): void {
  const over = (quota: string, limit: number, detail: string) =>
    new HostError('over-quota', detail, { members: { quota, limit, retry_after_s: 1 } });
  if (held.kernels >= kernels) {
    throw over('kernels', kernels, `at most ${kernels} kernels at a time: ${held.kernels} run`);
  }
  if (held.mib + memoryMib > mib) {
    throw over(
      'kernel_mib',
      mib,
      `at most ${mib} MiB of kernels: ${held.mib} are in use, and ${memoryMib} more wanted`,
    );
  }
}

function endWith(kernel: Kernel, signal: AbortSignal): void {
  const kill = () => kernel.kill('halt', 'whoever it ran for is gone');
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  kernel.engine.onDeath(() => signal.removeEventListener('abort', kill));
}
