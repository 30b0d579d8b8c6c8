/** ECN marks: what the qdiscs of a link say they marked, and what netem counts as lost. */

import type { ExtraStats } from '../../abi/netlink/tc/tc-stats.ts';
import type { QdiscResult } from '../measure/results.ts';
import type { Direction } from './direction.ts';

/** As codel, fq_codel, pie and fq_pie, cake's tins, fq and red call them. */
const counters = ['ecn_mark', 'ce_mark', 'marked'];

export function markedBy(extra: ExtraStats | undefined): number {
  const { tins, ...own } = extra ?? {};
  return [own, ...(Array.isArray(tins) ? tins : [])]
    .flatMap((stats) => Object.entries(stats))
    .reduce((sum, [name, value]) => (counters.includes(name) && typeof value === 'number' ? sum + value : sum), 0);
}

/** netem that marks instead of losing. Beside duplicates, which nobody counts, its marks are not told from losses. */
const tellsMarks = ({ steps }: Direction): boolean =>
  steps.some(
    (step) => step.step === 'qdisc' && step.options.kind === 'netem' && step.options.ecn && !step.options.duplicate,
  );

/** sch_netem counts a mark as a drop; but of what came in, a marked packet is among those that left or wait. */
export function withoutMarks(qdiscs: readonly QdiscResult[], direction: Direction, cameIn: number): QdiscResult[] {
  if (!tellsMarks(direction)) return [...qdiscs];
  return qdiscs.map((qdisc) => {
    if (qdisc.kind !== 'netem') return qdisc;
    const drops = cameIn - qdisc.sent_packets - qdisc.backlog_packets;
    return { ...qdisc, drops, marks: qdisc.drops - drops };
  });
}
