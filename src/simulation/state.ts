/** The end of a simulation as ip(8), ss(8) and tc(8) would show it, host by host. */

import {
  dumpAddresses,
  dumpNeighbours,
  dumpRoutes,
  parseAddress,
  parseNeighbour,
  parseRoute,
} from '../abi/netlink/address.ts';
import { AF, IFF, IPPROTO, NETLINK, NUD, RT_TABLE } from '../abi/netlink/constants.ts';
import { dumpSockets, parseSocket, type SocketState } from '../abi/netlink/inet-diag.ts';
import { type Link as Device, dumpLinks, parseLink } from '../abi/netlink/link.ts';
import { dumpQdiscs, formatHandle } from '../abi/netlink/tc.ts';
import { parseQdisc, type QueueStats } from '../abi/netlink/tc-stats.ts';
import { AT_FDCWD, O_RDONLY } from '../abi/uapi/fs.ts';
import { CLONE } from '../abi/uapi/socket.ts';
import { must } from '../kernel/kernel-error.ts';
import { close, openat, read } from '../kernel/syscalls/file.ts';
import { setns } from '../kernel/syscalls/namespace.ts';
import { NetlinkSocket } from '../kernel/syscalls/netlink.ts';
import type { UserTask } from '../kernel/user-task.ts';
import type { Netns, Network } from './network.ts';
import type { Plan } from './plan.ts';

export interface HostState {
  readonly links: readonly (Omit<Device, 'flags'> & { readonly up: boolean })[];
  readonly addresses: readonly string[];
  /** As ip(8) prints them: "default via 10.0.0.2 dev eth0". */
  readonly routes: readonly string[];
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
  readonly sockets: readonly ({ readonly protocol: 'tcp' | 'udp' } & SocketState)[];
  /** Counters of /proc/net/snmp and netstat that tell of packets not delivered, where they are not zero. */
  readonly drops: Readonly<Record<string, number>>;
}

const neighbourStates = new Map(Object.entries(NUD).map(([name, value]) => [value as number, name]));

/** proc_net(5): what these count did not get where it was sent. */
const dropCounters = [
  'Ip.InHdrErrors',
  'Ip.InAddrErrors',
  'Ip.InDiscards',
  'Ip.OutDiscards',
  'Ip.OutNoRoutes',
  'Ip.ReasmFails',
  'Ip.FragFails',
  'Tcp.AttemptFails',
  'Tcp.InErrs',
  'Tcp.InCsumErrors',
  'Udp.NoPorts',
  'Udp.InErrors',
  'Udp.RcvbufErrors',
  'Udp.SndbufErrors',
  'Udp.InCsumErrors',
  'TcpExt.ListenOverflows',
  'TcpExt.ListenDrops',
  'TcpExt.TCPBacklogDrop',
  'TcpExt.TCPRcvQDrop',
  'TcpExt.TCPZeroWindowDrop',
  'TcpExt.PruneCalled',
  'TcpExt.TCPOFODrop',
  'TcpExt.PFMemallocDrop',
];

/** Every node by name. The director ends in the namespace of the last. */
export async function readHosts(plan: Plan, network: Network): Promise<Record<string, HostState>> {
  const found: Record<string, HostState> = {};
  for (const [node, netns] of network.nodes) found[node.name] = await readHost(plan, network.director, netns);
  return found;
}

async function readHost(plan: Plan, director: UserTask, { fd, rtnl }: Netns): Promise<HostState> {
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
      const { destination, gateway, device, metric, table } = parseRoute(payload);
      if (table === RT_TABLE.LOCAL) continue;
      const words = [
        destination,
        gateway && `via ${gateway}`,
        `dev ${nameOf(device)}`,
        metric && `metric ${metric}`,
        table !== RT_TABLE.MAIN && `table ${table}`,
      ];
      routes.push(words.filter((word) => typeof word === 'string').join(' '));
    }
  }
  return {
    links: links.map(({ flags, ...link }) => ({ ...link, up: (flags & IFF.UP) !== 0 })),
    addresses: addresses.map(({ index, address, prefixLength }) => `${address}/${prefixLength} dev ${nameOf(index)}`),
    routes,
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
    sockets: await readSockets(director, families),
    drops: await readDrops(director),
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

/** Two lines a protocol: names, then values. */
async function readDrops(director: UserTask): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const path of ['/proc/thread-self/net/snmp', '/proc/thread-self/net/netstat']) {
    const lines = (await readText(director, path)).split('\n');
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [protocol, ...names] = (lines[i] ?? '').split(' ');
      const values = (lines[i + 1] ?? '').split(' ').slice(1).map(Number);
      for (const [n, name] of names.entries()) {
        const key = `${(protocol ?? '').replace(':', '')}.${name}`;
        if (dropCounters.includes(key) && values[n]) found[key] = values[n];
      }
    }
  }
  return found;
}

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
