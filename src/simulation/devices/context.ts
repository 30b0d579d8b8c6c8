/** What the names in a device of a host may mean, and how they are found. */

import { numberDevicesOf } from '../links/device-numbers.ts';
import type { Place } from '../plan/issue.ts';
import type { Addressing } from '../plan/routes/addressing.ts';
import { type Family, type InterfaceAddress, parsePrefix } from '../plan/routes/prefix.ts';
import type { Node, Topology } from '../plan/topology.ts';

/** What the names of a device may mean. */
export interface DeviceContext {
  readonly node: Node;
  readonly topology: Topology;
  readonly addressing: Addressing;
  /** The address by which a node is reached from this one, of a family if that matters. */
  reach(to: Node, family?: Family): InterfaceAddress | undefined;
  /** The own address that packets to this one leave from. */
  source(to: InterfaceAddress): InterfaceAddress | undefined;
}

/** ifindex of a device of the node, by name. */
export function findDevice(place: Place, name: string, { node }: DeviceContext): number | undefined {
  const numbers = numberDevicesOf(node);
  return (
    numbers.byName(name) ??
    place.fail('unknown-interface', `there is no ${name}: ${numbers.names.join(', ') || 'no interface at all'}`)
  );
}

/** An address, or the node that has it. */
export function findEnd(
  place: Place,
  text: string,
  { node: own, topology, reach }: DeviceContext,
  family?: Family,
): InterfaceAddress | undefined {
  const node = topology.nodes.get(text);
  if (node === own) return place.fail('bad-option', `the other end is another node than ${text} itself`);
  if (!node)
    return parsePrefix(text) && !text.includes('/')
      ? parsePrefix(text)
      : place.fail('unknown-node', `${JSON.stringify(text)} is neither an address nor a node`);
  const words = family === undefined ? '' : ` of ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`;
  return reach(node, family) ?? place.fail('unreachable', `there is no way${words} to ${text}`);
}

export function readPort(place: Place, port: number | undefined, otherwise: number): number {
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536))
    place.at('port').fail('bad-option', `${port} is no port: 1 to 65535`);
  return port ?? otherwise;
}
