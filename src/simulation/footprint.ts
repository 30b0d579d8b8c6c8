/** How much kernel memory a plan needs, before it is run: measured constants, a little on the safe side. */

import type { Plan } from './plan.ts';
import type { WorkloadPlan } from './workload-plan.ts';

const MIB = 2 ** 20;
/** A restored kernel with the programs that every simulation has, and room for bursts. */
const KERNEL_MIB = 20;
/** Four devices, and the host at its end. */
const LINK_MIB = 0.26;
/** A task with its stack and scratch memory. */
const PROGRAM_MIB = 0.12;
/** One with next to no scratch memory. */
const PING_MIB = 0.07;
/** Send and receive buffers as full as they usually get. */
const STREAM_MIB = 1;
const CAPTURE_MIB = 2;
/** Packets in a queue take about so much more than their bytes. */
const PACKET_OVERHEAD = 1.6;

/** MiB that a kernel for this plan should be allowed. */
export function estimateMemoryMib(plan: Plan): number {
  const directions = [...plan.directions.values()].flat();
  const queues = directions.reduce((bytes, { report }) => bytes + (report.limitBytes ?? 0), 0);
  const filling = plan.workloads.filter(({ type }) => type !== 'ping' && type !== 'syscalls').length;
  const busy = Math.min(queues, filling * largestQueue(plan)) * PACKET_OVERHEAD;
  const [programs, streams] = plan.workloads.reduce(
    ([p, s], workload) => [p + programsOf(workload), s + streamsOf(workload)],
    [0, 0],
  );
  return Math.ceil(
    KERNEL_MIB +
      plan.topology.links.length * LINK_MIB +
      programs * PROGRAM_MIB +
      streams * STREAM_MIB +
      plan.captures.length * CAPTURE_MIB +
      busy / MIB,
  );
}

/** A workload fills one bottleneck at a time. */
const largestQueue = (plan: Plan): number =>
  Math.max(0, ...[...plan.directions.values()].flat().map(({ report }) => report.limitBytes ?? 0));

const mostFlowsAtOnce = 64;

function streamsOf(workload: WorkloadPlan): number {
  if (workload.type === 'tcp') return workload.parallel;
  if (workload.type === 'rr') return 1;
  if (workload.type === 'on-off') return workload.intervalNs === undefined ? 1 : 0;
  if (workload.type !== 'flows') return 0;
  if (workload.perSecond === undefined) return 1;
  return Math.min(mostFlowsAtOnce, 'rows' in workload.sizes ? workload.sizes.count : workload.sizes.length);
}

/** Both ends, and for TCP one that waits for the next connection. */
function programsOf(workload: WorkloadPlan): number {
  if (workload.type === 'ping') return PING_MIB / PROGRAM_MIB;
  if (workload.type === 'syscalls') return 1;
  return workload.type === 'udp' ? 2 : 2 * Math.max(1, streamsOf(workload)) + 1;
}
