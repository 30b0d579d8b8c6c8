/** Routes over the graph: the fewest hops from every node to every network, the commonest next hop as the default. */

import type { Addressing } from './addressing.ts';
import { type Family, formatPrefix, type InterfaceAddress, networkOf } from './prefix.ts';
import type { Interface, Node, Segment, Topology } from './topology.ts';

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

/** For each node, the way to each segment it can reach. */
export type Ways = ReadonlyMap<Node, ReadonlyMap<Segment, Hop>>;

export const forwards = (node: Node): boolean =>
  node.role === 'router' || Number(node.spec.sysctls?.['net.ipv4.ip_forward'] ?? 0) === 1;

/** Breadth first from every segment, outwards over the nodes that forward. */
export function findWays({ nodes, segments }: Topology): Ways {
  const ways = new Map([...nodes.values()].map((node) => [node, new Map<Segment, Hop>()]));
  const attached = new Map<Node, Segment[]>();
  for (const segment of segments)
    for (const { port } of segment.interfaces) attached.set(port.node, [...(attached.get(port.node) ?? []), segment]);
  for (const target of segments) {
    let frontier: Node[] = [];
    for (const i of target.interfaces) {
      const mine = ways.get(i.port.node);
      if (!mine || mine.has(target)) continue;
      mine.set(target, { through: i, distance: 0 });
      frontier.push(i.port.node);
    }
    while (frontier.length)
      frontier = frontier
        .filter(forwards)
        .flatMap((router) => spread(router, target, attached.get(router) ?? [], ways));
  }
  return ways;
}

/** Nodes that first hear of the target from this router. */
function spread(
  router: Node,
  target: Segment,
  segments: readonly Segment[],
  ways: ReadonlyMap<Node, Map<Segment, Hop>>,
): Node[] {
  const distance = (ways.get(router)?.get(target)?.distance ?? 0) + 1;
  return segments.flatMap((segment) => {
    const gateway = segment.interfaces.find((i) => i.port.node === router);
    return segment.interfaces.flatMap((through) => {
      const theirs = ways.get(through.port.node);
      if (!theirs || theirs.has(target) || !gateway) return [];
      theirs.set(target, { through, gateway, distance });
      return [through.port.node];
    });
  });
}

/** The routes of a node, beside those its own addresses make. */
export function routesOf(node: Node, ways: Ways, addressing: Addressing): PlannedRoute[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const routes = [...(ways.get(node) ?? [])].flatMap(([segment, hop]) => routesTo(segment, hop, family, addressing));
    const uses = new Map<bigint, number>();
    for (const { gateway } of routes) uses.set(gateway.value, (uses.get(gateway.value) ?? 0) + 1);
    const commonest = [...uses].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [-1n, 0] as [
      bigint,
      number,
    ])[0];
    const byDefault = routes.find(({ gateway }) => gateway.value === commonest);
    if (!byDefault) return [];
    const { destination: _, ...defaultRoute } = byDefault;
    return [defaultRoute, ...routes.filter(({ gateway }) => gateway.value !== commonest)];
  });
}

function routesTo(segment: Segment, { through, gateway }: Hop, family: Family, addressing: Addressing): PlannedRoute[] {
  const via = gateway && addressing.get(gateway)?.find((a) => a.family === family);
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
  segment: Segment,
  ways: Ways,
): readonly { readonly through: Interface; readonly to: Interface }[] | undefined {
  const path: { through: Interface; to: Interface }[] = [];
  for (let node = from; node !== target.port.node; ) {
    const hop = ways.get(node)?.get(segment);
    if (!hop) return undefined;
    const to = hop.gateway ?? target;
    path.push({ through: hop.through, to });
    node = to.port.node;
  }
  return path;
}
