/**
 * System calls on sockets. A function that answers a number answers what Linux returns, a negative errno included;
 * one that answers data throws `KernelError` instead.
 */

import { be16, bytes as bytesCodec, s32 } from '../../abi/netlink/codecs.ts';
import { AF } from '../../abi/netlink/constants.ts';
import { Struct, u8, u16, u32 } from '../../abi/struct.ts';
import { must } from '../kernel-error.ts';
import type { UserTask } from '../user-task.ts';
import { Scratch, type UserBuffer } from './scratch.ts';

/** An address of the internet families: 4 or 16 bytes in network order. */
export interface InternetAddress {
  readonly address: Uint8Array;
  readonly port: number;
}
/** A device, packet(7): which frames of it. */
export interface PacketAddress {
  readonly device: number;
  /** ETH_P_* */
  readonly protocol: number;
}
export type SocketAddress = InternetAddress | PacketAddress;

const sockaddrIn = Struct({ family: u16, port: be16, address: bytesCodec(4), zero: bytesCodec(8) });
const sockaddrIn6 = Struct({ family: u16, port: be16, flow: u32, address: bytesCodec(16), scope: u32 });
const sockaddrLl = Struct({
  family: u16,
  protocol: be16,
  device: s32,
  hatype: u16,
  packetType: u8,
  addressLength: u8,
  address: bytesCodec(8),
});
/** struct sockaddr_storage */
const SOCKADDR_BYTES = 128;

const nothing = new Uint8Array();

/** Lay an address out in scratch memory; answers where and how long it is. */
function layAddress(task: UserTask, scratch: Scratch, to: SocketAddress): readonly [number, number] {
  if ('device' in to) {
    const at = scratch.room(sockaddrLl.size);
    const value = {
      family: AF.PACKET,
      protocol: to.protocol,
      device: to.device,
      hatype: 0,
      packetType: 0,
      addressLength: 0,
      address: nothing,
    };
    sockaddrLl.write(task.memory.data, at, value);
    return [at, sockaddrLl.size];
  }
  if (to.address.length === 4) {
    const at = scratch.room(sockaddrIn.size);
    sockaddrIn.write(task.memory.data, at, { family: AF.INET, port: to.port, address: to.address, zero: nothing });
    return [at, sockaddrIn.size];
  }
  const at = scratch.room(sockaddrIn6.size);
  sockaddrIn6.write(task.memory.data, at, { family: AF.INET6, port: to.port, flow: 0, address: to.address, scope: 0 });
  return [at, sockaddrIn6.size];
}

export const socket = (task: UserTask, family: number, type: number, protocol = 0): Promise<number> =>
  task.syscall('socket', family, type, protocol);

export function bind(task: UserTask, fd: number, address: SocketAddress): Promise<number> {
  return task.syscall('bind', fd, ...layAddress(task, new Scratch(task, 'bind'), address));
}

export function connect(task: UserTask, fd: number, address: SocketAddress): Promise<number> {
  return task.syscall('connect', fd, ...layAddress(task, new Scratch(task, 'connect'), address));
}

export const listen = (task: UserTask, fd: number, backlog: number): Promise<number> =>
  task.syscall('listen', fd, backlog);

/** accept4(2); answers the new descriptor. */
export const accept4 = (task: UserTask, fd: number, flags: number): Promise<number> =>
  task.syscall('accept4', fd, 0, 0, flags);

/** accept4(2) with the peer's address, of IPv4 or IPv6; a negative errno alone when there is none. */
export async function acceptFrom(
  task: UserTask,
  fd: number,
  flags: number,
): Promise<[fd: number, peer?: InternetAddress]> {
  const scratch = new Scratch(task, 'accept4');
  const lengthAt = scratch.room(4);
  const at = scratch.room(SOCKADDR_BYTES);
  task.memory.setU32(lengthAt, SOCKADDR_BYTES);
  const ret = await task.syscall('accept4', fd, at, lengthAt, flags);
  return ret < 0 ? [ret] : [ret, internetAddress(task, at)];
}

/** recvfrom(2) of one datagram; the bytes are in `into`. */
export async function recvFrom(
  task: UserTask,
  fd: number,
  into: UserBuffer,
  flags: number,
): Promise<[bytes: number, from?: InternetAddress]> {
  const scratch = new Scratch(task, 'recvfrom');
  const lengthAt = scratch.room(4);
  const at = scratch.room(SOCKADDR_BYTES);
  task.memory.setU32(lengthAt, SOCKADDR_BYTES);
  const ret = await task.syscall('recvfrom', fd, into.at, into.bytes, flags, at, lengthAt);
  return ret < 0 ? [ret] : [ret, internetAddress(task, at)];
}

function internetAddress(task: UserTask, at: number): InternetAddress {
  const isV6 = sockaddrIn.read(task.memory.data, at).family === AF.INET6;
  const { port, address } = isV6 ? sockaddrIn6.read(task.memory.data, at) : sockaddrIn.read(task.memory.data, at);
  return { address: address.slice(), port };
}

export const shutdown = (task: UserTask, fd: number, how: number): Promise<number> => task.syscall('shutdown', fd, how);

/** Send the first `bytes` bytes of `from` to the peer. */
export const send = (task: UserTask, fd: number, from: UserBuffer, bytes: number, flags = 0): Promise<number> =>
  task.syscall('sendto', fd, from.at, bytes, flags, 0, 0);

/** Send the first `bytes` bytes of `from` to this address. */
export function sendto(
  task: UserTask,
  fd: number,
  from: UserBuffer,
  bytes: number,
  flags: number,
  to: SocketAddress,
): Promise<number> {
  return task.syscall('sendto', fd, from.at, bytes, flags, ...layAddress(task, new Scratch(task, 'sendto'), to));
}

/** Receive into the whole of `into`, or less; with MSG_TRUNC on TCP the bytes are dropped, not copied. */
export const recv = (task: UserTask, fd: number, into: UserBuffer, flags = 0): Promise<number> =>
  task.syscall('recvfrom', fd, into.at, into.bytes, flags, 0, 0);

/** setsockopt(2); a number is a C int. */
export function setsockopt(
  task: UserTask,
  fd: number,
  level: number,
  option: number,
  value: number | Uint8Array,
): Promise<number> {
  const length = typeof value === 'number' ? 4 : value.length;
  const at = new Scratch(task, 'setsockopt').room(length);
  if (typeof value === 'number') task.memory.setU32(at, value >>> 0);
  else task.memory.write(at, value);
  return task.syscall('setsockopt', fd, level, option, at, length);
}

/** getsockopt(2) of at most `bytes` bytes. */
export async function getsockopt(
  task: UserTask,
  fd: number,
  level: number,
  option: number,
  bytes: number,
): Promise<Uint8Array> {
  const scratch = new Scratch(task, 'getsockopt');
  const lengthAt = scratch.room(4);
  const at = scratch.room(bytes);
  task.memory.setU32(lengthAt, bytes);
  must('getsockopt', await task.syscall('getsockopt', fd, level, option, at, lengthAt));
  return task.memory.copy(at, task.memory.u32(lengthAt));
}
