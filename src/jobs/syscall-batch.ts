/** One request, one kernel: prepared as asked, a batch played on it, thrown away. */

import { cached } from '../storage/cached.ts';
import { ImageNotFoundError } from '../storage/errors.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { type Batch, type BatchEnd, playBatch, type ResultSink } from './batch-player.ts';
import { imageNotFound } from './images.ts';
import { type KernelRequest, type PreparedKernel, prepareKernel, type SetupNeeds } from './kernel-setup.ts';

export interface BatchRequest extends KernelRequest, Batch {
  /** How long the kernel may run, by the host's clock. */
  readonly deadlineMs: number;
}

export interface BatchReport extends BatchEnd {
  /** How far the kernel's clock went while the batch ran. */
  readonly clockNs: number;
  /** What the kernel logged meanwhile. */
  readonly console: string;
}

export interface SyscallBatchJobs {
  run(request: BatchRequest, sink: ResultSink): Promise<BatchReport>;
}

/** Of an image in R2. The kernel has a page cache of its own before it. */
const CACHE_MIB = 4;

/** Images of a store as devices for kernels. */
export const storedImages =
  (images: ImageStore): SetupNeeds['image'] =>
  async (name) => {
    try {
      const stored = await images.device(name);
      return { device: cached(stored, { maxMib: CACHE_MIB }), etag: stored.etag };
    } catch (cause) {
      throw cause instanceof ImageNotFoundError ? imageNotFound(name) : cause;
    }
  };

export function syscallBatchJobs(needs: SetupNeeds): SyscallBatchJobs {
  return {
    async run(request, sink) {
      const prepared = await prepareKernel(request, needs);
      try {
        return await playTimed(prepared, request, sink, needs);
      } finally {
        prepared.kernel.kill();
      }
    },
  };
}

/** Plays a batch; the kernel is killed when it takes longer than it may. */
export async function playTimed(
  { kernel }: PreparedKernel,
  request: Batch & { readonly deadlineMs: number },
  sink: ResultSink,
  { host }: Pick<SetupNeeds, 'host'>,
): Promise<BatchReport> {
  const { clock, console } = kernel.engine;
  const { deadlineMs } = request;
  const startNs = clock.nowNs;
  const logged = console.written;
  const cancel = host.timer(deadlineMs, () => kernel.kill('deadline', `not done after ${deadlineMs} ms`));
  try {
    const end = await playBatch(kernel, request, sink, () => host.turn());
    return { ...end, clockNs: clock.nowNs - startNs, console: console.since(logged) };
  } finally {
    cancel();
  }
}
