/** Whom a workload talks to: a node, one of its interfaces, an address. */

import { deviceAddresses } from '../../devices/plan-devices.ts';
import type { Place } from '../issue.ts';
import { type Family, formatAddress, type InterfaceAddress, parsePrefix } from '../routes/prefix.ts';
import { type Network, pathTo } from '../routes/routing.ts';
import type { Node } from '../topology.ts';
import type { FlowPlan } from './plans.ts';

/** More hops than any way has, and more again. */
const behindIpv4 = 1e6;

const noWay = 1e9;

export function findNode(place: Place, name: string, { topology }: Network): Node | undefined {
  const node = topology.nodes.get(name);
  if (!node) return place.fail('unknown-node', `there is no node ${JSON.stringify(name)}`);
  return node.role === 'switch' ? place.fail('bad-option', `${name} is a switch: nothing runs on it`) : node;
}

/** "b", "b:eth1" or an address. Of several addresses the nearest one of IPv4 that can be reached, or else of IPv6. */
export function findTarget(
  place: Place,
  { to, family }: { readonly to: string; readonly family?: Family },
  from: Node | undefined,
  network: Network,
): Pick<FlowPlan, 'target' | 'address' | 'isOverlay'> | undefined {
  const all = [...network.addressing].flatMap(([target, addresses]) =>
    addresses.map((address) => ({ target, address })),
  );
  const [exact, ...others] = all.filter(({ address }) => formatAddress(address) === to);
  if (others.some(({ target }) => target.port.node !== exact?.target.port.node))
    return place.fail('bad-option', `several nodes have the address ${to}: name the one that is meant`);
  const overlay = exact ?? findOverlay(to, family, from, network);
  if (overlay) return overlay;
  const [name = '', device] = to.split(':');
  if (parsePrefix(to) !== undefined) return place.fail('unknown-node', `no node has the address ${to}`);
  const node = findNode(place, name, network);
  if (!node) return undefined;
  const candidates = all.filter(
    ({ target, address }) =>
      target.port.node === node &&
      (device === undefined || target.name === device) &&
      (family === undefined || address.family === family),
  );
  const distance = ({ target, address }: (typeof candidates)[number]): number => {
    const hops = from && pathTo(from, target, address.family, network)?.length;
    return (hops ?? noWay) + (address.family === 'ipv4' ? 0 : behindIpv4);
  };
  const [nearest] = candidates.toSorted((a, b) => distance(a) - distance(b));
  return (
    nearest ??
    place.fail(
      'unknown-interface',
      node.ports.length === 0
        ? `${name} has no link, and so no address`
        : `${to} has no ${family ?? 'IP'} address${device === undefined ? '' : ` at ${device}`}`,
    )
  );
}

/** The address of a device that its host makes: "192.168.9.2" or "b:wg0". */
function findOverlay(
  to: string,
  family: Family | undefined,
  from: Node | undefined,
  network: Network,
): Pick<FlowPlan, 'target' | 'address' | 'isOverlay'> | undefined {
  const [name = '', device] = to.split(':');
  const comeIn = (node: Node, address: InterfaceAddress) => {
    const interfaces = node.ports.flatMap((port) => port.interfaces);
    const target =
      interfaces.find((i) => from && (['ipv4', 'ipv6'] as const).some((one) => pathTo(from, i, one, network))) ??
      interfaces[0];
    return target && ({ target, address, isOverlay: true } as const);
  };
  for (const node of network.topology.nodes.values())
    for (const { name: own, address } of deviceAddresses(node)) {
      const isNamed = node.name === name && device === own && (family === undefined || address.family === family);
      if (isNamed || formatAddress(address) === to) return comeIn(node, address);
    }
  const later = network.later?.find(({ address }) => formatAddress(address) === to);
  return later && comeIn(later.node, later.address);
}
