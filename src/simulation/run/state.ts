/** The end of a simulation as ip(8), ss(8) and tc(8) would show it, host by host. */

import {
  dumpAddresses,
  dumpNeighbours,
  dumpRoutes,
  dumpRules,
  parseAddress,
  parseNeighbour,
  parseRoute,
  parseRule,
} from '../../abi/netlink/address.ts';
import { AF, IFF, IPPROTO, NETLINK, NUD, RT_TABLE, RTN } from '../../abi/netlink/constants.ts';
import { dumpSockets, parseSocket, type SocketState } from '../../abi/netlink/inet-diag.ts';
import { type Link as Device, dumpLinks, parseLink } from '../../abi/netlink/links/link.ts';
import { dumpQdiscs, formatHandle } from '../../abi/netlink/tc/tc.ts';
import { parseQdisc, type QueueStats } from '../../abi/netlink/tc/tc-stats.ts';
import { AT_FDCWD, O_RDONLY } from '../../abi/uapi/fs.ts';
import { CLONE } from '../../abi/uapi/socket.ts';
import { must } from '../../kernel/kernel-error.ts';
import { close, openat, read } from '../../kernel/syscalls/file.ts';
import { setns } from '../../kernel/syscalls/namespace.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { type CounterState, readCounters as readRuleCounters } from '../firewall/counters.ts';
import type { Netns, Network } from '../links/network.ts';
import type { Plan } from '../plan/plan.ts';
import type { Node } from '../plan/topology.ts';

export interface HostState {
  readonly links: readonly (Omit<Device, 'flags'> & { readonly up: boolean })[];
  readonly addresses: readonly string[];
  /** As ip(8) prints them: "default via 10.0.0.2 dev eth0". */
  readonly routes: readonly string[];
  /** Those of ip-rule(8) beside the usual three. */
  readonly rules?: readonly string[];
  readonly neighbours: readonly {
    readonly address: string;
    readonly mac?: string;
    readonly dev: string;
    readonly state: string;
  }[];
  readonly qdiscs: readonly {
    readonly dev: string;
    readonly kind: string;
    readonly handle: string;
    readonly stats: QueueStats;
  }[];
  /** Of a host with rules of nftables: what they counted, and its connections as /proc/net/nf_conntrack has them. */
  readonly nftables?: { readonly counters: readonly CounterState[]; readonly connections: readonly string[] };
  readonly sockets: readonly ({ readonly protocol: 'tcp' | 'udp' } & SocketState)[];
  /** Counters of /proc/net/snmp, snmp6 and netstat that tell of packets not delivered, where they are not zero. */
  readonly drops: Readonly<Record<string, number>>;
  /** Those of them that tell of a shortage of memory. */
  readonly pressure: Readonly<Record<string, number>>;
}

/** Of the tables local, main and default. */
const usualRules = [0, 32_766, 32_767];

/** What ip(8) calls a route that is not the usual one. */
const routeTypes = new Map<number, string>([
  [RTN.BLACKHOLE, 'blackhole'],
  [RTN.UNREACHABLE, 'unreachable'],
  [RTN.PROHIBIT, 'prohibit'],
]);
const neighbourStates = new Map(Object.entries(NUD).map(([name, value]) => [value as number, name]));

/** proc_net(5): what these count did not get where it was sent. */
const ipDrops = [
  'InHdrErrors',
  'InTooBigErrors',
  'InAddrErrors',
  'InUnknownProtos',
  'InNoRoutes',
  'InTruncatedPkts',
  'InDiscards',
  'OutDiscards',
  'OutNoRoutes',
  'ReasmFails',
  'FragFails',
  'InCsumErrors',
];
const icmpDrops = ['InErrors', 'InCsumErrors', 'OutErrors'];
const udpDrops = ['NoPorts', 'InErrors', 'RcvbufErrors', 'SndbufErrors', 'InCsumErrors', 'MemErrors'];
const dropCounters: Readonly<Record<string, readonly string[]>> = {
  Ip: ipDrops,
  IpExt: ipDrops,
  Ip6: ipDrops,
  Icmp: icmpDrops,
  Icmp6: icmpDrops,
  Udp: udpDrops,
  Udp6: udpDrops,
  Tcp: ['AttemptFails', 'InErrs', 'InCsumErrors'],
  TcpExt: [
    'IPReversePathFilter',
    'ArpFilter',
    'PAWSActive',
    'PAWSEstab',
    'TCPDeferAcceptDrop',
    'TCPMD5Failure',
    'TCPMD5NotFound',
    'TCPMD5Unexpected',
    'TCPMinTTLDrop',
    'TCPReqQFullDrop',
    'TCPTimeWaitOverflow',
    'ListenOverflows',
    'ListenDrops',
    'TCPBacklogDrop',
    'TCPRcvQDrop',
    'TCPZeroWindowDrop',
    'PruneCalled',
    'TCPOFODrop',
    'PFMemallocDrop',
  ],
};

/** netstat(8) -s: what a host of its own would not have met. */
const pressureCounters: Readonly<Record<string, readonly string[]>> = {
  TcpExt: ['TCPMemoryPressures', 'TCPMemoryPressuresChrono', 'TCPAbortOnMemory', 'PFMemallocDrop'],
  Udp: ['MemErrors'],
  Udp6: ['MemErrors'],
};
/** Every node by name. The director ends in the namespace of the last. */
export async function readHosts(plan: Plan, network: Network): Promise<Record<string, HostState>> {
  const found: Record<string, HostState> = {};
  for (const [node, netns] of network.nodes) found[node.name] = await readHost(plan, network.director, node, netns);
  return found;
}

async function readHost(plan: Plan, director: UserTask, node: Node, { fd, rtnl }: Netns): Promise<HostState> {
  must('setns', await setns(director, fd, CLONE.NEWNET));
  const families = plan.families.map((family) => (family === 'ipv4' ? AF.INET : AF.INET6));
  const links = (await rtnl.ask(dumpLinks())).map(({ payload }) => parseLink(payload));
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const nameOf = (index: number | undefined): string => names.get(index ?? 0) ?? '?';
  const addresses = (await rtnl.ask(dumpAddresses())).map(({ payload }) => parseAddress(payload));
  const neighbours = (await rtnl.ask(dumpNeighbours())).map(({ payload }) => parseNeighbour(payload));
  const qdiscs = (await rtnl.ask(dumpQdiscs())).map(({ payload }) => parseQdisc(payload));
  const routes: string[] = [];
  for (const family of families) {
    for (const { payload } of await rtnl.ask(dumpRoutes(family))) {
      const { type, destination, gateway, device, nexthops, metric, table, mtu, initcwnd } = parseRoute(payload);
      if (table === RT_TABLE.LOCAL) continue;
      const words = [
        routeTypes.get(type),
        destination,
        gateway && `via ${gateway}`,
        device && `dev ${nameOf(device)}`,
        ...(nexthops ?? []).map(
          (hop) => `nexthop${hop.gateway ? ` via ${hop.gateway}` : ''} dev ${nameOf(hop.device)} weight ${hop.weight}`,
        ),
        table !== RT_TABLE.MAIN && `table ${table}`,
        metric && `metric ${metric}`,
        mtu && `mtu ${mtu}`,
        initcwnd && `initcwnd ${initcwnd}`,
      ];
      routes.push(words.filter((word) => typeof word === 'string').join(' '));
    }
  }
  const rules: string[] = [];
  for (const family of families)
    for (const { payload } of await rtnl.ask(dumpRules(family))) {
      const { priority, from, fwmark, iif, table, isOfVrf } = parseRule(payload);
      if (usualRules.includes(priority)) continue;
      const words = [
        `${priority}: from ${from}`,
        fwmark && `fwmark ${fwmark}`,
        iif && `iif ${iif}`,
        isOfVrf ? 'lookup l3mdev' : `lookup ${table}`,
      ];
      rules.push(words.filter((word) => typeof word === 'string').join(' '));
    }
  return {
    links: links.map(({ flags, ...link }) => ({ ...link, up: (flags & IFF.UP) !== 0 })),
    addresses: addresses.map(({ index, address, prefixLength }) => `${address}/${prefixLength} dev ${nameOf(index)}`),
    routes,
    ...(rules.length > 0 && { rules }),
    neighbours: neighbours
      .filter(({ index }) => index !== 1)
      .map(({ index, address, mac, state }) => ({
        address,
        ...(mac && { mac }),
        dev: nameOf(index),
        state: neighbourStates.get(state) ?? 'NONE',
      })),
    qdiscs: qdiscs.map(({ index, kind, handle, stats }) => ({
      dev: nameOf(index),
      kind,
      handle: formatHandle(handle),
      stats,
    })),
    ...(plan.hosts.get(node)?.firewall.length && {
      nftables: { counters: await readRuleCounters(director), connections: await readConnections(director) },
    }),
    sockets: await readSockets(director, families),
    // A switch gets a copy of what it floods; having no addresses, it discards that.
    ...(node.role === 'switch' ? { drops: {}, pressure: {} } : await readCounters(director)),
  };
}

async function readSockets(director: UserTask, families: readonly number[]): Promise<HostState['sockets']> {
  const diag = await NetlinkSocket.open(director, NETLINK.SOCK_DIAG);
  const found: ({ protocol: 'tcp' | 'udp' } & SocketState)[] = [];
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const family of families) {
      const messages = await diag.ask(dumpSockets(family, protocol === 'tcp' ? IPPROTO.TCP : IPPROTO.UDP));
      found.push(...messages.map(({ payload }) => ({ protocol, ...parseSocket(payload) })));
    }
  }
  await close(director, diag.fd);
  return found;
}

/** More are no reading matter. */
const MOST_CONNECTIONS = 1000;

async function readConnections(director: UserTask): Promise<string[]> {
  const lines = (await readText(director, '/proc/thread-self/net/nf_conntrack'))
    .split('\n')
    .filter((line) => line !== '');
  return lines.slice(0, MOST_CONNECTIONS).toSorted();
}

async function readCounters(director: UserTask): Promise<Pick<HostState, 'drops' | 'pressure'>> {
  const text = (name: string) => readText(director, `/proc/thread-self/net/${name}`);
  const counters = [...pairs(await text('snmp')), ...pairs(await text('netstat')), ...singles(await text('snmp6'))];
  const among = (known: Readonly<Record<string, readonly string[]>>) =>
    Object.fromEntries(
      counters.flatMap(([protocol, name, value]) =>
        value && known[protocol]?.includes(name) ? [[`${protocol}.${name}`, value]] : [],
      ),
    );
  return { drops: among(dropCounters), pressure: among(pressureCounters) };
}

type Counter = readonly [protocol: string, name: string, value: number];

/** Two lines a protocol: names, then values. */
function pairs(text: string): Counter[] {
  const lines = text.split('\n').map((line) => line.split(' '));
  return lines.flatMap(([protocol = '', ...names], i) =>
    i % 2 ? [] : names.map((name, n): Counter => [protocol.replace(':', ''), name, Number(lines[i + 1]?.[n + 1])]),
  );
}

/** A line a counter: "Ip6InReceives 5". */
const singles = (text: string): Counter[] =>
  [...text.matchAll(/^([A-Z][a-z]+6)(\w+)\s+(\d+)$/gm)].map(([, protocol = '', name = '', value]) => [
    protocol,
    name,
    Number(value),
  ]);

async function readText(task: UserTask, path: string): Promise<string> {
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_RDONLY), path);
  const parts: string[] = [];
  const decoder = new TextDecoder();
  for (;;) {
    const length = must('read', await read(task, fd, { at: task.scratch, bytes: task.scratchBytes }), path);
    if (length === 0) break;
    parts.push(decoder.decode(task.memory.copy(task.scratch, length), { stream: true }));
  }
  await close(task, fd);
  return parts.join('');
}
