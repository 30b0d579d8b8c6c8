/** The one distribution of times that each kind of flow has. */

import type { WorkloadResult } from './results.ts';
import type { Summary } from './stats.ts';

/** How long what a flow sent took: there and back, one way, or to its end. */
export function timesOf(flow: WorkloadResult): Summary | undefined {
  switch (flow.type) {
    case 'tcp':
    case 'ping':
      return flow.rtt_ms;
    case 'udp':
      return flow.one_way_ms;
    case 'replay':
      return flow.there.one_way_ms ?? flow.back.one_way_ms;
    case 'rr':
      return flow.latency_ms;
    case 'flows':
      return flow.completion_ms;
    default:
      return undefined;
  }
}
