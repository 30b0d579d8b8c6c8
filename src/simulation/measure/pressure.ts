/** Whether the kernel that all hosts share ran short of memory: then numbers of TCP and UDP are not those of machines of their own. */

import type { Warning } from '../plan/issue.ts';
import type { Plan } from '../plan/plan.ts';
import type { HostState } from '../run/state.ts';
import type { WorkloadResult } from './results.ts';

/** Counters of a host, as nstat(8) names them, that only a shortage of memory moves; where they are not zero. */
export type Pressure = Readonly<Record<string, number>>;

/** What a host also does for a buffer that it set itself: a shortage only beside one of those above. */
const alsoOwn = ['TcpExt.PruneCalled', 'TcpExt.TCPOFODrop', 'TcpExt.TCPRcvQDrop'];

export interface Shortage {
  /** By name of the host. */
  readonly hosts: ReadonlyMap<string, Pressure>;
  readonly warnings: readonly Warning[];
  /** Something was killed, or not allocated: what came after it is worth nothing. */
  readonly error?: string;
}

const killed = /Out of memory: Killed process/;
const failed = 'page allocation failure';
/** Of a task's own memory (mmap(2)): who asks hears of it, and asks again. */
const isOfMmap = /nommu: Allocation of length/;

/** Whether somebody got no memory who cannot ask again: each failure is told with the state of memory behind it. */
const hasFailed = (log: string): boolean =>
  log
    .split(failed)
    .slice(1)
    .some((told) => !isOfMmap.test(told));

/** `log` is what the kernel printed since the simulation began. */
export function findShortage(plan: Plan, states: Readonly<Record<string, HostState>>, log: string): Shortage {
  const isShort = Object.values(states).some(({ pressure }) => Object.keys(pressure).length > 0);
  const hosts = new Map<string, Pressure>();
  for (const [name, { pressure, drops }] of Object.entries(states)) {
    const own = isShort ? Object.fromEntries(Object.entries(drops).filter(([key]) => alsoOwn.includes(key))) : {};
    const all = { ...pressure, ...own };
    if (Object.keys(all).length > 0) hosts.set(name, all);
  }
  const warnings = plan.workloads.flatMap(({ index, ...workload }): Warning[] => {
    if (!('from' in workload)) return [];
    const short = [workload.from.name, workload.to.name].filter((name) => hosts.has(name));
    if (short.length === 0) return [];
    const message = `${short.join(' and ')} met a shortage of the memory that all hosts share: what this flow got is not what machines of their own would get`;
    return [{ path: `workloads[${index}]`, message }];
  });
  const error = killed.test(log)
    ? 'the kernel that all hosts share ran out of memory and killed a program: this network needs more than there is'
    : hasFailed(log)
      ? 'the kernel that all hosts share could not allocate memory for a packet: this network needs more than there is'
      : undefined;
  return { hosts, warnings, ...(error !== undefined && { error }) };
}

/** A flow between hosts that were short says so. */
export function marked(flow: WorkloadResult, { hosts }: Shortage): WorkloadResult {
  if (!('from' in flow) || !(hosts.has(flow.from) || hosts.has(flow.to))) return flow;
  return { ...flow, memory_bound: true };
}
