/** One request, one kernel: prepared as asked, a batch played on it, thrown away. */

import type { Unlock } from '../image/stack/keyring.ts';
import { type KernelRequest, type PreparedKernel, prepareKernel, type SetupNeeds } from './kernel-setup.ts';
import { type Batch, type BatchControl, type BatchEnd, playBatch, type ResultSink } from './player.ts';

export interface BatchRequest extends KernelRequest, Batch {
  /** How long the kernel may run, by the host's clock. */
  readonly deadlineMs: number;
  /** Opens encrypted volumes. */
  readonly unlock?: Unlock | undefined;
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
      const prepared = await prepareKernel(request, needs, request.unlock);
      try {
        return await playTimed(prepared, request, sink, needs);
      } finally {
        prepared.kernel.kill();
      }
    },
  };
}

/** What a call may take to end that was interrupted. */
const GRACE_MS = 1000;
const AGAIN_MS = 50;

/** Plays a batch; what it does is interrupted when it takes longer than it may, and the kernel is killed when that does not help. */
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
  let control: BatchControl | undefined;
  let cancel: () => void = () => {};
  const halt = (leftMs: number) => {
    control?.halt('deadline');
    if (leftMs > 0) cancel = host.timer(AGAIN_MS, () => halt(leftMs - AGAIN_MS));
    else kernel.kill('deadline', `not done after ${deadlineMs} ms, and not to be interrupted`);
  };
  cancel = host.timer(deadlineMs, () => halt(GRACE_MS));
  // A kernel of one batch alone has nobody who could still come and bring what its tasks wait for.
  let mends = 0;
  const noMore =
    request.kept && kernel.engine.onDeadlock(() => mends++ < MAX_MENDS && (control?.halt('deadlock') ?? false));
  try {
    const end = await playBatch(kernel, request, sink, (begun) => {
      control = begun;
    });
    return { ...end, clockNs: clock.nowNs - startNs, console: console.since(logged) };
  } finally {
    cancel();
    noMore?.();
  }
}

/** A deadlock that interrupting its calls does not end is one. */
const MAX_MENDS = 64;
