/** Workloads with their hosts found, their addresses chosen and their numbers read. */

import { fromBase64 } from '../../bytes/base64.ts';
import { deviceAddresses } from '../devices/plan-devices.ts';
import { BadCapture } from '../replay/capture-file.ts';
import { planReplay, type Replay } from '../replay/plan-replay.ts';
import { checkSteps, type PlacedStep, placesOf } from '../run/calls/steps.ts';
import { type ExitPlan, planCommand, planExit } from './command-plan.ts';
import type { Place } from './issue.ts';
import type {
  FlowsWorkload,
  OnOffWorkload,
  PingWorkload,
  ReplayWorkload,
  RequestResponseWorkload,
  SimulationRequest,
  SimulationStep,
  TcpOptions,
  TcpWorkload,
  UdpWorkload,
  WorkloadSpec,
} from './request.ts';
import { contains, type Family, formatAddress, type InterfaceAddress, parsePrefix } from './routes/prefix.ts';
import { type Network, pathTo, sourceFor } from './routes/routing.ts';
import type { Interface, Node } from './topology.ts';
import { readDscp, readRate, readSize, readTime } from './words.ts';

/** Who talks to whom, from when on. */
export interface FlowPlan {
  readonly index: number;
  readonly name: string;
  readonly from: Node;
  readonly to: Node;
  readonly target: Interface;
  readonly address: InterfaceAddress;
  /** The address is of a device that the host makes itself, or comes by an event: the target is where its packets come in. */
  readonly isOverlay?: true;
  readonly port: number;
  readonly startNs: number;
  /** DSCP and ECN in one byte, as IP has them. */
  readonly tos?: number;
}

export interface TcpOptionsPlan {
  readonly congestion?: string;
  readonly mptcp: boolean;
  readonly nodelay: boolean;
  readonly sndbuf?: number;
  readonly rcvbuf?: number;
  /** Bytes a second. */
  readonly maxPacingRate?: number;
  readonly mss?: number;
  readonly notsentLowat?: number;
  readonly fastopen: boolean;
  /** What its connections say of ECN; "host": as the host has it, beside flows that say otherwise. */
  readonly ecn?: 'asks' | 'never' | 'host';
}

export interface TcpPlan extends FlowPlan {
  readonly type: 'tcp';
  readonly bytes?: number;
  readonly durationNs?: number;
  readonly parallel: number;
  readonly options: TcpOptionsPlan;
}
export interface UdpPlan extends FlowPlan {
  readonly type: 'udp';
  /** Time between datagrams. */
  readonly intervalNs: number;
  readonly size: number;
  readonly durationNs?: number;
  readonly count?: number;
  /** Of a group. */
  readonly group?: GroupPlan;
}
export interface GroupPlan {
  readonly ttl: number;
  /** Where the sender sends, and where each receiver joins. */
  readonly out: Interface;
  readonly receivers: readonly { readonly node: Node; readonly through: Interface }[];
}
export interface PingPlan extends FlowPlan {
  readonly type: 'ping';
  readonly count: number;
  readonly intervalNs: number;
  readonly size: number;
  readonly timeoutNs: number;
}
export interface RequestResponsePlan extends FlowPlan {
  readonly type: 'rr';
  readonly request: number;
  readonly response: number;
  readonly count?: number;
  readonly durationNs?: number;
  readonly thinkNs: number;
  readonly reconnect: boolean;
  readonly options: TcpOptionsPlan;
}
export interface OnOffPlan extends FlowPlan {
  readonly type: 'on-off';
  readonly onNs: number;
  readonly offNs: number;
  readonly exponential: boolean;
  readonly durationNs?: number;
  /** UDP when there is an interval. */
  readonly intervalNs?: number;
  readonly size: number;
  readonly options: TcpOptionsPlan;
}
export interface FlowsPlan extends FlowPlan {
  readonly type: 'flows';
  /** A size each, or how many to draw from rows of [bytes, cumulative fraction]. */
  readonly sizes: readonly number[] | { readonly rows: readonly (readonly [number, number])[]; readonly count: number };
  readonly perSecond?: number;
  readonly options: TcpOptionsPlan;
}
export interface ReplayPlan extends FlowPlan {
  readonly type: 'replay';
  readonly replay: Replay;
  /** Where what the second host sends goes. */
  readonly backTo: InterfaceAddress;
}
export interface SyscallsPlan {
  readonly type: 'syscalls';
  readonly index: number;
  readonly name: string;
  readonly on: Node;
  readonly startNs: number;
  readonly batch: readonly SimulationStep[];
  /** Where each call, and each loop, stands in the request. */
  readonly places: ReadonlyMap<PlacedStep, string>;
  readonly onError: 'stop' | 'continue';
}

export interface ExecPlan {
  readonly type: 'exec';
  readonly index: number;
  readonly name: string;
  readonly on: Node;
  readonly startNs: number;
  readonly argv: readonly string[];
  readonly stdin?: string;
  readonly background: boolean;
  readonly exit: ExitPlan;
}

/** What runs on one host, whoever it talks to. */
export type HostWorkload = SyscallsPlan | ExecPlan;
export const isOnHost = (workload: WorkloadPlan): workload is HostWorkload =>
  workload.type === 'syscalls' || workload.type === 'exec';

export type WorkloadPlan =
  | TcpPlan
  | UdpPlan
  | PingPlan
  | RequestResponsePlan
  | OnOffPlan
  | FlowsPlan
  | ReplayPlan
  | HostWorkload;

const firstPort = 5001;
const udpHeaders = { ipv4: 28, ipv6: 48 } as const;
const ethernetHeader = 14;
const smallestUdp = 16;
/** More hops than any way has, and more again. */
const behindIpv4 = 1e6;
const noWay = 1e9;

export function planWorkloads(place: Place, request: SimulationRequest, network: Network): WorkloadPlan[] {
  checkNames(place.at('workloads'), request.workloads ?? []);
  const planned = (request.workloads ?? []).flatMap(
    (spec, index) => planWorkload(place.at('workloads').at(index), spec, index, network) ?? [],
  );
  // The setting is the host's: where one flow changes it, the others that begin there are told apart.
  const choosy = new Set(planned.flatMap((flow) => ('options' in flow && flow.options.ecn ? [flow.from] : [])));
  return planned.map((flow) =>
    'options' in flow && choosy.has(flow.from) && !flow.options.ecn
      ? { ...flow, options: { ...flow.options, ecn: 'host' } }
      : flow,
  );
}

/** Events and tables call them by their names. */
function checkNames(place: Place, workloads: readonly WorkloadSpec[]): void {
  const taken = new Map<string, number>();
  for (const [i, spec] of workloads.entries()) {
    const name = spec.name ?? `${spec.type}-${i}`;
    const other = taken.get(name);
    if (other !== undefined) place.at(i).at('name').fail('duplicate', `workloads[${other}] is called ${name} too`);
    taken.set(name, i);
  }
}

/** Flows whose packets say themselves what they are able to. */
const isOfDatagrams = (spec: Exclude<WorkloadSpec, { type: 'syscalls' | 'exec' }>): boolean =>
  spec.type === 'udp' ||
  spec.type === 'ping' ||
  spec.type === 'replay' ||
  (spec.type === 'on-off' && spec.protocol === 'udp');
/** ECT(0), ECT(1) of RFC 3168. */
const codepointOf = (ecn: boolean | string | undefined): number => (ecn === 'ect1' ? 1 : ecn ? 2 : 0);

function planWorkload(place: Place, spec: WorkloadSpec, index: number, network: Network): WorkloadPlan | undefined {
  const startNs = readTime(place.at('start'), spec.start) ?? 0;
  const name = spec.name ?? `${spec.type}-${index}`;
  if (spec.type === 'syscalls') {
    const on = findNode(place.at('on'), spec.on, network);
    checkSteps(place.at('batch'), spec.batch);
    const { batch, onError = 'stop' } = spec;
    const places = new Map(placesOf(place.at('batch'), batch));
    return on && { type: 'syscalls', index, name, on, startNs, batch, places, onError };
  }
  if (spec.type === 'exec') {
    const on = findNode(place.at('on'), spec.on, network);
    const argv = planCommand(place.at('command'), spec.command);
    const exit = planExit(place.at('exit'), spec.exit);
    const { stdin, background = false } = spec;
    if (!on || !argv) return undefined;
    return { type: 'exec', index, name, on, startNs, argv, background, exit, ...(stdin !== undefined && { stdin }) };
  }
  const from = findNode(place.at('from'), spec.from, network);
  const group = spec.type === 'udp' ? planGroup(place, spec, from, network) : undefined;
  const to =
    group?.target ?? (isGroup(spec.to) ? notGroup(place, spec) : findTarget(place.at('to'), spec, from, network));
  if (!from || !to) return undefined;
  const dscp = readDscp(place.at('dscp'), spec.dscp);
  const able = isOfDatagrams(spec) ? codepointOf(spec.ecn) : 0;
  const flow: FlowPlan = {
    index,
    name,
    from,
    to: to.target.port.node,
    ...to,
    port: firstPort + index,
    startNs,
    ...((dscp !== undefined || able > 0) && { tos: ((dscp ?? 0) << 2) | able }),
  };
  switch (spec.type) {
    case 'tcp':
      return planTcp(place, spec, flow);
    case 'udp':
      return { ...planUdp(place, spec, flow), ...(group && { group: group.plan }) };
    case 'ping':
      return planPing(place, spec, flow);
    case 'rr':
      return planRequestResponse(place, spec, flow);
    case 'on-off':
      return planOnOff(place, spec, flow);
    case 'flows':
      return planFlows(place, spec, flow);
    case 'replay':
      return planReplayed(place, spec, flow, network);
  }
}

function findNode(place: Place, name: string, { topology }: Network): Node | undefined {
  const node = topology.nodes.get(name);
  if (!node) return place.fail('unknown-node', `there is no node ${JSON.stringify(name)}`);
  return node.role === 'switch' ? place.fail('bad-option', `${name} is a switch: nothing runs on it`) : node;
}

/** "b", "b:eth1" or an address. Of several addresses the nearest one of IPv4 that can be reached, or else of IPv6. */
function findTarget(
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

const groups = ['224.0.0.0/4', 'ff00::/8'].flatMap((text) => parsePrefix(text) ?? []);
const DEFAULT_TTL = 16;
const isGroup = (to: string): boolean => {
  const address = parsePrefix(to);
  return address !== undefined && groups.some((one) => contains(one, address));
};
/** What is wrong with one of datagrams has been told. */
const notGroup = (place: Place, { type, to }: { readonly type: string; readonly to: string }): undefined =>
  type === 'udp'
    ? undefined
    : place.at('to').fail('bad-option', `${to} is a group: udp alone sends to one, with receivers`);

/** A group, and who joins it: each by the interface that is on the way from the sender. */
function planGroup(
  place: Place,
  { to, receivers, ttl = DEFAULT_TTL }: UdpWorkload,
  from: Node | undefined,
  network: Network,
): { readonly target: Pick<FlowPlan, 'target' | 'address' | 'isOverlay'>; readonly plan: GroupPlan } | undefined {
  const address = parsePrefix(to);
  if (!address || !isGroup(to)) {
    if (receivers !== undefined) place.at('to').fail('bad-option', `receivers join a group: ${to} is none`);
    return undefined;
  }
  if (!receivers?.length) return place.at('receivers').fail('bad-option', 'who joins the group? One node at least');
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) place.at('ttl').fail('bad-option', `${ttl} is no ttl: 1 to 255`);
  const { family } = address;
  const joined = receivers.flatMap((name, i) => {
    const at = place.at('receivers').at(i);
    const node = findNode(at, name, network);
    if (!node || !from) return [];
    if (node === from) return at.fail('bad-option', 'the sender is no receiver') ?? [];
    const ways = node.ports
      .flatMap((port) => port.interfaces)
      .flatMap((through) => {
        const way = pathTo(from, through, family, network);
        return way?.[0] ? [{ node, through, out: way[0].through, hops: way.length }] : [];
      });
    const [nearest] = ways.toSorted((a, b) => a.hops - b.hops);
    return nearest ?? at.fail('unreachable', `there is no way from ${from.name} to ${name}`) ?? [];
  });
  const [first] = joined;
  return (
    first && {
      target: { target: first.through, address, isOverlay: true },
      plan: { ttl, out: first.out, receivers: joined.map(({ node, through }) => ({ node, through })) },
    }
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

/** TCP_MIN_MSS, MAX_TCP_WINDOW: Linux takes no other. */
function readMss(place: Place, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 88 && value <= 32_767)) return value;
  return place.fail('bad-option', `${value} is no segment size: 88 to 32767 bytes`);
}

function readCount(place: Place, value: number | undefined, most: number): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= most)) return value;
  return place.fail('bad-option', `${value} is no number from 1 to ${most}`);
}

/** Only the members that have a value. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Linux doubles it, in a C int. */
const largestBuffer = 2 ** 30 - 1;
/** ~0U */
const noPacing = 2 ** 32 - 1;

function readBuffer(place: Place, text: string | undefined): number | undefined {
  const bytes = readSize(place, text);
  if (bytes === undefined || bytes <= largestBuffer) return bytes;
  return place.fail('bad-option', `${text} is more than a socket holds: less than 1gb`);
}

function planEcn(place: Place, { ecn, mptcp }: TcpOptions & Pick<TcpWorkload, 'ecn'>): 'asks' | 'never' | undefined {
  if (ecn === undefined) return undefined;
  if (ecn === 'ect1') place.fail('bad-option', 'TCP of Linux 6.12 sends ECT(0): true or false');
  if (mptcp)
    place.fail('bad-option', 'subflows are opened by the kernel: say it of their hosts, "net.ipv4.tcp_ecn" in sysctls');
  return ecn ? 'asks' : 'never';
}

/** The SYN leaves with the first bytes: later than the setting of the host is as `ecn` wants it. */
function planFastOpen(place: Place, { fastopen = false, mptcp, ecn }: TcpOptions & Pick<TcpWorkload, 'ecn'>): boolean {
  if (fastopen && mptcp) place.fail('bad-option', 'with mptcp there is none here');
  if (fastopen && ecn !== undefined)
    place.fail('bad-option', 'with ecn of the flow there is none: say "net.ipv4.tcp_ecn" in the sysctls of its host');
  return fastopen;
}

function planTcpOptions(place: Place, spec: TcpOptions & Pick<TcpWorkload, 'ecn'>): TcpOptionsPlan {
  const pacing = readRate(place.at('maxPacingRate'), spec.maxPacingRate);
  return {
    mptcp: spec.mptcp ?? false,
    nodelay: spec.nodelay ?? false,
    fastopen: planFastOpen(place.at('fastopen'), spec),
    ...given({
      congestion: spec.congestion,
      sndbuf: readBuffer(place.at('sndbuf'), spec.sndbuf),
      rcvbuf: readBuffer(place.at('rcvbuf'), spec.rcvbuf),
      maxPacingRate: pacing === undefined ? undefined : Math.min(Math.floor(pacing / 8), noPacing),
      mss: readMss(place.at('mss'), spec.mss),
      notsentLowat: readBuffer(place.at('notsentLowat'), spec.notsentLowat),
      ecn: planEcn(place.at('ecn'), spec),
    }),
  };
}

function planTcp(place: Place, spec: TcpWorkload, flow: FlowPlan): TcpPlan {
  const bytes = readSize(place.at('bytes'), spec.bytes);
  const durationNs = readTime(place.at('duration'), spec.duration);
  if (bytes !== undefined && durationNs !== undefined) place.fail('bad-option', 'a transfer has bytes or a duration');
  if (bytes === 0) place.at('bytes').fail('bad-option', 'a transfer of no bytes');
  const parallel = readCount(place.at('parallel'), spec.parallel, 128) ?? 1;
  return { type: 'tcp', ...flow, ...given({ bytes, durationNs }), parallel, options: planTcpOptions(place, spec) };
}

/** Virtual time that one datagram takes its program at least: measured, for any size and any number of programs. */
const LEAST_SEND_NS = 1220;

/** A rate counts frames as the link does: with Ethernet, IP and UDP headers. */
function udpInterval(place: Place, rate: string | undefined, size: number, flow: FlowPlan): number {
  const bits = readRate(place.at('rate'), rate);
  if (bits === undefined) return 1e9;
  const frameBits = (size + udpHeaders[flow.address.family] + ethernetHeader) * 8;
  const intervalNs = Math.round((frameBits / bits) * 1e9);
  if (intervalNs >= 1 && intervalNs < LEAST_SEND_NS)
    place
      .at('rate')
      .warn(
        `a program sends a datagram every ${LEAST_SEND_NS / 1000} µs at most: of ${size} bytes these are ${Math.round((frameBits * 1e3) / LEAST_SEND_NS)} Mbit/s. Larger datagrams or several workloads send more`,
      );
  if (bits > 0 && intervalNs >= 1) return intervalNs;
  place.at('rate').fail('impossible-rate', `${rate} is no rate to send at`);
  return 1e9;
}

function udpSize(place: Place, text: string | undefined): number {
  const size = readSize(place.at('size'), text) ?? 1448;
  if (size < smallestUdp || size > 65_000)
    place.at('size').fail('bad-option', `a datagram has ${smallestUdp} to 65000 bytes: it carries a number and a time`);
  return size;
}

function planUdp(place: Place, spec: UdpWorkload, flow: FlowPlan): UdpPlan {
  const size = udpSize(place, spec.size);
  const durationNs = readTime(place.at('duration'), spec.duration);
  const count = readCount(place.at('count'), spec.count, 1e9);
  return {
    type: 'udp',
    ...flow,
    size,
    intervalNs: udpInterval(place, spec.rate, size, flow),
    ...given({ durationNs, count }),
  };
}

function planPing(place: Place, spec: PingWorkload, flow: FlowPlan): PingPlan {
  const size = readSize(place.at('size'), spec.size) ?? 56;
  if (size > 60_000) place.at('size').fail('bad-option', 'a ping has 60000 bytes at most');
  return {
    type: 'ping',
    ...flow,
    size,
    count: readCount(place.at('count'), spec.count, 1e6) ?? 5,
    intervalNs: readTime(place.at('interval'), spec.interval) ?? 1e9,
    timeoutNs: readTime(place.at('timeout'), spec.timeout) ?? 10e9,
  };
}

function planRequestResponse(place: Place, spec: RequestResponseWorkload, flow: FlowPlan): RequestResponsePlan {
  const size = (key: 'request' | 'response') => {
    const bytes = readSize(place.at(key), spec[key]) ?? 1;
    if (bytes < 1) place.at(key).fail('bad-option', `a ${key} has a byte at least`);
    return bytes;
  };
  return {
    type: 'rr',
    ...flow,
    request: size('request'),
    response: size('response'),
    ...given({
      count: readCount(place.at('count'), spec.count, 1e9),
      durationNs: readTime(place.at('duration'), spec.duration),
    }),
    thinkNs: readTime(place.at('think'), spec.think) ?? 0,
    reconnect: spec.reconnect ?? false,
    options: planTcpOptions(place, spec),
  };
}

/** Shorter ones would be too many for any deadline. */
const leastBurstNs = 1000;

/** What the second host sends goes to the address that the first one's packets leave from. */
function planReplayed(
  place: Place,
  { pcap, client, speed = 1 }: ReplayWorkload,
  flow: FlowPlan,
  network: Network,
): ReplayPlan | undefined {
  const { from, to, address } = flow;
  if (from === to) return place.at('to').fail('bad-option', 'a replay is between two nodes');
  const backTo = sourceFor(from, address, network);
  if (!backTo) return place.at('to').fail('unreachable', `there is no way from ${from.name} to ${to.name}`);
  if (!(speed > 0 && speed <= 1e6))
    return place.at('speed').fail('bad-option', `${speed} is no speed: more than 0, 1e6 at most`);
  const own = client === undefined ? undefined : parsePrefix(client);
  if (client !== undefined && !own) return place.at('client').fail('bad-address', `${client} is no address`);
  const mtu = Math.min(...[...from.ports, ...to.ports].map((port) => port.mtu));
  const file = fromBase64(pcap);
  if (!file) return place.at('pcap').fail('bad-option', 'it is no base64');
  try {
    return { type: 'replay', ...flow, backTo, replay: planReplay(file, own && formatAddress(own), speed, mtu) };
  } catch (cause) {
    if (!(cause instanceof BadCapture)) throw cause;
    return place.at('pcap').fail('bad-option', cause.message);
  }
}

function planOnOff(place: Place, spec: OnOffWorkload, flow: FlowPlan): OnOffPlan {
  const isUdp = (spec.protocol ?? 'tcp') === 'udp';
  if (isUdp && spec.rate === undefined) place.fail('bad-option', 'UDP needs a rate');
  if (!isUdp && spec.rate !== undefined) place.at('rate').fail('bad-option', 'TCP finds its own rate');
  const size = udpSize(place, spec.size);
  const onNs = readTime(place.at('on'), spec.on) ?? 1e9;
  if (onNs < leastBurstNs) place.at('on').fail('bad-option', 'a burst lasts 1us at least');
  return {
    type: 'on-off',
    ...flow,
    onNs,
    offNs: readTime(place.at('off'), spec.off) ?? 1e9,
    exponential: spec.distribution === 'exponential',
    size,
    ...(isUdp && { intervalNs: udpInterval(place, spec.rate, size, flow) }),
    ...given({ durationNs: readTime(place.at('duration'), spec.duration) }),
    // Of datagrams it is what they say themselves (isOfDatagrams).
    options: planTcpOptions(place, isUdp ? withoutEcn(spec) : spec),
  };
}

function withoutEcn({ ecn: _, ...spec }: OnOffWorkload): OnOffWorkload {
  return spec;
}

const mostFlows = 100_000;

function planFlows(place: Place, spec: FlowsWorkload, flow: FlowPlan): FlowsPlan {
  const at = place.at('sizes');
  const isDistribution = spec.sizes.some((row) => typeof row === 'object');
  if (spec.sizes.length === 0 || spec.sizes.length > mostFlows)
    at.fail('bad-option', `a list of 1 to ${mostFlows} sizes`);
  if (spec.perSecond !== undefined && !(spec.perSecond > 0))
    place.at('perSecond').fail('impossible-rate', `${spec.perSecond} flows a second`);
  const common = {
    type: 'flows',
    ...flow,
    ...given({ perSecond: spec.perSecond }),
    options: planTcpOptions(place, spec),
  } as const;
  if (!isDistribution) {
    if (spec.count !== undefined) place.at('count').fail('bad-option', 'a list of sizes has a flow each');
    return {
      ...common,
      sizes: (spec.sizes as readonly string[]).map((text, i) => Math.max(1, readSize(at.at(i), text) ?? 1)),
    };
  }
  const rows = (spec.sizes as readonly (readonly [number, number])[]).map(
    ([bytes, percent]) => [bytes, percent / 100] as const,
  );
  const rises = rows.every(
    ([bytes, share], i) => bytes >= Math.max(1, rows[i - 1]?.[0] ?? 1) && share >= (rows[i - 1]?.[1] ?? 0),
  );
  if (!rises || rows.at(-1)?.[1] !== 1)
    at.fail('bad-option', 'rows of [bytes, cumulative percent], both rising, the last at 100');
  return { ...common, sizes: { rows, count: readCount(place.at('count'), spec.count, mostFlows) ?? 100 } };
}
