/** Builds a plan in one kernel: a namespace a node, one for all wires, and what ip(8) and tc(8) would set in each. */

import {
  newAddress,
  newFdbEntry,
  newNeighbour,
  newRoute,
  newRule,
  type RouteSpec as RouteMessage,
} from '../../abi/netlink/address.ts';
import { AF, TC_H } from '../../abi/netlink/constants.ts';
import {
  addBridgeVlan,
  deleteBridgeVlan,
  type LinkAttributes,
  newLink,
  setLink,
} from '../../abi/netlink/links/link.ts';
import type { NetlinkRequest } from '../../abi/netlink/message.ts';
import { handle, newClass, newFlower, newMatchall, newQdisc } from '../../abi/netlink/tc/tc.ts';
import { CLONE } from '../../abi/uapi/socket.ts';
import { must } from '../../kernel/kernel-error.ts';
import { setOffload } from '../../kernel/syscalls/ethtool.ts';
import { setns, socketNetns, unshare } from '../../kernel/syscalls/namespace.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import { deviceOf, setSysctl } from '../../kernel/syscalls/sysctl.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { addressDevices, makeDevices, setUpKeys } from '../devices/set-up.ts';
import { installRules } from '../firewall/install.ts';
import type { Transaction } from '../firewall/ruleset.ts';
import type { HostPlan, HostRoute, MulticastRoutePlan } from '../plan/host-plan.ts';
import type { Place } from '../plan/issue.ts';
import type { Plan } from '../plan/plan.ts';
import type { Offload } from '../plan/request.ts';
import { toBytes } from '../plan/routes/prefix.ts';
import { addressPlace, type Interface, isVlanAware, type Link, type Node, type Port } from '../plan/topology.ts';
import { parseTime } from '../plan/units.ts';
import { isOnHost } from '../plan/workloads/plans.ts';
import { type AskedMessage, asked, askedAt, sendAsked } from '../run/refused.ts';
import { commonOf, isCommon } from './common-sysctls.ts';
import { numberDevicesOf } from './device-numbers.ts';
import { type AskedSysctl, lookInFirst } from './first-namespace.ts';
import { ownSysctls, sharedSysctls, trackingSysctls } from './host-tables.ts';
import { routeMulticast } from './multicast-routes.ts';
import { DEVICE_QUEUES, needsSeveralQueues } from './tc/queue.ts';
import type { TcStep } from './tc/step.ts';
import { stepsOf } from './traces/gate.ts';

/** A network namespace the director holds open. */
export interface Netns {
  /** Namespace file, in the director's descriptor table. */
  readonly fd: number;
  readonly rtnl: NetlinkSocket;
}

/** What was built, and the numbers the kernel knows it by. */
export interface Network {
  /** The task that built it and owns its descriptors. */
  readonly director: UserTask;
  /** The namespace in which links are joined and shaped, out of every host's sight. */
  readonly wires: Netns;
  readonly nodes: ReadonlyMap<Node, Netns>;
  readonly devices: Devices;
}

/** ifindexes, chosen beforehand: the loopback is 1. */
export interface Devices {
  readonly ofPort: ReadonlyMap<Port, number>;
  readonly ofInterface: ReadonlyMap<Interface, number>;
  /** The two ends of each link in the namespace of wires; what leaves by the second goes to the second endpoint. */
  readonly ofLink: ReadonlyMap<Link, readonly [number, number]>;
  readonly bridge: ReadonlyMap<Node, number>;
}

/** Set once for the whole kernel: hosts do not wait for routers that advertise nothing, nor for doubles of addresses that are unique by plan. */
const kernelSysctls = {
  ...sharedSysctls,
  'net.core.devconf_inherit_init_net': '1',
  'net.ipv6.conf.all.accept_dad': '0',
  'net.ipv6.conf.default.accept_dad': '0',
  'net.ipv6.conf.default.accept_ra': '0',
  'net.ipv6.conf.default.router_solicitations': '0',
};
/** Packets are allocated where memory cannot grow: enough of it stays free for a burst of them on every link. */
const FREE_KIB = 2048;
const FREE_KIB_PER_LINK = 32;
/** Not all links have a burst at once. */
const MOST_FREE_KIB = 4096;
/** Of namespaces whose devices never have an address: they have none of the tables for it either (2). */
const withoutIpv6Tables = { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '2' };
const withoutIpv6 = { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' };
const forwarding = { 'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.forwarding': '1' };
const pings = { 'net.ipv4.ping_group_range': '0 2147483647' };

const ingressHandle = handle(0xffff);

export async function buildNetwork(director: UserTask, plan: Plan): Promise<Network> {
  await setSysctls(director, {
    ...kernelSysctls,
    'vm.min_free_kbytes': Math.min(MOST_FREE_KIB, FREE_KIB + plan.topology.links.length * FREE_KIB_PER_LINK),
    // Nobody looks at devices in sysfs, unless programs of the request do.
    'net.core.device_attributes': looksAtDevices(plan) ? 1 : 0,
    ...([...plan.hosts.values()].some(({ firewall }) => firewall.length > 0) && trackingSysctls),
  });
  for (const [key, { spec, place }] of commonOf(plan.topology.nodes.values()))
    await setSysctls(director, { [key]: spec.sysctls?.[key] ?? '' }, place.at('sysctls'));
  const refuseOthers = await lookInFirst(director, askedSysctls(plan));
  const wires = await newNetns(director, withoutIpv6Tables);
  await refuseOthers();
  const nodes = new Map<Node, Netns>();
  for (const node of plan.topology.nodes.values()) {
    nodes.set(node, await newNetns(director, sysctlsOf(node, plan)));
    await setOwn(director, node, (device) => device === undefined);
  }
  must('setns', await setns(director, wires.fd, CLONE.NEWNET));
  const devices = numberDevices(plan);
  const network = { director, wires, nodes, devices };
  await sendAsked(
    wires.rtnl,
    plan.topology.links.flatMap((link) => wireUp(link, plan, network)),
  );
  // A host with a hijack object is set up by it, in its own order.
  for (const [node, netns] of nodes)
    if (!plan.hijacks.has(node)) await setUpNode(director, { node, netns }, plan, devices);
  const made = [...nodes].map(([node, { fd }]) => ({ node, fd, devices: plan.devices.get(node) ?? [] }));
  await setUpKeys(director, made, plan.seed);
  return network;
}

/** Its addresses, routes and devices; what is said of a device is set before that is up, if a link made it, or else once it is there. */
async function setUpNode(
  director: UserTask,
  { node, netns }: { readonly node: Node; readonly netns: Netns },
  plan: Plan,
  devices: Devices,
): Promise<void> {
  const { fd, rtnl } = netns;
  const isPort = (device: string) => node.ports.some(({ name }) => name === device);
  const hasOwn = Object.keys(node.spec.sysctls ?? {}).some((key) => deviceOf(key) !== undefined);
  if (hasOwn) {
    must('setns', await setns(director, fd, CLONE.NEWNET));
    await setOwn(director, node, (device) => device !== undefined && isPort(device));
  }
  await sendAsked(rtnl, node.role === 'switch' ? switchSetup(node, plan, devices) : hostSetup(node, plan, devices));
  if (hasOwn) await setOwn(director, node, (device) => device !== undefined && !isPort(device));
  const { offloads = [], multicast = [], firewall = [] } = plan.hosts.get(node) ?? {};
  for (const [i, wanted] of offloads) await setOffloads(director, rtnl.fd, i, wanted);
  await setUpMulticast(director, fd, multicast);
  await setUpFirewall(director, fd, firewall);
}

/** A switch has no addresses, but one that asks by MLD who has joined asks from its link-local one. */
function ipv6Of({ role, spec }: Node, hasIpv6: boolean): Readonly<Record<string, string>> {
  const asks = role === 'switch' && 'querier' in spec && spec.querier === true;
  if (role === 'switch' && !(asks && hasIpv6)) return withoutIpv6Tables;
  return hasIpv6 ? {} : withoutIpv6;
}

/** Of nodes and of events, those apart that are set for all. */
const askedSysctls = ({ topology, events }: Plan): AskedSysctl[] => [
  ...[...topology.nodes.values()].flatMap(({ spec, place }) =>
    Object.keys(spec.sysctls ?? {}).flatMap((key) =>
      isCommon(key) || deviceOf(key) !== undefined ? [] : [{ key, place: place.at('sysctls').at(key) }],
    ),
  ),
  ...events.flatMap(({ place, actions }) =>
    actions.flatMap((action) =>
      action.do === 'sysctl' ? [{ key: action.key, place: place.at('set').at(action.key) }] : [],
    ),
  ),
];

const looksAtDevices = ({ hijacks, workloads, setups }: Plan): boolean =>
  hijacks.size > 0 || setups.size > 0 || workloads.some(isOnHost);

/** What the request says of a node: of those devices, or of none. */
async function setOwn(
  director: UserTask,
  { spec, place }: Node,
  isWanted: (device: string | undefined) => boolean,
): Promise<void> {
  const wanted = Object.entries(spec.sysctls ?? {}).filter(([key]) => !isCommon(key) && isWanted(deviceOf(key)));
  await setSysctls(director, Object.fromEntries(wanted), place.at('sysctls'));
}

/** `place`: where the request asks for them. */
async function setSysctls(
  task: UserTask,
  sysctls: Readonly<Record<string, string | number>>,
  place?: Place,
): Promise<void> {
  for (const [key, value] of Object.entries(sysctls)) {
    const setting = setSysctl(task, key, String(value));
    await (place ? asked(place.at(key), setting) : setting);
  }
}

async function newNetns(director: UserTask, sysctls: Readonly<Record<string, string | number>>): Promise<Netns> {
  must('unshare', await unshare(director, CLONE.NEWNET));
  const rtnl = await NetlinkSocket.open(director);
  const fd = must('ioctl', await socketNetns(director, rtnl.fd));
  await setSysctls(director, sysctls);
  return { fd, rtnl };
}

/** Those of the request come after them, and win. */
function sysctlsOf(node: Node, plan: Plan): Record<string, string | number> {
  const hasIpv6 = plan.families.includes('ipv6');
  const isPinging = plan.workloads.some((workload) => workload.type === 'ping' && workload.from === node);
  return {
    ...ownSysctls,
    ...ipv6Of(node, hasIpv6),
    ...(node.role === 'router' && forwarding),
    ...(isPinging && pings),
  };
}

function numberDevices(plan: Plan): Devices {
  const nodes = [...plan.topology.nodes.values()].map((node) => [node, numberDevicesOf(node)] as const);
  const ofPort = new Map(nodes.flatMap(([, numbers]) => [...numbers.ofPort]));
  const ofInterface = new Map(nodes.flatMap(([, numbers]) => [...numbers.ofInterface]));
  const bridge = new Map(nodes.flatMap(([node, numbers]) => (node.role === 'switch' ? [[node, numbers.bridge]] : [])));
  const ofLink = new Map(plan.topology.links.map((link) => [link, [2 + 2 * link.index, 3 + 2 * link.index] as const]));
  return { ofPort, ofInterface, ofLink, bridge };
}

async function setUpMulticast(director: UserTask, netns: number, routes: readonly MulticastRoutePlan[]): Promise<void> {
  if (routes.length === 0) return;
  must('setns', await setns(director, netns, CLONE.NEWNET));
  await routeMulticast(director, routes);
}

async function setUpFirewall(director: UserTask, netns: number, rules: readonly Transaction[]): Promise<void> {
  if (rules.length === 0) return;
  must('setns', await setns(director, netns, CLONE.NEWNET));
  await installRules(director, rules);
}

async function setOffloads(
  task: UserTask,
  socket: number,
  i: Interface,
  wanted: Readonly<Partial<Record<Offload, boolean>>>,
): Promise<void> {
  for (const [name, on] of Object.entries(wanted) as [Offload, boolean][]) {
    const setting = setOffload(task, socket, i.name, name, on).then((ret) => must('ioctl', ret));
    await asked(i.place.at('offload').at(name), setting);
  }
}

// --- wires ---

/** Where the filter of a device is that passes packets on. */
export const ingressFilter = { parent: ingressHandle, priority: 10 } as const;

/** What comes in by one device leaves by the other; without this it is lost in silence. */
export const passOn = (from: number, to: number): NetlinkRequest =>
  newMatchall({ index: from, ...ingressFilter }, { redirect: to });

/** rt_tos2priority(): what two bits of TOS are as a priority; all else is 0. */
const tosPriorities = [
  [0x08, 2],
  [0x10, 6],
  [0x18, 4],
] as const;
const TOS_MASK = 0x18;

/** A priority is of the host that sends, or forwards, and gone behind its cable: it is given again, as that had it. */
const prioritize = (index: number): NetlinkRequest[] =>
  (['ipv4', 'ipv6'] as const).flatMap((family, n) =>
    tosPriorities.map(([value, priority]) =>
      newFlower(
        { index, parent: ingressHandle, priority: n + 1 },
        { family, tos: { value, mask: TOS_MASK } },
        { priority },
      ),
    ),
  );

/** The two cables of a link, and in the middle: what comes in at one end leaves at the other, through its qdiscs. */
function wireUp(link: Link, plan: Plan, { nodes, devices }: Pick<Network, 'nodes' | 'devices'>): AskedMessage[] {
  const [first, second] = devices.ofLink.get(link) ?? [0, 0];
  const [forward, reverse] = plan.directions.get(link) ?? [];
  const mtu = Math.max(...link.ports.map((port) => port.mtu));
  return [
    cable(`l${link.index}a`, first, mtu, link.ports[0], { nodes, devices, plan, steps: reverse?.steps ?? [] }),
    cable(`l${link.index}b`, second, mtu, link.ports[1], { nodes, devices, plan, steps: forward?.steps ?? [] }),
    ...shape(second, forward ? stepsOf(forward) : []),
    ...shape(first, reverse ? stepsOf(reverse) : []),
    ...askedAt(
      link.place,
      newQdisc({ index: first, parent: TC_H.INGRESS, handle: ingressHandle }, { kind: 'ingress' }),
      newQdisc({ index: second, parent: TC_H.INGRESS, handle: ingressHandle }, { kind: 'ingress' }),
      ...(forward?.goesByPriority ? prioritize(first) : []),
      ...(reverse?.goesByPriority ? prioritize(second) : []),
      passOn(first, second),
      passOn(second, first),
    ),
  ];
}

function cable(
  name: string,
  index: number,
  mtu: number,
  port: Port,
  { nodes, devices, plan, steps }: Pick<Network, 'nodes' | 'devices'> & { plan: Plan; steps: readonly TcStep[] },
): AskedMessage {
  const own = plan.hosts.get(port.node)?.qdiscs ?? new Map();
  const isSpread = port.interfaces.some((i) => needsSeveralQueues(own.get(i)?.kind ?? ''));
  const peer: LinkAttributes = {
    ...(isSpread && { txQueues: DEVICE_QUEUES }),
    name: port.name,
    index: devices.ofPort.get(port) ?? 0,
    mtu: port.mtu,
    address: port.mac,
    netns: { fd: nodes.get(port.node)?.fd ?? -1 },
  };
  const isShared = steps.some((step) => step.step === 'qdisc' && needsSeveralQueues(step.options.kind));
  // veth opens the queues of both ends where the first one says how many it has.
  const queues = isShared ? { txQueues: DEVICE_QUEUES } : isSpread ? { txQueues: 1 } : {};
  const message = newLink({ kind: 'veth', peer }, { name, index, mtu, up: true, arp: false, ...queues });
  return { place: port.place, message };
}

const shape = (index: number, steps: readonly TcStep[]): AskedMessage[] =>
  steps.map((step) => ({ place: step.place, message: stepMessage(index, step) }));

function stepMessage(index: number, step: TcStep): NetlinkRequest {
  if (step.step === 'qdisc') return newQdisc({ index, parent: step.parent, handle: step.handle }, step.options);
  if (step.step === 'class') return newClass({ index, parent: step.parent, handle: step.handle }, step.options);
  if (step.step === 'rest')
    return newMatchall({ index, parent: step.parent, priority: step.priority }, { classId: step.classId });
  return newFlower({ index, parent: step.parent, priority: step.priority }, step.keys, { classId: step.classId });
}

// --- nodes ---

/** The shortest of what the two directions of a port's link say; a packet built longer would be cut up on its way. */
function gsoMaxSegs(port: Port, plan: Plan): number | undefined {
  const link = plan.topology.links.find(({ ports }) => ports.includes(port));
  const direction = link && plan.directions.get(link)?.[link.ports[0] === port ? 0 : 1];
  return direction?.gsoMaxSegs;
}

function hostSetup(node: Node, plan: Plan, devices: Devices): AskedMessage[] {
  const interfaces = node.ports.flatMap((port) => port.interfaces);
  const indexOf = (i: Interface): number => devices.ofInterface.get(i) ?? 0;
  return [
    ...askedAt(node.place, setLink(1, { up: true })),
    ...node.ports.flatMap((port) => portSetup(port, plan, devices)),
    ...makeDevices(plan.devices.get(node) ?? []),
    ...interfaces.flatMap((i) =>
      (plan.addressing.get(i) ?? []).flatMap((a, n) =>
        askedAt(addressPlace(i, n), newAddress(indexOf(i), toBytes(a), a.prefixLength)),
      ),
    ),
    ...addressDevices(plan.devices.get(node) ?? []),
    ...(plan.routes.get(node) ?? []).flatMap(({ family, destination, gateway, through }) =>
      askedAt(
        through.place,
        newRoute({
          family: family === 'ipv4' ? AF.INET : AF.INET6,
          ...(destination && {
            destination: { address: toBytes(destination), prefixLength: destination.prefixLength },
          }),
          gateway: toBytes(gateway),
          device: indexOf(through),
        }),
      ),
    ),
    ...plan.neighbours
      .filter(({ through }) => through.port.node === node)
      .flatMap(({ through, address, to }) =>
        askedAt(through.place, newNeighbour(indexOf(through), toBytes(address), to.port.mac)),
      ),
    ...requestedSetup(plan.hosts.get(node), indexOf),
  ];
}

/** A route of the request as netlink has it. */
export function routeFor({ place: _, family, destination, gateway, nexthops, ...rest }: HostRoute): RouteMessage {
  return {
    ...rest,
    family: family === 'ipv4' ? AF.INET : AF.INET6,
    ...(destination && { destination: { address: toBytes(destination), prefixLength: destination.prefixLength } }),
    ...(gateway && { gateway: toBytes(gateway) }),
    ...(nexthops && {
      nexthops: nexthops.map(({ gateway: hop, ...more }) => ({ ...more, ...(hop && { gateway: toBytes(hop) }) })),
    }),
  };
}

/** What the request sets beside what follows from the graph. */
function requestedSetup(host: HostPlan | undefined, indexOf: (i: Interface) => number): AskedMessage[] {
  if (!host) return [];
  return [
    ...host.routes.flatMap((route) => askedAt(route.place, newRoute(routeFor(route)))),
    ...host.rules.flatMap(({ place, family, from, ...rest }) =>
      askedAt(
        place,
        newRule({
          ...rest,
          family: family === 'ipv4' ? AF.INET : AF.INET6,
          ...(from && { from: { address: toBytes(from), prefixLength: from.prefixLength } }),
        }),
      ),
    ),
    ...host.neighbours.flatMap(({ place, address, mac, device }) =>
      askedAt(place, newNeighbour(device, toBytes(address), mac)),
    ),
    ...[...host.qdiscs].flatMap(([i, options]) =>
      askedAt(i.place.at('qdisc'), newQdisc({ index: indexOf(i), parent: TC_H.ROOT, handle: handle(1) }, options)),
    ),
  ];
}

function portSetup(port: Port, plan: Plan, devices: Devices): AskedMessage[] {
  const index = devices.ofPort.get(port) ?? 0;
  const segs = gsoMaxSegs(port, plan);
  const limit = segs === undefined ? {} : { gsoMaxSegs: segs };
  return [
    ...askedAt(port.place, setLink(index, { up: true, ...limit })),
    ...port.interfaces.flatMap((i) =>
      i.vlan === undefined
        ? []
        : askedAt(
            i.place,
            newLink(
              { kind: 'vlan', link: index, id: i.vlan },
              { name: i.name, index: devices.ofInterface.get(i) ?? 0, up: true, ...limit },
            ),
          ),
    ),
  ];
}

/** A bridge; without multicast snooping it floods what it does not know. */
function switchSetup(node: Node, plan: Plan, devices: Devices): AskedMessage[] {
  const bridge = devices.bridge.get(node) ?? 0;
  const vlanFiltering = isVlanAware(node, plan.topology.links);
  const ageing = node.spec.ageing === undefined ? undefined : parseTime(node.spec.ageing);
  const kind = {
    kind: 'bridge',
    vlanFiltering,
    stp: node.spec.stp ?? false,
    snooping: node.spec.snooping ?? false,
    ...(node.spec.querier !== undefined && { querier: node.spec.querier }),
  } as const;
  const bridgeLink = newLink(
    { ...kind, ...(ageing !== undefined && { ageingSeconds: ageing / 1e9 }) },
    { name: 'br0', index: bridge, up: true },
  );
  return [
    ...askedAt(node.place, bridgeLink),
    ...node.ports.flatMap((port) => {
      const index = devices.ofPort.get(port) ?? 0;
      const segs = gsoMaxSegs(port, plan);
      const link = plan.topology.links.find(({ ports }) => ports.includes(port));
      return askedAt(
        link?.place ?? port.place,
        setLink(index, { master: bridge, ...(segs !== undefined && { gsoMaxSegs: segs }) }),
        ...portVlans(index, link),
        setLink(index, { up: true }),
      );
    }),
    ...(plan.forwarding.get(node) ?? []).flatMap(({ port, mac, vlan }) =>
      askedAt(node.place, newFdbEntry(devices.ofPort.get(port) ?? 0, mac, vlan)),
    ),
  ];
}

/** A new port is in VLAN 1, untagged; one that speaks of VLANs leaves it. */
function portVlans(index: number, link: Link | undefined): NetlinkRequest[] {
  const { vlan, vlans } = link?.spec ?? {};
  if (vlan !== undefined)
    return [
      ...(vlan === 1 ? [] : [deleteBridgeVlan(index, 1)]),
      addBridgeVlan(index, vlan, { pvid: true, untagged: true }),
    ];
  if (vlans === undefined) return [];
  return [
    ...(vlans.includes(1) ? [] : [deleteBridgeVlan(index, 1)]),
    ...vlans.map((id) => addBridgeVlan(index, id, { pvid: false, untagged: false })),
  ];
}
