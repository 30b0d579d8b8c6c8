/** How much kernel memory a plan needs, before it is run: measured constants, a little on the safe side. */

import type { Direction } from '../links/direction.ts';
import type { Issue } from './issue.ts';
import type { Plan } from './plan.ts';
import type { Link, Node } from './topology.ts';
import type { FlowPlan, WorkloadPlan } from './workload-plan.ts';

const MIB = 2 ** 20;
/** A restored kernel with the programs that every simulation has, and room for bursts. */
const KERNEL_MIB = 20;
/** Four devices, and the host at its end. */
const LINK_MIB = 0.26;
/** A task with its stack and scratch memory. */
const PROGRAM_MIB = 0.12;
/** One with next to no scratch memory. */
const SMALL_PROGRAM_MIB = 0.07;
/** Send and receive buffers as full as they usually get. */
const STREAM_MIB = 1;
const CAPTURE_MIB = 2;
/** Packets in a queue take about so much more than their bytes. */
const PACKET_OVERHEAD = 1.6;
/** A send buffer holds twice the window (tcp_sndbuf_expand), and a slow start ends at twice what the path holds. */
const WINDOWS = 4;
/** What an AQM, which has no limit of bytes, may hold before it acts. */
const AQM_BYTES = MIB;

/** MiB that a kernel for this plan should be allowed. */
export const estimateMemoryMib = (plan: Plan): number =>
  Math.ceil(plan.workloads.reduce((mib, workload) => mib + workloadMib(workload, plan), networkMib(plan)));

/** What a budget does not hold: the network alone, or the first workload that is too much when small ones come first. */
export function findExcess(plan: Plan, budgetMib: number): Issue | undefined {
  const needed = estimateMemoryMib(plan);
  if (needed <= budgetMib) return undefined;
  let sum = networkMib(plan);
  let path = 'links';
  const workloads = plan.workloads.map((workload) => ({ index: workload.index, mib: workloadMib(workload, plan) }));
  for (const { index, mib } of workloads.toSorted((a, b) => a.mib - b.mib)) {
    if (sum > budgetMib) break;
    sum += mib;
    path = `workloads[${index}]`;
  }
  const message = `this network needs about ${needed} MiB of kernel memory: there are ${budgetMib}`;
  return { code: 'over-budget', path, message };
}

function networkMib(plan: Plan): number {
  const limits = [...plan.directions.values()].flat().map(({ report }) => report.limitBytes ?? 0);
  const queues = limits.reduce((bytes, limit) => bytes + limit, 0);
  const filling = plan.workloads.filter(({ type }) => type !== 'ping' && type !== 'syscalls').length;
  // A workload fills one bottleneck at a time.
  const busy = Math.min(queues, filling * Math.max(0, ...limits)) * PACKET_OVERHEAD;
  return KERNEL_MIB + plan.topology.links.length * LINK_MIB + plan.captures.length * CAPTURE_MIB + busy / MIB;
}

function workloadMib(workload: WorkloadPlan, plan: Plan): number {
  if (workload.type === 'ping') return SMALL_PROGRAM_MIB;
  if (workload.type === 'syscalls') return PROGRAM_MIB;
  const streams = streamsOf(workload);
  if (!streams) return 2 * SMALL_PROGRAM_MIB;
  const { count, bytes, bufferBytes } = streams;
  const most = Math.min(STREAM_MIB * MIB, 2 * bytes * PACKET_OVERHEAD);
  const held = Math.min(count * most, pathBytes(workload, plan) * WINDOWS * PACKET_OVERHEAD);
  // One more program waits for the next connection.
  return PROGRAM_MIB + count * (SMALL_PROGRAM_MIB + PROGRAM_MIB + bufferBytes / MIB) + held / MIB;
}

interface Streams {
  /** Connections at once. */
  readonly count: number;
  /** The most that one of them carries. */
  readonly bytes: number;
  /** What its programs send from. */
  readonly bufferBytes: number;
}

const mostFlowsAtOnce = 64;

/** The TCP connections of a workload, if it has any. */
function streamsOf(workload: Exclude<WorkloadPlan, { type: 'ping' | 'syscalls' }>): Streams | undefined {
  switch (workload.type) {
    case 'udp':
      return undefined;
    case 'tcp': {
      const bytes = (workload.bytes ?? Number.POSITIVE_INFINITY) / workload.parallel;
      return { count: workload.parallel, bytes, bufferBytes: MIB / 4 };
    }
    case 'on-off':
      if (workload.intervalNs !== undefined) return undefined;
      return { count: 1, bytes: Number.POSITIVE_INFINITY, bufferBytes: MIB / 4 };
    case 'rr': {
      const bytes = workload.request + workload.response;
      return { count: 1, bytes, bufferBytes: Math.min(MIB / 8, bytes) };
    }
    case 'flows': {
      const { sizes, perSecond } = workload;
      const flows = 'rows' in sizes ? sizes.count : sizes.length;
      const bytes = 'rows' in sizes ? (sizes.rows.at(-1)?.[0] ?? 1) : sizes.reduce((a, b) => Math.max(a, b), 1);
      const count = perSecond === undefined ? 1 : Math.min(mostFlowsAtOnce, flows);
      return { count, bytes, bufferBytes: Math.min(MIB / 16, bytes) };
    }
  }
}

/** What is under way between two nodes when a path is full, its bandwidth-delay product and its queues; without a rate, any number. */
function pathBytes({ from, to }: FlowPlan, { topology, directions }: Plan): number {
  const ways = linksBetween(from, to, topology.links).flatMap(({ link, end }): [Direction, Direction][] => {
    const [forward, reverse] = directions.get(link) ?? [];
    if (!forward || !reverse) return [];
    return [end === 0 ? [forward, reverse] : [reverse, forward]];
  });
  const rates = ways.flatMap(([{ report }]) => report.rateBps ?? []);
  if (rates.length === 0) return Number.POSITIVE_INFINITY;
  const rttNs = ways.flat().reduce((ns, { report }) => ns + report.delayNs, 0);
  const queues = ways.reduce(
    (bytes, [{ report }]) => bytes + (report.queue === undefined ? 0 : (report.limitBytes ?? AQM_BYTES)),
    0,
  );
  return (Math.min(...rates) / 8) * (rttNs / 1e9) + queues;
}

/** A link and the end it is entered by. */
interface Step {
  readonly link: Link;
  readonly end: 0 | 1;
}

/** The fewest links from one node to another. */
function linksBetween(from: Node, to: Node, links: readonly Link[]): Step[] {
  const stepsFrom = new Map<Node, Step[]>();
  for (const link of links)
    for (const end of [0, 1] as const) {
      const steps = stepsFrom.get(link.ports[end].node);
      if (steps) steps.push({ link, end });
      else stepsFrom.set(link.ports[end].node, [{ link, end }]);
    }
  const cameBy = new Map<Node, Step | undefined>([[from, undefined]]);
  // A Map's iteration goes on to what is added meanwhile: breadth first.
  for (const node of cameBy.keys())
    for (const step of stepsFrom.get(node) ?? []) {
      const next = step.link.ports[step.end === 0 ? 1 : 0].node;
      if (!cameBy.has(next)) cameBy.set(next, step);
    }
  const way = [];
  for (let step = cameBy.get(to); step; step = cameBy.get(step.link.ports[step.end].node)) way.unshift(step);
  return way;
}
