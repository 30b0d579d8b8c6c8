/** What switches know beforehand: behind which port an Ethernet address is, so that nothing is flooded in search of it. */

import { isVlanAware, type Link, type Node, type Port, type Topology } from '../plan/topology.ts';

/** An entry of a switch's forwarding database. */
export interface ForwardingEntry {
  readonly port: Port;
  readonly mac: Uint8Array;
  /** Of a switch that looks at VLANs. */
  readonly vlan?: number;
}

export type Forwarding = ReadonlyMap<Node, readonly ForwardingEntry[]>;

/** Entries for these ports of hosts on every switch that can reach them. Where a spanning tree decides, it is left to it. */
export function planForwarding({ links }: Topology, hosts: ReadonlySet<Port>): Forwarding {
  const found = new Map<Node, ForwardingEntry[]>();
  const linksOf = new Map<Node, Link[]>();
  for (const link of links) for (const { node } of link.ports) linksOf.set(node, [...(linksOf.get(node) ?? []), link]);
  const spread = (link: Link, from: Node, mac: Uint8Array, vlans: readonly number[]): void => {
    const port = link.ports.find(({ node }) => node !== from);
    if (port?.node.role !== 'switch' || port.node.spec.stp) return;
    const carried = vlans.filter((vlan) => carries(link, vlan));
    if (carried.length === 0) return;
    const isAware = isVlanAware(port.node, links);
    const entries = carried.map((vlan) => ({ port, mac, ...(isAware && { vlan: vlan || 1 }) }));
    found.set(port.node, [...(found.get(port.node) ?? []), ...entries]);
    for (const next of linksOf.get(port.node) ?? []) if (next !== link) spread(next, port.node, mac, carried);
  };
  for (const link of links) {
    for (const port of link.ports)
      if (hosts.has(port)) spread(link, port.node, port.mac, link.spec.vlans ?? [link.spec.vlan ?? 0]);
  }
  return found;
}

/** 0 is what a link carries that says nothing of VLANs. */
const carries = ({ spec }: Link, vlan: number): boolean => (spec.vlans ?? [spec.vlan ?? 0]).includes(vlan);
