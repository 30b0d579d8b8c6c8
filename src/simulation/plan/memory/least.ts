/** What a network needs of kernel memory at least: told by counting what a request lists, before anything is planned. */

import type { Issue } from '../issue.ts';
import type { SimulationRequest } from '../request.ts';

/** A restored kernel with the programs that every simulation has, and room for bursts. */
const KERNEL_MIB = 16;
/** Four devices, and the host at its end: 194 KiB. */
const LINK_MIB = 0.19;
/** A network namespace with its loopback alone: of 300, 0.09 did not do, and 0.11 did. */
const NODE_MIB = 0.12;
/** What stays free for a burst (links/network.ts), and all of them together. */
const LINK_FREE_MIB = 0.031;
const MOST_FREE_MIB = 2;
/** One with next to no scratch memory. */
export const SMALL_PROGRAM_MIB = 0.07;

/** Namespaces, of hosts and routers, and what they are wired with. */
export function wiredMib(namespaces: number, links: number): number {
  // Those that no link of their own pays for. A tree has a node more than links: that one is in the kernel's share.
  const beyondLinks = Math.max(0, namespaces - links - 1);
  return KERNEL_MIB + beyondLinks * NODE_MIB + links * LINK_MIB + Math.min(MOST_FREE_MIB, links * LINK_FREE_MIB);
}

/** What the network alone, and the smallest that its workloads can be, have over the budget: told by counting, before anything is planned. */
export function findLeastExcess(
  { hosts, routers, links, workloads = [] }: SimulationRequest,
  budgetMib: number,
): Issue | undefined {
  const namespaces = Object.keys(hosts).length + Object.keys(routers ?? {}).length;
  const network = wiredMib(namespaces, links.length);
  const needed = network + workloads.length * SMALL_PROGRAM_MIB;
  if (needed <= budgetMib) return undefined;
  return excess(network > budgetMib ? 'links' : 'workloads', Math.ceil(needed), budgetMib);
}

export const excess = (path: string, neededMib: number, budgetMib: number): Issue => ({
  code: 'over-budget',
  path,
  message: `this network needs about ${neededMib} MiB of kernel memory: there are ${budgetMib}. What is under way counts (rate × delay), what queues hold, and the buffers of sockets`,
});
