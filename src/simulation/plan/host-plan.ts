/** What the request sets on hosts beside what follows from the graph: routes, neighbours, queueing, offloads. */

import { parseMac } from '../../abi/netlink/inet.ts';
import type { QdiscOptions } from '../../abi/netlink/tc/qdisc-options.ts';
import { Firewall, type Transaction } from '../firewall/ruleset.ts';
import { numberDevicesOf } from '../links/device-numbers.ts';
import { planQueue } from '../links/tc/queue.ts';
import type { Place } from './issue.ts';
import type { MulticastRouteSpec, NeighbourSpec, Offload, RouteSpec } from './request.ts';
import type { Addressing } from './routes/addressing.ts';
import { type HostRule, PolicyTables } from './routes/policy-tables.ts';
import { contains, type Family, type InterfaceAddress, networkOf, parsePrefix, toBytes } from './routes/prefix.ts';
import type { Interface, Node, Topology } from './topology.ts';

/** Route of the request, its names found. */
export interface HostRoute {
  readonly place: Place;
  readonly family: Family;
  readonly destination?: InterfaceAddress;
  readonly gateway?: InterfaceAddress;
  /** ifindex. */
  readonly device?: number;
  readonly nexthops?: readonly {
    readonly gateway?: InterfaceAddress;
    readonly device?: number;
    readonly weight: number;
  }[];
  readonly table?: number;
  readonly metric?: number;
  readonly type?: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit';
  readonly mtu?: number;
  readonly initcwnd?: number;
}

/** Datagrams from a source to a group that come in by one device go out by others. */
export interface MulticastRoutePlan {
  readonly place: Place;
  readonly source: Uint8Array;
  readonly group: Uint8Array;
  /** ifindexes. */
  readonly from: number;
  readonly to: readonly number[];
}

export interface HostNeighbour {
  readonly place: Place;
  readonly address: InterfaceAddress;
  readonly mac: Uint8Array;
  /** ifindex. */
  readonly device: number;
}

export interface HostPlan {
  readonly routes: readonly HostRoute[];
  /** Which packets go by which table. */
  readonly rules: readonly HostRule[];
  readonly neighbours: readonly HostNeighbour[];
  readonly qdiscs: ReadonlyMap<Interface, QdiscOptions>;
  readonly multicast: readonly MulticastRoutePlan[];
  /** Rules of nftables. */
  readonly firewall: readonly Transaction[];
  readonly offloads: ReadonlyMap<Interface, Readonly<Partial<Record<Offload, boolean>>>>;
}

/** As many packets as a device's queue has by default (txqueuelen 1000), in bytes. */
const ethernetHeader = 14;
const defaultQueueBytes = 1000 * 1518;
const offloads: readonly Offload[] = ['rx', 'tx', 'sg', 'tso', 'gso', 'gro'];

export function planHost(node: Node, topology: Topology, addressing: Addressing): HostPlan {
  const interfaces = node.ports.flatMap((port) => port.interfaces);
  const { neighbours } = node.spec;
  const given = node.spec.routes === undefined || node.spec.routes === 'none' ? [] : node.spec.routes;
  const context = { node, topology, addressing };
  const tables = new PolicyTables();
  const routes = given.flatMap((route, i) => planRoute(node.place.at('routes').at(i), route, context, tables) ?? []);
  return {
    routes,
    rules: tables.rules,
    neighbours: (neighbours ?? []).flatMap(
      (neighbour, i) => planNeighbour(node.place.at('neighbours').at(i), neighbour, context) ?? [],
    ),
    multicast: (node.spec.multicast ?? []).flatMap(
      (route, i) => planMulticast(node.place.at('multicast').at(i), route, context) ?? [],
    ),
    qdiscs: new Map(interfaces.flatMap((i) => withQdisc(i))),
    offloads: new Map(interfaces.flatMap((i) => withOffload(i))),
    firewall: new Firewall({ deviceIndex: (name) => numberDevicesOf(node).byName(name) }).read(
      node.place.at('nftables'),
      node.spec.nftables ?? [],
    ),
  };
}

function withQdisc(i: Interface): [Interface, QdiscOptions][] {
  if (i.spec.qdisc === undefined) return [];
  const options = planQueue(i.place.at('qdisc'), i.spec.qdisc, {
    on: 'host',
    limitBytes: defaultQueueBytes,
    frameBytes: i.port.mtu + ethernetHeader,
  });
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
  readonly node: Node;
  readonly topology: Topology;
  readonly addressing: Addressing;
}

/** A route of the request, its names found. */
export function planRoute(
  place: Place,
  spec: RouteSpec,
  context: Context,
  tables = new PolicyTables(),
): HostRoute | undefined {
  const destination = spec.to === 'default' ? undefined : parsePrefix(spec.to);
  if (spec.to !== 'default' && !destination)
    return place.at('to').fail('bad-address', `${JSON.stringify(spec.to)} is neither "default" nor a network`);
  const wanted = destination?.family ?? fromFamily(spec);
  const device = spec.dev === undefined ? undefined : findDevice(place.at('dev'), spec.dev, context);
  const gateway = spec.via === undefined ? undefined : findGateway(place.at('via'), spec.via, wanted, context);
  const nexthops = planNexthops(place, spec, wanted, context);
  const needsWay = (spec.type ?? 'unicast') === 'unicast';
  if (needsWay && spec.via === undefined && spec.dev === undefined && !spec.nexthops)
    return place.fail('bad-option', 'a route goes via a gateway, out of a dev, or by nexthops');
  const family = wanted ?? gateway?.family ?? nexthops?.find((hop) => hop.gateway)?.gateway?.family ?? 'ipv4';
  const table = tables.tableOf(place, spec, family);
  const { to: _, via: __, dev: ___, nexthops: ____, from: _____, fwmark: ______, iif: _______, ...rest } = spec;
  return {
    ...rest,
    place,
    family,
    ...(destination && { destination: networkOf(destination) }),
    ...(gateway && { gateway }),
    ...(device !== undefined && { device }),
    ...(nexthops && { nexthops }),
    ...(table !== undefined && { table }),
  };
}

const fromFamily = ({ from }: RouteSpec): Family | undefined =>
  from === undefined ? undefined : parsePrefix(from)?.family;

function planNexthops(
  place: Place,
  { nexthops, via, dev }: RouteSpec,
  family: Family | undefined,
  context: Context,
): HostRoute['nexthops'] {
  if (!nexthops) return undefined;
  if (via !== undefined || dev !== undefined)
    place.at('nexthops').fail('bad-option', 'a route has nexthops, or a via and a dev of its own');
  if (nexthops.length === 0) place.at('nexthops').fail('bad-option', 'one at least');
  return nexthops.map((hop, i) => {
    const at = place.at('nexthops').at(i);
    const weight = hop.weight ?? 1;
    if (!Number.isInteger(weight) || weight < 1 || weight > 256)
      at.at('weight').fail('bad-option', `${weight} is no weight: 1 to 256`);
    if (hop.via === undefined && hop.dev === undefined) at.fail('bad-option', 'via a gateway or out of a dev');
    const gateway = hop.via === undefined ? undefined : findGateway(at.at('via'), hop.via, family, context);
    const device = hop.dev === undefined ? undefined : findDevice(at.at('dev'), hop.dev, context);
    return { weight, ...(gateway && { gateway }), ...(device !== undefined && { device }) };
  });
}

/** ifindex of a device of the node. */
function findDevice(place: Place, name: string, { node }: Context): number | undefined {
  const { byName, names } = numberDevicesOf(node);
  return (
    byName(name) ?? place.fail('unknown-interface', `there is no ${name}: ${names.join(', ') || 'no interface at all'}`)
  );
}

/** An address, or a node that shares a network with this one: its address there. */
function findGateway(
  place: Place,
  via: string,
  family: Family | undefined,
  { node: own, topology, addressing }: Context,
): InterfaceAddress | undefined {
  const address = parsePrefix(via);
  if (address) return address;
  const node = topology.nodes.get(via);
  if (!node) return place.fail('unknown-node', `${JSON.stringify(via)} is neither an address nor a node`);
  const mine = own.ports.flatMap((port) => port.interfaces.flatMap((i) => addressing.get(i) ?? []));
  const theirs = node.ports.flatMap((port) => port.interfaces.flatMap((i) => addressing.get(i) ?? []));
  const shared = theirs.find((a) => a.family === (family ?? 'ipv4') && mine.some((own) => contains(networkOf(own), a)));
  return shared ?? place.fail('unreachable', `${via} shares no network with this host`);
}

function planMulticast(place: Place, spec: MulticastRouteSpec, context: Context): MulticastRoutePlan | undefined {
  const group = parsePrefix(spec.group);
  if (group?.family !== 'ipv4' || !contains(GROUPS, group))
    return place.at('group').fail('bad-address', `${JSON.stringify(spec.group)} is no IPv4 group: 224.0.0.0/4`);
  const source = findSource(place.at('from'), spec.from, context);
  const from = findDevice(place.at('in'), spec.in, context);
  const to = spec.out.map((name, i) => findDevice(place.at('out').at(i), name, context));
  if (to.length === 0) place.at('out').fail('bad-option', 'one interface at least');
  if (!source || from === undefined || to.includes(undefined)) return undefined;
  return { place, source: toBytes(source), group: toBytes(group), from, to: to.flatMap((one) => one ?? []) };
}

const GROUPS: InterfaceAddress = { family: 'ipv4', value: 224n << 24n, prefixLength: 4 };

/** An address, or a node: its first one. */
function findSource(place: Place, text: string, { topology, addressing }: Context): InterfaceAddress | undefined {
  const address = text.includes('/') ? undefined : parsePrefix(text);
  const node = topology.nodes.get(text);
  const own = node?.ports.flatMap((port) => port.interfaces.flatMap((i) => addressing.get(i) ?? []));
  const found = address ?? own?.find(({ family }) => family === 'ipv4');
  return found?.family === 'ipv4'
    ? found
    : place.fail('unknown-node', `${JSON.stringify(text)} is neither an IPv4 address nor a node with one`);
}

function planNeighbour(place: Place, spec: NeighbourSpec, context: Context): HostNeighbour | undefined {
  const address = parsePrefix(spec.address);
  const mac = parseMac(spec.mac);
  if (!address) place.at('address').fail('bad-address', `${JSON.stringify(spec.address)} is no address`);
  if (!mac) place.at('mac').fail('bad-address', `${JSON.stringify(spec.mac)} is no Ethernet address`);
  const interfaces = context.node.ports.flatMap((port) => port.interfaces);
  const onNetwork = interfaces.find(
    (i) => address && context.addressing.get(i)?.some((own) => contains(networkOf(own), address)),
  );
  const name = spec.dev ?? (onNetwork ?? interfaces[0])?.name;
  const device = name === undefined ? undefined : findDevice(place.at('dev'), name, context);
  return address && mac && device !== undefined ? { place, address, mac, device } : undefined;
}
