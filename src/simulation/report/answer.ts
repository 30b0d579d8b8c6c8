/** An answer in the words of a report: what its links are called, what its flows carried, lost and took, its charts. */

import type { WorkloadResult } from '../measure/results.ts';
import { timesOf } from '../measure/times.ts';
import type { SimulationResult } from '../run/run.ts';
import { count, percent, rate } from './numbers.ts';
import type { Chart, ChartRecorder, Way } from './series.ts';

/** The answer, and how long it took. */
export type ReportedAnswer = SimulationResult & { readonly wall_s?: number };
export type ReportedLink = ReportedAnswer['links'][number];

/** All that was recorded while it ran. */
export const chartsOf = ({ flows, links }: Pick<ReportedAnswer, 'flows' | 'links'>, recorder: ChartRecorder): Chart[] =>
  recorder.charts(
    flows.map((flow) => {
      const times = timesOf(flow);
      return { name: flow.name, isProbe: flow.type === 'ping', ...(times && { times }) };
    }),
    links.map((link) => ({ names: wayNames(link) })),
  );

const nodeOf = (end: string | undefined): string => (end ?? '').split(':')[0] ?? '';

/** By the name of the link, if it has one of its own. */
export function wayNames({ name, endpoints }: ReportedLink): Record<Way, string> {
  const [a, b] = endpoints.map(nodeOf);
  const own = name === `${a}-${b}` ? '' : `${name}: `;
  return { forward: `${own}${a} → ${b}`, reverse: `${own}${b} → ${a}` };
}

/** What a flow carried: bits, or how many there were. */
export function carried(flow: WorkloadResult): string {
  if (flow.type === 'rr') return `${count(Math.round(flow.per_second))}/s`;
  if (flow.type === 'ping') return `${count(flow.received)} of ${count(flow.sent)}`;
  return 'goodput_bps' in flow ? rate(flow.goodput_bps) : '';
}

export function lostOf(flow: WorkloadResult): string {
  if (flow.type === 'tcp') return count(flow.retransmits);
  if (flow.type === 'ping' || flow.type === 'udp') return percent(flow.loss);
  if (flow.type === 'replay') return count(flow.there.lost + flow.back.lost);
  return flow.type === 'on-off' ? count(flow.lost) : '';
}
