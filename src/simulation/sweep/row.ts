/** What a row of a sweep's table has of each flow: the few figures that every kind has. */

import type { WorkloadResult } from '../measure/results.ts';
import { timesOf } from '../measure/times.ts';

export interface SweepFlow {
  readonly name: string;
  readonly type: WorkloadResult['type'];
  readonly error?: string;
  readonly goodput_bps?: number;
  /** There and back, one way for datagrams, to the end of a request or a transfer. */
  readonly latency_p50_ms?: number;
  readonly latency_p99_ms?: number;
  /** A fraction of what was sent. */
  readonly loss?: number;
  readonly retransmits?: number;
}

export function sweepFlow(flow: WorkloadResult): SweepFlow {
  const latency = timesOf(flow);
  return {
    name: flow.name,
    type: flow.type,
    ...(flow.error !== undefined && { error: flow.error }),
    ...('goodput_bps' in flow && flow.goodput_bps !== undefined && { goodput_bps: flow.goodput_bps }),
    ...(latency && { latency_p50_ms: latency.p50, latency_p99_ms: latency.p99 }),
    ...('loss' in flow && { loss: flow.loss }),
    ...('retransmits' in flow && { retransmits: flow.retransmits }),
  };
}
