/** What the request sets on hosts beside what follows from the graph: routes, neighbours, queueing, offloads. */

import { parseMac } from '../../abi/netlink/inet.ts';
import type { QdiscOptions } from '../../abi/netlink/qdisc-options.ts';
import { Firewall, type Transaction } from '../firewall/ruleset.ts';
import { deviceIndex } from '../links/device-numbers.ts';
import { planQueue } from '../links/queue.ts';
import type { Addressing } from './addressing.ts';
import type { Place } from './issue.ts';
import { contains, type Family, type InterfaceAddress, networkOf, parsePrefix } from './prefix.ts';
import type { NeighbourSpec, Offload, RouteSpec } from './request.ts';
import type { Interface, Node, Topology } from './topology.ts';

/** Route of the request, its names found. */
export interface HostRoute {
  readonly place: Place;
  readonly family: Family;
  readonly destination?: InterfaceAddress;
  readonly gateway?: InterfaceAddress;
  readonly through?: Interface;
  readonly metric?: number;
  readonly type?: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit';
  readonly mtu?: number;
  readonly initcwnd?: number;
}

export interface HostNeighbour {
  readonly place: Place;
  readonly address: InterfaceAddress;
  readonly mac: Uint8Array;
  readonly through: Interface;
}

export interface HostPlan {
  readonly routes: readonly HostRoute[];
  readonly neighbours: readonly HostNeighbour[];
  readonly qdiscs: ReadonlyMap<Interface, QdiscOptions>;
  /** Rules of nftables. */
  readonly firewall: readonly Transaction[];
  readonly offloads: ReadonlyMap<Interface, Readonly<Partial<Record<Offload, boolean>>>>;
}

/** As many packets as a device's queue has by default (txqueuelen 1000), in bytes. */
const defaultQueueBytes = 1000 * 1518;
const offloads: readonly Offload[] = ['rx', 'tx', 'sg', 'tso', 'gso', 'gro'];

export function planHost(node: Node, topology: Topology, addressing: Addressing): HostPlan {
  const interfaces = node.ports.flatMap((port) => port.interfaces);
  const { routes, neighbours } = node.spec;
  const given = routes === undefined || routes === 'none' ? [] : routes;
  const context = { interfaces, topology, addressing };
  return {
    routes: given.flatMap((route, i) => planRoute(node.place.at('routes').at(i), route, context) ?? []),
    neighbours: (neighbours ?? []).flatMap(
      (neighbour, i) => planNeighbour(node.place.at('neighbours').at(i), neighbour, context) ?? [],
    ),
    qdiscs: new Map(interfaces.flatMap((i) => withQdisc(i))),
    offloads: new Map(interfaces.flatMap((i) => withOffload(i))),
    firewall: new Firewall({ deviceIndex: (name) => deviceIndex(node, name) }).read(
      node.place.at('nftables'),
      node.spec.nftables ?? [],
    ),
  };
}

function withQdisc(i: Interface): [Interface, QdiscOptions][] {
  if (i.spec.qdisc === undefined) return [];
  const options = planQueue(i.place.at('qdisc'), i.spec.qdisc, { on: 'host', limitBytes: defaultQueueBytes });
  return options ? [[i, options]] : [];
}

function withOffload(i: Interface): [Interface, Readonly<Partial<Record<Offload, boolean>>>][] {
  if (i.spec.offload === undefined) return [];
  for (const name of Object.keys(i.spec.offload))
    if (!offloads.some((known) => known === name))
      i.place
        .at('offload')
        .at(name)
        .fail('bad-option', `no offload ${name}; there are ${offloads.join(', ')}`);
  return [[i, i.spec.offload]];
}

/** What the names in a route or a neighbour may mean. */
export interface Context {
  readonly interfaces: readonly Interface[];
  readonly topology: Topology;
  readonly addressing: Addressing;
}

/** A route of the request, its names found. */
export function planRoute(place: Place, spec: RouteSpec, context: Context): HostRoute | undefined {
  const destination = spec.to === 'default' ? undefined : parsePrefix(spec.to);
  if (spec.to !== 'default' && !destination)
    return place.at('to').fail('bad-address', `${JSON.stringify(spec.to)} is neither "default" nor a network`);
  const through = spec.dev === undefined ? undefined : findDevice(place.at('dev'), spec.dev, context);
  const gateway =
    spec.via === undefined ? undefined : findGateway(place.at('via'), spec.via, destination?.family, context);
  const needsWay = (spec.type ?? 'unicast') === 'unicast';
  if (needsWay && spec.via === undefined && spec.dev === undefined)
    return place.fail('bad-option', 'a route goes via a gateway or out of a dev');
  const { to: _, via: __, dev: ___, ...rest } = spec;
  return {
    ...rest,
    place,
    family: destination?.family ?? gateway?.family ?? 'ipv4',
    ...(destination && { destination: networkOf(destination) }),
    ...(gateway && { gateway }),
    ...(through && { through }),
  };
}

function findDevice(place: Place, name: string, { interfaces }: Context): Interface | undefined {
  return (
    interfaces.find((i) => i.name === name) ??
    place.fail(
      'unknown-interface',
      `there is no ${name}: ${interfaces.map((i) => i.name).join(', ') || 'no interface at all'}`,
    )
  );
}

/** An address, or a node that shares a network with this one: its address there. */
function findGateway(
  place: Place,
  via: string,
  family: Family | undefined,
  { interfaces, topology, addressing }: Context,
): InterfaceAddress | undefined {
  const address = parsePrefix(via);
  if (address) return address;
  const node = topology.nodes.get(via);
  if (!node) return place.fail('unknown-node', `${JSON.stringify(via)} is neither an address nor a node`);
  const mine = interfaces.flatMap((i) => addressing.get(i) ?? []);
  const theirs = node.ports.flatMap((port) => port.interfaces.flatMap((i) => addressing.get(i) ?? []));
  const shared = theirs.find((a) => a.family === (family ?? 'ipv4') && mine.some((own) => contains(networkOf(own), a)));
  return shared ?? place.fail('unreachable', `${via} shares no network with this host`);
}

function planNeighbour(place: Place, spec: NeighbourSpec, context: Context): HostNeighbour | undefined {
  const address = parsePrefix(spec.address);
  const mac = parseMac(spec.mac);
  if (!address) place.at('address').fail('bad-address', `${JSON.stringify(spec.address)} is no address`);
  if (!mac) place.at('mac').fail('bad-address', `${JSON.stringify(spec.mac)} is no Ethernet address`);
  const onNetwork = context.interfaces.find(
    (i) => address && context.addressing.get(i)?.some((own) => contains(networkOf(own), address)),
  );
  const through =
    spec.dev === undefined ? (onNetwork ?? context.interfaces[0]) : findDevice(place.at('dev'), spec.dev, context);
  return address && mac && through ? { place, address, mac, through } : undefined;
}
