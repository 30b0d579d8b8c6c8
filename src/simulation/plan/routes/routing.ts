/** Routes over the graph: the fewest hops from every node to every network, the commonest next hop as the default. */

import type { Interface, Node, Segment, Topology } from '../topology.ts';
import type { Addressing } from './addressing.ts';
import { contains, type Family, formatPrefix, type InterfaceAddress, networkOf } from './prefix.ts';

/** A route of one node. No destination: the default route. */
export interface PlannedRoute {
  readonly family: Family;
  readonly destination?: InterfaceAddress;
  readonly gateway: InterfaceAddress;
  readonly through: Interface;
}

/** The way to a segment: by which interface, and through whose interface unless it is attached. */
export interface Hop {
  readonly through: Interface;
  readonly gateway?: Interface;
  /** Routers on the way. */
  readonly distance: number;
}

/** The way to each segment that a node can reach. */
export interface NodeWays {
  get(segment: Segment): Hop | undefined;
  /** All of them; of a host that has one gateway only, one of those that it goes to for everything else. */
  entries(): Iterable<readonly [Segment, Hop]>;
}
/** By family and node. */
export type Ways = Readonly<Record<Family, ReadonlyMap<Node, NodeWays>>>;

/** What paths are looked up in. */
export interface Network {
  readonly topology: Topology;
  readonly addressing: Addressing;
  readonly ways: Ways;
  readonly segmentOf: ReadonlyMap<Interface, Segment>;
  /** Addresses that nodes get by events: they are none of the graph's. */
  readonly later?: readonly { readonly node: Node; readonly address: InterfaceAddress }[];
}

const forwardingSysctls: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['net.ipv4.ip_forward', 'net.ipv4.conf.all.forwarding'],
  ipv6: ['net.ipv6.conf.all.forwarding'],
};

/** Routers do, unless the last of these sysctls says otherwise. */
export function forwards({ role, spec }: Node, family: Family): boolean {
  const said = Object.entries(spec.sysctls ?? {}).findLast(([key]) => forwardingSysctls[family].includes(key));
  return said === undefined ? role === 'router' : Number(said[1]) !== 0;
}

/** The address at which an interface meets another one: it is on a network of its own. */
export const meets = (
  through: Interface,
  to: Interface,
  family: Family,
  addressing: Addressing,
): InterfaceAddress | undefined =>
  addressing
    .get(to)
    ?.find((a) => a.family === family && addressing.get(through)?.some((own) => contains(networkOf(own), a)));

export const findWays = (topology: Topology, addressing: Addressing): Ways => ({
  ipv4: waysOf('ipv4', topology, addressing),
  ipv6: waysOf('ipv6', topology, addressing),
});

/**
 * Breadth first from every segment, outwards over the nodes that forward. Hosts with one gateway only, the most of a large
 * network, have no tables: their ways are their gateway's.
 */
function waysOf(family: Family, { nodes, segments }: Topology, addressing: Addressing): Map<Node, NodeWays> {
  const attached = new Map<Node, Segment[]>();
  const forwarders = new Map<Segment, Set<Node>>();
  for (const segment of segments) {
    const here = new Set<Node>();
    forwarders.set(segment, here);
    for (const { port } of segment.interfaces) {
      const known = attached.get(port.node);
      if (known) known.push(segment);
      else attached.set(port.node, [segment]);
      if (forwards(port.node, family)) here.add(port.node);
    }
  }
  const tables = new Map<Node, Map<Segment, Hop>>();
  const leaves: Node[] = [];
  for (const node of nodes.values()) {
    const [only, ...more] = attached.get(node) ?? [];
    const isLeaf = only && more.length === 0 && !forwards(node, family) && forwarders.get(only)?.size === 1;
    if (isLeaf) leaves.push(node);
    else tables.set(node, new Map());
  }
  /** Of each node, the segments by which others with tables are reached. */
  const onward = new Map(
    [...tables.keys()].map((node) => [
      node,
      (attached.get(node) ?? []).filter(({ interfaces }) =>
        interfaces.some(({ port }) => port.node !== node && tables.has(port.node)),
      ),
    ]),
  );
  for (const target of segments) {
    let frontier: Node[] = [];
    for (const i of target.interfaces) {
      const mine = tables.get(i.port.node);
      if (!mine || mine.has(target) || !addressing.get(i)?.some((a) => a.family === family)) continue;
      mine.set(target, { through: i, distance: 0 });
      frontier.push(i.port.node);
    }
    while (frontier.length)
      frontier = frontier
        .filter((node) => forwards(node, family))
        .flatMap((router) => spread(router, target, onward.get(router) ?? [], { family, addressing, ways: tables }));
  }
  const ways = new Map<Node, NodeWays>(tables);
  for (const node of leaves) {
    const [segment] = attached.get(node) ?? [];
    const [gateway] = (segment && forwarders.get(segment)) ?? [];
    const beyond = gateway && tables.get(gateway);
    if (segment && beyond) ways.set(node, leafWays(node, segment, { family, addressing, beyond }));
  }
  return ways;
}

/** Of a host on one segment, and of the only one there who forwards. */
function leafWays(
  node: Node,
  segment: Segment,
  {
    family,
    addressing,
    beyond,
  }: { readonly family: Family; readonly addressing: Addressing; readonly beyond: ReadonlyMap<Segment, Hop> },
): NodeWays {
  const own = segment.interfaces.find(
    (i) => i.port.node === node && addressing.get(i)?.some((a) => a.family === family),
  );
  const theirs = segment.interfaces.filter(({ port }) => port.node !== node && forwards(port.node, family));
  const [through, gateway] = segment.interfaces
    .filter(({ port }) => port.node === node)
    .flatMap((mine) => {
      const met = theirs.find((i) => meets(mine, i, family, addressing));
      return met ? [[mine, met] as const] : [];
    })[0] ?? [undefined, undefined];
  const get = (target: Segment): Hop | undefined => {
    if (target === segment) return own && { through: own, distance: 0 };
    const hop = beyond.get(target);
    return hop && through && { through, gateway, distance: hop.distance + 1 };
  };
  return {
    get,
    entries() {
      for (const target of beyond.keys()) {
        const hop = target === segment ? undefined : get(target);
        if (hop) return [[target, hop]];
      }
      return [];
    },
  };
}

/** Nodes that first hear of the target from this router. */
function spread(
  router: Node,
  target: Segment,
  segments: readonly Segment[],
  {
    family,
    addressing,
    ways,
  }: {
    readonly family: Family;
    readonly addressing: Addressing;
    /** Of those that have tables. */
    readonly ways: ReadonlyMap<Node, Map<Segment, Hop>>;
  },
): Node[] {
  const distance = (ways.get(router)?.get(target)?.distance ?? 0) + 1;
  return segments.flatMap((segment) => {
    const mine = segment.interfaces.filter((i) => i.port.node === router);
    return segment.interfaces.flatMap((through) => {
      const theirs = ways.get(through.port.node);
      const gateway = mine.find((i) => meets(through, i, family, addressing));
      if (!theirs || theirs.has(target) || !gateway) return [];
      theirs.set(target, { through, gateway, distance });
      return [through.port.node];
    });
  });
}

/** The routes of a node, beside those its own addresses make. */
export function routesOf(node: Node, ways: Ways, addressing: Addressing): PlannedRoute[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const routes = nearestOf(
      [...(ways[family].get(node)?.entries() ?? [])].map(([segment, hop]) => ({
        distance: hop.distance,
        routes: routesTo(segment, hop, family, addressing),
      })),
    );
    const own = node.ports.flatMap((port) => port.interfaces.flatMap((i) => addressing.get(i) ?? []));
    const attached = new Set(own.map((address) => formatPrefix(networkOf(address))));
    const uses = new Map<bigint, number>();
    for (const { gateway } of routes) uses.set(gateway.value, (uses.get(gateway.value) ?? 0) + 1);
    const commonest = [...uses].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [-1n, 0] as [
      bigint,
      number,
    ])[0];
    const byDefault = routes.find(({ gateway }) => gateway.value === commonest);
    if (!byDefault) return [];
    const { destination: _, ...defaultRoute } = byDefault;
    return [
      defaultRoute,
      ...routes.filter((route) => route.gateway.value !== commonest && !attached.has(networkText(route))),
    ];
  });
}

const networkText = ({ destination }: PlannedRoute): string => (destination ? formatPrefix(destination) : '');

/** Several networks may have the same addresses: the way to the nearest. */
function nearestOf(
  all: readonly { readonly distance: number; readonly routes: readonly PlannedRoute[] }[],
): PlannedRoute[] {
  const nearest = new Map<string, PlannedRoute>();
  for (const { routes } of all.toSorted((a, b) => a.distance - b.distance))
    for (const route of routes) if (!nearest.has(networkText(route))) nearest.set(networkText(route), route);
  return all.flatMap(({ routes }) => routes.filter((route) => nearest.get(networkText(route)) === route));
}

function routesTo(segment: Segment, { through, gateway }: Hop, family: Family, addressing: Addressing): PlannedRoute[] {
  const via = gateway && meets(through, gateway, family, addressing);
  if (!via) return [];
  const networks = new Map<string, InterfaceAddress>();
  for (const i of segment.interfaces) {
    for (const address of addressing.get(i) ?? [])
      if (address.family === family) networks.set(formatPrefix(networkOf(address)), networkOf(address));
  }
  return [...networks.values()].map((destination) => ({ family, destination, gateway: via, through }));
}

/** Every hop of the way from a node to an interface: who sends to whom. Undefined when there is no way. */
export function pathTo(
  from: Node,
  target: Interface,
  family: Family,
  { addressing, ways, segmentOf }: Network,
): readonly { readonly through: Interface; readonly to: Interface }[] | undefined {
  const segment = segmentOf.get(target);
  const path: { through: Interface; to: Interface }[] = [];
  for (let node = from; node !== target.port.node; ) {
    const hop = segment && ways[family].get(node)?.get(segment);
    const to = hop?.gateway ?? target;
    // Of several interfaces on the last network, the one that has the target's.
    const through = hop?.gateway
      ? hop.through
      : segment?.interfaces.find((i) => i.port.node === node && meets(i, target, family, addressing));
    if (!hop || !through) return undefined;
    path.push({ through, to });
    node = to.port.node;
  }
  return path;
}

/** The answer goes to the address the request left from: that of the way's first interface. */
export const wayBack = (target: Interface, way: ReturnType<typeof pathTo>, family: Family, network: Network) =>
  way?.[0] && pathTo(target.port.node, way[0].through, family, network);

/** Of several addresses of a node the nearest one of IPv4 that can be reached, or else of IPv6. */
export function nearestAddress(from: Node, to: Node, network: Network, only?: Family): InterfaceAddress | undefined {
  const all = to.ports.flatMap((port) =>
    port.interfaces.flatMap((i) =>
      (network.addressing.get(i) ?? [])
        .filter(({ family }) => only === undefined || family === only)
        .map((address) => ({ i, address })),
    ),
  );
  const reached = all.flatMap(({ i, address }) => {
    const path = pathTo(from, i, address.family, network);
    return path ? [{ address, hops: path.length + (address.family === 'ipv4' ? 0 : 1e6) }] : [];
  });
  return reached.toSorted((a, b) => a.hops - b.hops)[0]?.address;
}

/** The address of a node that packets to another one's address leave from. */
export function sourceFor(from: Node, to: InterfaceAddress, network: Network): InterfaceAddress | undefined {
  for (const [i, addresses] of network.addressing) {
    if (!addresses.some(({ family, value }) => family === to.family && value === to.value)) continue;
    const first = pathTo(from, i, to.family, network)?.[0]?.through;
    return first && network.addressing.get(first)?.find(({ family }) => family === to.family);
  }
  return undefined;
}
