/** How much kernel memory a plan needs, before it is run: measured constants, a little on the safe side. */

import type { Issue } from '../issue.ts';
import type { Plan } from '../plan.ts';
import { type Path, pathTowards } from '../routes/path.ts';
import { type HostWorkload, isOnHost, type WorkloadPlan } from '../workloads/plans.ts';
import { type Datagrams, heldByDatagrams, heldByTcp, type Streams } from './held.ts';
import { excess, SMALL_PROGRAM_MIB, wiredMib } from './least.ts';

const MIB = 2 ** 20;
/** A task with its stack and scratch memory. */
const PROGRAM_MIB = 0.12;
const CAPTURE_MIB = 2;
/** A program with its pipes and its sockets' buffers in the kernel, and who hears it. */
const EXEC_MIB = 1.5;
/** Memory of the programs themselves: for those of set-ups, which run one after another, and for each that runs. */
const SETUP_PROGRAM_MIB = 8;
const RUNNING_PROGRAM_MIB = 4;
const MOST_PROGRAMS_MIB = 64;
/** A connection in TIME-WAIT, its bucket in the table of ports included. */
const TIME_WAIT_BYTES = 400;
/** net.ipv4.ip_local_port_range */
const MOST_TIME_WAIT = 28_232;

/** MiB for programs, beside the kernel's: 0 where none runs. */
export function programsMib({ setups, workloads }: Plan): number {
  const running = workloads.filter(({ type }) => type === 'exec').length;
  if (running === 0 && setups.size === 0) return 0;
  return Math.min(MOST_PROGRAMS_MIB, SETUP_PROGRAM_MIB + RUNNING_PROGRAM_MIB * running);
}

/** MiB that a kernel for this plan should be allowed. */
export const estimateMemoryMib = (plan: Plan): number =>
  Math.ceil(plan.workloads.reduce((mib, workload) => mib + workloadMib(workload, plan), networkMib(plan)));

/** What a budget does not hold: the network alone, or the first workload that is too much when small ones come first. */
export function findExcess(plan: Plan, budgetMib: number): Issue | undefined {
  const needed = estimateMemoryMib(plan);
  if (needed <= budgetMib || sharedMemoryMib(plan) <= budgetMib) return undefined;
  let sum = networkMib(plan);
  let path = 'links';
  const workloads = plan.workloads.map((workload) => ({ index: workload.index, mib: workloadMib(workload, plan) }));
  for (const { index, mib } of workloads.toSorted((a, b) => a.mib - b.mib)) {
    if (sum > budgetMib) break;
    sum += mib;
    path = `workloads[${index}]`;
  }
  return excess(path, needed, budgetMib);
}

/**
 * The same where flows share bottlenecks: what is under way there is bounded by the link, not by each of them. Buffers
 * stay as large as they once were, and flows that begin one after another find ever less room: the nth has a share of 1/n.
 */
function sharedMemoryMib(plan: Plan): number {
  const held = new Map<unknown, { flows: number; most: number; sum: number }>();
  const crossing = new Map<unknown, number>();
  for (const workload of plan.workloads) {
    if (isOnHost(workload)) continue;
    const count = streamsOf(workload, plan)?.count ?? 0;
    for (const { there } of pathTowards(workload.from, workload.target.port, plan))
      crossing.set(there, (crossing.get(there) ?? 0) + count);
  }
  let mib = networkMib(plan);
  for (const workload of plan.workloads) {
    const streams = isOnHost(workload) || datagramsOf(workload) ? undefined : streamsOf(workload, plan);
    if (isOnHost(workload) || !streams) {
      mib += workloadMib(workload, plan);
      continue;
    }
    const path = pathTowards(workload.from, workload.target.port, plan);
    const tcp = heldByTcp(streams, workload, path, plan.hijacks) / MIB;
    mib += workloadMib(workload, plan) - tcp;
    const key = bottleneckOf(path, crossing) ?? workload;
    const group = held.get(key) ?? { flows: 0, most: 0, sum: 0 };
    held.set(key, { flows: group.flows + streams.count, most: Math.max(group.most, tcp), sum: group.sum + tcp });
  }
  for (const { flows, most, sum } of held.values())
    mib += Math.min(sum, most * (1 + Math.log(flows)) + flows * LEAST_TCP_MIB);
  return Math.ceil(mib);
}

/** Buffers of a connection that has hardly any room. */
const LEAST_TCP_MIB = 0.06;

/**
 * The link of a path, in the way that is gone, that is slowest by what all of its states allow; of several the one that
 * most flows cross. A link that is faster may bind as well, if many share it: then the slower ones bound each of them.
 */
function bottleneckOf(path: Path, crossing: ReadonlyMap<unknown, number>): unknown {
  const rates = path.flatMap(({ there }) => {
    const rate = (there.widest ?? there.report).rateBps;
    return rate === undefined ? [] : [{ there, rate }];
  });
  const flows = (there: unknown): number => crossing.get(there) ?? 0;
  return rates.toSorted((a, b) => a.rate - b.rate || flows(b.there) - flows(a.there))[0]?.there;
}

function networkMib({ topology: { nodes, links }, captures }: Plan): number {
  const namespaces = [...nodes.values()].filter(({ role }) => role !== 'switch').length;
  return wiredMib(namespaces, links.length) + captures.length * CAPTURE_MIB;
}

function workloadMib(workload: WorkloadPlan, plan: Plan): number {
  if (workload.type === 'exec') return EXEC_MIB;
  if (isOnHost(workload)) return PROGRAM_MIB;
  const path = pathTowards(workload.from, workload.target.port, plan);
  const datagrams = datagramsOf(workload);
  if (datagrams) {
    const receivers = workload.type === 'udp' ? (workload.group?.receivers.length ?? 1) : 1;
    const programs = workload.type === 'ping' ? 1 : 1 + receivers;
    return programs * SMALL_PROGRAM_MIB + (receivers * heldByDatagrams(datagrams, path, plan)) / MIB;
  }
  const streams = streamsOf(workload, plan);
  if (!streams) return PROGRAM_MIB;
  const { count, bufferBytes, timeWait = 0 } = streams;
  // One more program waits for the next connection.
  const programs = PROGRAM_MIB + count * (SMALL_PROGRAM_MIB + PROGRAM_MIB + bufferBytes / MIB);
  const waiting = (timeWait * TIME_WAIT_BYTES) / MIB;
  return programs + waiting + heldByTcp(streams, workload, path, plan.hijacks) / MIB;
}

function datagramsOf(workload: Exclude<WorkloadPlan, HostWorkload>): Datagrams | undefined {
  const isIpv6 = workload.address.family === 'ipv6';
  switch (workload.type) {
    case 'ping':
      return { size: workload.size, intervalNs: workload.intervalNs, total: workload.count, answered: true, isIpv6 };
    case 'udp': {
      const total = Math.min(
        workload.count ?? Number.POSITIVE_INFINITY,
        (workload.durationNs ?? Number.POSITIVE_INFINITY) / workload.intervalNs,
      );
      return { size: workload.size, intervalNs: workload.intervalNs, total, answered: false, isIpv6 };
    }
    case 'replay': {
      const { there, back } = workload.replay;
      const all = [...there, ...back];
      const lastNs = all.reduce((last, { atNs }) => Math.max(last, atNs), 1);
      const size = all.reduce((most, { length }) => Math.max(most, length), 0);
      // A capture comes in bursts: as if all of it came in a tenth of its time.
      return { size, intervalNs: lastNs / 10 / all.length, total: all.length, answered: true, isIpv6 };
    }
    case 'on-off': {
      const { intervalNs, size } = workload;
      return intervalNs === undefined
        ? undefined
        : { size, intervalNs, total: Number.POSITIVE_INFINITY, answered: false, isIpv6 };
    }
    default:
      return undefined;
  }
}

/** Flows at once where they end as fast as they come. */
const FLOWS_AT_ONCE = 64;
/** No flow ends sooner: it is opened, it carries something, it is closed. */
const LEAST_ROUND_TRIPS = 3;

/** How many of a workload that begins so many flows a second are there before the first one can have ended, at least. */
function flowsAtOnce(workload: Exclude<WorkloadPlan, HostWorkload>, perSecond: number, plan: Plan): number {
  const path = pathTowards(workload.from, workload.target.port, plan);
  const delayNs = ({ widest, report }: Path[number]['there']) => (widest ?? report).delayNs;
  const rttNs = path.reduce((ns, { there, back }) => ns + delayNs(there) + delayNs(back), 0);
  return Math.max(FLOWS_AT_ONCE, Math.ceil((LEAST_ROUND_TRIPS * perSecond * rttNs) / 1e9));
}

/** The TCP connections of a workload, if it has any. */
function streamsOf(workload: WorkloadPlan, plan: Plan): Streams | undefined {
  switch (workload.type) {
    case 'tcp': {
      const bytes = (workload.bytes ?? Number.POSITIVE_INFINITY) / workload.parallel;
      return { count: workload.parallel, bytes, bufferBytes: MIB / 4 };
    }
    case 'on-off':
      return { count: 1, bytes: Number.POSITIVE_INFINITY, bufferBytes: MIB / 4 };
    case 'rr': {
      const bytes = workload.request + workload.response;
      const timeWait = workload.reconnect ? Math.min(MOST_TIME_WAIT, workload.count ?? MOST_TIME_WAIT) : 0;
      return { count: 1, bytes, bufferBytes: Math.min(MIB / 8, bytes), timeWait };
    }
    case 'flows': {
      const { sizes, perSecond } = workload;
      const flows = 'rows' in sizes ? sizes.count : sizes.length;
      const bytes = 'rows' in sizes ? (sizes.rows.at(-1)?.[0] ?? 1) : sizes.reduce((a, b) => Math.max(a, b), 1);
      const count = perSecond === undefined ? 1 : Math.min(flowsAtOnce(workload, perSecond, plan), flows);
      return { count, bytes, bufferBytes: Math.min(MIB / 16, bytes), timeWait: Math.min(MOST_TIME_WAIT, flows) };
    }
    default:
      return undefined;
  }
}
