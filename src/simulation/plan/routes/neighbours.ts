/** Which Ethernet addresses hosts know beforehand: those that packets of workloads meet, there and back. */

import type { Interface, Node } from '../topology.ts';
import { type FlowPlan, type HostWorkload, isOnHost, type WorkloadPlan } from '../workloads/plans.ts';
import { formatAddress, type InterfaceAddress } from './prefix.ts';
import { forwards, meets, type Network, pathTo, wayBack } from './routing.ts';

/** A neighbour whose Ethernet address an interface is told. */
export interface PlannedNeighbour {
  readonly through: Interface;
  readonly address: InterfaceAddress;
  readonly to: Interface;
}

/** A host that brings its own routes finds its own way, or none: that is its author's business. */
export const takesRoutes = (node: Node): boolean => node.role !== 'switch' && node.spec.routes !== 'none';

/** All pairs of so many are no burden. */
const FEW_INTERFACES = 8;

/**
 * No more than what workloads need, or 200 hosts on a switch would need 40000. Where the request has routes of its own, those on each
 * cable too: which of them packets pass is for Linux to find.
 */
export function findNeighbours(
  workloads: readonly WorkloadPlan[],
  network: Network,
  choosesWays: boolean,
): PlannedNeighbour[] {
  const found = new Map<string, PlannedNeighbour>();
  const add = (through: Interface, to: Interface, family: InterfaceAddress['family']) => {
    const address = meets(through, to, family, network.addressing);
    if (address && takesRoutes(through.port.node))
      found.set(`${through.port.node.name} ${through.name} ${family} ${address.value}`, { through, address, to });
  };
  const addWay = (from: Node, target: Interface, family: InterfaceAddress['family']) => {
    const way = pathTo(from, target, family, network);
    for (const { through, to } of [...(way ?? []), ...(wayBack(target, way, family, network) ?? [])])
      add(through, to, family);
  };
  for (const workload of workloads) {
    if (isOnHost(workload)) {
      for (const { target, address } of targetsOf(workload, workloads, network))
        if (target.port.node !== workload.on) addWay(workload.on, target, address.family);
      continue;
    }
    if (workload.isOverlay)
      for (const family of ['ipv4', 'ipv6'] as const) addWay(workload.from, workload.target, family);
    else addWay(workload.from, workload.target, workload.address.family);
    if ('options' in workload && workload.options.mptcp) addSubflows(workload, network, add, addWay);
  }
  const segments = choosesWays ? new Set(network.segmentOf.values()) : [];
  for (const { interfaces } of segments)
    if (interfaces.length <= FEW_INTERFACES)
      for (const one of interfaces)
        for (const other of interfaces)
          if (one.port.node !== other.port.node)
            for (const family of ['ipv4', 'ipv6'] as const) add(one, other, family);
  return [...found.values()];
}

/** Subflows leave by every interface, to every address: each by the router behind it (mptcp.ts), or at once. */
function addSubflows(
  { from, to, address: { family } }: FlowPlan,
  network: Network,
  add: (through: Interface, to: Interface, family: InterfaceAddress['family']) => void,
  addWay: (from: Node, target: Interface, family: InterfaceAddress['family']) => void,
): void {
  const interfacesOf = (node: Node) => node.ports.flatMap((port) => port.interfaces);
  for (const own of [...interfacesOf(from), ...interfacesOf(to)]) {
    const others = network.segmentOf.get(own)?.interfaces ?? [];
    for (const other of others) {
      const { node } = other.port;
      if (node === own.port.node || !(forwards(node, family) || node === from || node === to)) continue;
      add(own, other, family);
      add(other, own, family);
    }
  }
  for (const target of interfacesOf(to)) {
    addWay(from, target, family);
    for (const source of interfacesOf(from))
      if (network.segmentOf.get(source) !== network.segmentOf.get(target)) addWay(to, source, family);
  }
}

interface Target {
  readonly target: Interface;
  readonly address: InterfaceAddress;
}

/** So many entries of system calls are no burden. */
const FEW = 4096;

/** Calls may talk to whatever there is. Where that is too much, to the addresses that they name. */
function targetsOf(workload: HostWorkload, workloads: readonly WorkloadPlan[], { addressing }: Network): Target[] {
  const all = [...addressing].flatMap(([target, addresses]) => addresses.map((address) => ({ target, address })));
  const players = new Set(workloads.flatMap((other) => (isOnHost(other) ? [other.on] : [])));
  if (all.length * players.size <= FEW) return all;
  const text = JSON.stringify(workload.type === 'exec' ? workload.argv : workload.batch) ?? '';
  const quote = workload.type === 'exec' ? '' : '"';
  return all.filter(
    ({ target, address }) =>
      players.has(target.port.node) || text.includes(`${quote}${formatAddress(address)}${quote}`),
  );
}
