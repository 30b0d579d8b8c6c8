/** Ways that the graph of routes does not know: over hosts that join their cables and tunnels by bridges of their own. */

import type { Link, Node, Port } from '../topology.ts';
import { fewestLinks } from './path.ts';
import { contains, type InterfaceAddress, networkOf } from './prefix.ts';
import type { Network } from './routing.ts';

const bridges = ({ spec }: Node): boolean => Object.values(spec.devices ?? {}).some(({ kind }) => kind === 'bridge');

const nodesOf = (links: readonly Link[]): readonly Node[] =>
  links.flatMap(({ ports }) => ports.map(({ node }) => node));

/** An address on a network of the node's own, and such a host on the links between. */
export function isBridged(
  from: Node,
  to: { readonly port: Port; readonly address: InterfaceAddress },
  network: Network,
): boolean {
  const own = from.ports.flatMap(({ interfaces }) => interfaces).flatMap((i) => network.addressing.get(i) ?? []);
  const isNear = own.some((one) => one.family === to.address.family && contains(networkOf(one), to.address));
  return isNear && nodesOf(fewestLinks(from, to.port, network.topology.links)).some(bridges);
}
