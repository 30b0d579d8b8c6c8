/** What programs do with sockets, over the raw calls: throws when Linux refuses. */

import { errnos } from '../../../abi/errno.ts';
import { AF, IPPROTO } from '../../../abi/netlink/constants.ts';
import { formatIp } from '../../../abi/netlink/inet.ts';
import { parseTcpInfo, type TcpInfo, tcpInfo } from '../../../abi/netlink/inet-diag.ts';
import { asString } from '../../../abi/netlink/message.ts';
import { MPTCP, MSG, SO, SOCK, SOL, TCP } from '../../../abi/uapi/socket.ts';
import { concat } from '../../../bytes/concat.ts';
import { KernelError, must } from '../../../kernel/kernel-error.ts';
import { plus } from '../../../kernel/memory.ts';
import { stealFd } from '../../../kernel/syscalls/namespace.ts';
import { getsockopt, type InternetAddress, recv, send, setsockopt, socket } from '../../../kernel/syscalls/net.ts';
import type { UserBuffer } from '../../../kernel/syscalls/scratch.ts';
import { readText } from '../../../kernel/sysfs.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import { type Family, type InterfaceAddress, toBytes } from '../../plan/routes/prefix.ts';
import type { TcpOptionsPlan } from '../../plan/workloads/plans.ts';

export const EAGAIN = -errnos.EAGAIN.number;
export const familyNumber = (family: Family): number => (family === 'ipv4' ? AF.INET : AF.INET6);
export const anyAddress = (family: Family, port: number): InternetAddress => ({
  address: new Uint8Array(family === 'ipv4' ? 4 : 16),
  port,
});
export const endpoint = (address: InterfaceAddress, port: number): InternetAddress => ({
  address: toBytes(address),
  port,
});

async function set(
  task: UserTask,
  fd: number,
  level: number,
  option: number,
  value: number | Uint8Array,
  what: string,
): Promise<void> {
  must('setsockopt', await setsockopt(task, fd, level, option, value), what);
}

/** What a flow's packets say of how they are to be treated; ECN is TCP's own. */
export async function setTos(task: UserTask, fd: number, family: Family, tos: number | undefined): Promise<void> {
  if (tos === undefined) return;
  if (family === 'ipv4') await set(task, fd, SOL.IP, IP_TOS, tos, 'IP_TOS');
  else await set(task, fd, SOL.IPV6, IPV6_TCLASS, tos, 'IPV6_TCLASS');
}

/** What it receives comes with the byte that has DSCP and ECN. */
export async function tellTos(task: UserTask, fd: number, family: Family): Promise<void> {
  if (family === 'ipv4') await set(task, fd, SOL.IP, IP_RECVTOS, 1, 'IP_RECVTOS');
  else await set(task, fd, SOL.IPV6, IPV6_RECVTCLASS, 1, 'IPV6_RECVTCLASS');
}

/** A socket is in a group from here on, by the device with this index. */
export async function joinGroup(task: UserTask, fd: number, group: InterfaceAddress, device: number): Promise<void> {
  const address = toBytes(group);
  if (group.family === 'ipv4')
    await set(task, fd, SOL.IP, IP_ADD_MEMBERSHIP, mreqn(address, device), 'IP_ADD_MEMBERSHIP');
  else await set(task, fd, SOL.IPV6, IPV6_JOIN_GROUP, concat([address, word(device)]), 'IPV6_JOIN_GROUP');
}

/** What it sends to groups leaves by that device, and passes so many routers. */
export async function sendToGroups(
  task: UserTask,
  fd: number,
  family: Family,
  { device, ttl }: { readonly device: number; readonly ttl: number },
): Promise<void> {
  if (family === 'ipv4') {
    await set(task, fd, SOL.IP, IP_MULTICAST_IF, mreqn(new Uint8Array(4), device), 'IP_MULTICAST_IF');
    await set(task, fd, SOL.IP, IP_MULTICAST_TTL, ttl, 'IP_MULTICAST_TTL');
  } else {
    await set(task, fd, SOL.IPV6, IPV6_MULTICAST_IF, device, 'IPV6_MULTICAST_IF');
    await set(task, fd, SOL.IPV6, IPV6_MULTICAST_HOPS, ttl, 'IPV6_MULTICAST_HOPS');
  }
}

/** struct ip_mreqn: the group, no address of the device, its index. */
const mreqn = (group: Uint8Array, device: number): Uint8Array => concat([group, new Uint8Array(4), word(device)]);
const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const IP_MULTICAST_IF = 32;
const IP_MULTICAST_TTL = 33;
const IP_ADD_MEMBERSHIP = 35;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_JOIN_GROUP = 20;

/** ip(7) and ipv6(7) */
export const IP_TOS = 1;
export const IPV6_TCLASS = 67;
const IP_RECVTOS = 13;
const IPV6_RECVTCLASS = 66;

/** What a socket of a flow is made by. */
export interface SocketPlan {
  readonly address: { readonly family: Family };
  readonly tos?: number;
  readonly options: TcpOptionsPlan;
}

/** A TCP (or MPTCP) socket with its options set. */
export async function tcpSocket(task: UserTask, plan: SocketPlan): Promise<number> {
  const { tos, options } = plan;
  const { family } = plan.address;
  const protocol = options.mptcp ? IPPROTO.MPTCP : IPPROTO.TCP;
  const fd = must('socket', await socket(task, familyNumber(family), SOCK.STREAM | SOCK.CLOEXEC, protocol));
  await setTos(task, fd, family, tos);
  const { congestion, sndbuf, rcvbuf, maxPacingRate, mss, notsentLowat } = options;
  if (congestion !== undefined) await setCongestion(task, fd, congestion);
  if (options.nodelay) await set(task, fd, SOL.TCP, TCP.NODELAY, 1, 'TCP_NODELAY');
  if (sndbuf !== undefined) await set(task, fd, SOL.SOCKET, SO.SNDBUFFORCE, sndbuf, 'SO_SNDBUFFORCE');
  if (rcvbuf !== undefined) await set(task, fd, SOL.SOCKET, SO.RCVBUFFORCE, rcvbuf, 'SO_RCVBUFFORCE');
  if (maxPacingRate !== undefined)
    await set(task, fd, SOL.SOCKET, SO.MAX_PACING_RATE, maxPacingRate, 'SO_MAX_PACING_RATE');
  if (mss !== undefined) await set(task, fd, SOL.TCP, TCP.MAXSEG, mss, 'TCP_MAXSEG');
  if (notsentLowat !== undefined) await set(task, fd, SOL.TCP, TCP.NOTSENT_LOWAT, notsentLowat, 'TCP_NOTSENT_LOWAT');
  return fd;
}

/** One that is not there is told with those that are. */
/** Those that are asked for and are not in Linux yet. */
const nearestControls: Readonly<Record<string, string>> = {
  prague: 'dctcp, with ce_threshold of fq_codel or fq at the bottleneck,',
  bbr2: 'bbr',
  bbr3: 'bbr',
};

async function setCongestion(task: UserTask, fd: number, name: string): Promise<void> {
  const ret = await setsockopt(task, fd, SOL.TCP, TCP.CONGESTION, new TextEncoder().encode(name));
  if (ret === -errnos.ENOENT.number) {
    const known = (await readText(task, '/proc/sys/net/ipv4/tcp_available_congestion_control')).trim().split(' ');
    const nearest = nearestControls[name];
    const hint = nearest === undefined ? '' : `: Linux 6.12 does not have it, ${nearest} comes nearest`;
    throw new Error(`no congestion control ${JSON.stringify(name)}${hint}; there are ${known.join(', ')}`);
  }
  must('setsockopt', ret, `TCP_CONGESTION ${name}`);
}

/**
 * The host's own range of ports, as IP_LOCAL_PORT_RANGE takes it (ip(7)). A socket that is told it goes through it port by
 * port. Otherwise Linux looks at all of one parity first, for each connection anew, and that takes minutes once half of
 * them are in TIME-WAIT.
 */
export async function localPorts(task: UserTask): Promise<number> {
  const text = await readText(task, '/proc/sys/net/ipv4/ip_local_port_range');
  const [low = 0, high = 0] = text.trim().split(/\s+/).map(Number);
  return ((high << 16) | low) >>> 0;
}

export const IP_LOCAL_PORT_RANGE = 51;

/** More than any kernel's tcp_info has; it answers what it has. */
const TCP_INFO_BYTES = 512;
/** TCP_CA_NAME_MAX */
const CONGESTION_BYTES = 16;

export const readTcpInfo = async (task: UserTask, fd: number): Promise<TcpInfo> =>
  parseTcpInfo(await getsockopt(task, fd, SOL.TCP, TCP.INFO, TCP_INFO_BYTES));

/** Ask of another task's socket: that task may be in a call. */
async function peek<T>(
  asker: UserTask,
  owner: UserTask,
  fd: number,
  ask: (task: UserTask, fd: number) => Promise<T>,
): Promise<T> {
  const copy = await stealFd(asker, owner, fd);
  const answer = await ask(asker, copy);
  await asker.syscall('close', copy);
  return answer;
}

export const peekTcpInfo = (asker: UserTask, owner: UserTask, fd: number): Promise<TcpInfo> =>
  peek(asker, owner, fd, readTcpInfo);

/** The congestion control a socket has, its namespace's unless it was told another. */
export const peekCongestion = (asker: UserTask, owner: UserTask, fd: number): Promise<string> =>
  peek(asker, owner, fd, async (task, copy) =>
    asString(await getsockopt(task, copy, SOL.TCP, TCP.CONGESTION, CONGESTION_BYTES)),
  );

/** Bytes that came in order by all subflows of another task's MPTCP socket, where tcp_info is the first one's. */
export const peekMptcpReceived = (asker: UserTask, owner: UserTask, fd: number): Promise<number> =>
  peek(asker, owner, fd, async (task, copy) => {
    const protocol = new DataView((await getsockopt(task, copy, SOL.SOCKET, SO.PROTOCOL, 4)).buffer).getInt32(0, true);
    // accept(2) gives a TCP socket where the peer did not answer in MPTCP.
    if (protocol !== IPPROTO.MPTCP) return (await readTcpInfo(task, copy)).bytes_received;
    const info = await getsockopt(task, copy, SOL.MPTCP, MPTCP.INFO, MPTCP.INFO_BYTES);
    return Number(new DataView(info.buffer).getBigUint64(MPTCP.INFO_BYTES_RECEIVED, true));
  });

/** One subflow of an MPTCP connection. */
export interface Subflow {
  /** Address and port. */
  readonly local: string;
  readonly remote: string;
  readonly info: TcpInfo;
}

/** struct mptcp_subflow_data: sizes of itself, how many there are, sizes of what follows in the kernel and here. */
const SUBFLOW_DATA_BYTES = 16;
const SOCKADDR_STORAGE_BYTES = 128;
const MOST_SUBFLOWS = 8;

async function askSubflows(task: UserTask, fd: number, option: number, bytesEach: number): Promise<Uint8Array[]> {
  const { memory, scratch } = task;
  const at = plus(scratch, 8);
  const room = SUBFLOW_DATA_BYTES + MOST_SUBFLOWS * bytesEach;
  memory.setU32(scratch, room);
  for (const [i, value] of [SUBFLOW_DATA_BYTES, 0, 0, bytesEach].entries()) memory.setU32(plus(at, 4 * i), value);
  must('getsockopt', await task.syscall('getsockopt', fd, SOL.MPTCP, option, at, scratch));
  const answer = memory.copy(at, room);
  const count = Math.min(MOST_SUBFLOWS, new DataView(answer.buffer).getUint32(4, true));
  return Array.from({ length: count }, (_, i) =>
    answer.slice(SUBFLOW_DATA_BYTES + i * bytesEach, SUBFLOW_DATA_BYTES + (i + 1) * bytesEach),
  );
}

/** The subflows that there are: one where the peer did not answer in MPTCP. */
export async function readSubflows(task: UserTask, fd: number): Promise<Subflow[]> {
  const infos = await askSubflows(task, fd, MPTCP.TCPINFO, tcpInfo.size);
  const addresses = await askSubflows(task, fd, MPTCP.SUBFLOW_ADDRS, 2 * SOCKADDR_STORAGE_BYTES);
  return infos.map((info, i) => ({
    local: formatSockaddr(addresses[i]?.subarray(0, SOCKADDR_STORAGE_BYTES)),
    remote: formatSockaddr(addresses[i]?.subarray(SOCKADDR_STORAGE_BYTES)),
    info: parseTcpInfo(info),
  }));
}

export const peekSubflows = (asker: UserTask, owner: UserTask, fd: number): Promise<Subflow[]> =>
  peek(asker, owner, fd, readSubflows);

/** "10.0.0.1:5001", "[fd00::1]:5001" */
function formatSockaddr(bytes: Uint8Array = new Uint8Array(SOCKADDR_STORAGE_BYTES)): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const isIpv4 = view.getUint16(0, true) === AF.INET;
  const address = formatIp(isIpv4 ? bytes.slice(4, 8) : bytes.slice(8, 24));
  return `${isIpv4 ? address : `[${address}]`}:${view.getUint16(2)}`;
}

/** Wait until a descriptor is ready or CLOCK_MONOTONIC says so. Answers whether it is ready. */
export async function waitReady(
  clock: { nowNs(): number },
  task: UserTask,
  fd: number,
  events: number,
  untilNs: number,
): Promise<boolean> {
  const { memory, scratch } = task;
  const left = untilNs === Number.POSITIVE_INFINITY ? undefined : untilNs - clock.nowNs();
  if (left !== undefined && left <= 0) return false;
  const timespec = plus(scratch, 8);
  memory.setU32(scratch, fd);
  memory.setU32(plus(scratch, 4), events);
  if (left !== undefined) {
    memory.setI64FromNumber(timespec, Math.floor(left / 1e9));
    memory.setI64FromNumber(plus(timespec, 8), left % 1e9);
  }
  return (
    must('ppoll_time64', await task.syscall('ppoll_time64', scratch, 1, left === undefined ? 0 : timespec, 0, 0)) > 0
  );
}

/** Send all of `bytes`, over and over from one buffer. Answers what was sent: less when the peer is gone. */
export async function sendAll(task: UserTask, fd: number, from: UserBuffer, bytes: number): Promise<number> {
  let sent = 0;
  while (sent < bytes) {
    const n = await send(task, fd, from, Math.min(from.bytes, bytes - sent), MSG.NOSIGNAL);
    if (n <= 0) return isGone(n) ? sent : failSend(n);
    sent += n;
  }
  return sent;
}

const { EPIPE, ECONNRESET, ETIMEDOUT } = errnos;
/** The peer is there no more. */
export const isGone = (ret: number): boolean =>
  ret === -EPIPE.number || ret === -ECONNRESET.number || ret === -ETIMEDOUT.number;

function failSend(ret: number): never {
  throw new KernelError('sendto', -ret);
}

/** Receive exactly `bytes` bytes and drop them. Answers what came: less at the end of the stream. */
export async function discard(task: UserTask, fd: number, bytes: number): Promise<number> {
  let got = 0;
  while (got < bytes) {
    const n = await recv(task, fd, { at: task.scratch, bytes: Math.min(task.scratchBytes, bytes - got) }, MSG.TRUNC);
    if (n <= 0) return n === 0 || isGone(n) ? got : must('recvfrom', n);
    got += n;
  }
  return got;
}
