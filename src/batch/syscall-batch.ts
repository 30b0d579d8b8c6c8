/** One request, one kernel: prepared as asked, a batch played on it, thrown away. */

import { type KernelRequest, type PreparedKernel, prepareKernel, type SetupNeeds } from './kernel-setup.ts';
import { type Batch, type BatchEnd, playBatch, type ResultSink } from './player.ts';

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
