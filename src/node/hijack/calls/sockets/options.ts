/** setsockopt(2) and getsockopt(2): most options are the same here and in our kernel, some have longs or pointers. */

import { SO } from '../../../../abi/uapi/socket.ts';
import { plus } from '../../../../kernel/memory.ts';
import type { OpenFile } from '../../files/open-files.ts';
import type { Call } from '../../program/call.ts';
import { CallFailed, negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { headerOf, requestOf } from '../../rings/rings.ts';
import { onFile } from '../on-file.ts';
import { asTheirs } from './control-messages.ts';

const [SOL_IP, SOL_SOCKET, SOL_IPV6, SOL_PACKET] = [0, 1, 41, 263] as const;
/** asm-generic/socket.h: options with a time have a number of their own where a long has 32 bits and seconds 64. */
const withLongTimes: ReadonlyMap<number, number> = new Map([
  [20, 66],
  [21, 67],
  [29, 63],
  [35, 64],
  [37, 65],
]);
/** What those of processes are is the machine's to say. */
const [SO_PASSCRED, SO_PEERCRED, SO_PASSPIDFD, SO_PEERPIDFD] = [16, 17, 76, 77] as const;
const [SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF] = [26, 51] as const;
/** MCAST_JOIN_GROUP up to MCAST_LEAVE_SOURCE_GROUP: one or two struct sockaddr_storage behind an int. */
const [MCAST_FIRST, MCAST_LAST] = [42, 47] as const;
const STORAGE = 128;
const [PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_RESERVE, PACKET_TX_RING] = [5, 6, 10, 12, 13] as const;
const [PACKET_LOSS, PACKET_TX_HAS_OFF, PACKET_FANOUT_DATA] = [14, 19, 22] as const;
/** struct sock_fprog */
const PROGRAM_BYTES = 16;
const OPTION_BYTES = 64 * 1024;

const isMulticast = (level: number, name: number): boolean =>
  (level === SOL_IP || level === SOL_IPV6) && name >= MCAST_FIRST && name <= MCAST_LAST;

/** A program of BPF's first kind; of the other kind this is a descriptor. */
const isProgram = (level: number, name: number, length: number): boolean =>
  (level === SOL_SOCKET && (name === SO_ATTACH_FILTER || name === SO_ATTACH_REUSEPORT_CBPF)) ||
  (level === SOL_PACKET && name === PACKET_FANOUT_DATA && length === PROGRAM_BYTES);

const renamed = (level: number, name: number): number =>
  level === SOL_SOCKET ? (withLongTimes.get(name) ?? name) : name;

/** struct sock_fprog, into the task's structs: a count, and a pointer to so many instructions of 8 bytes. Answers its size. */
export function giveProgram(call: Call, task: KernelTask, at: number): number {
  const view = call.memory.view(at, 16);
  const count = view.getUint16(0, true);
  const code = call.memory.read(view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32, 8 * count);
  task.memory.setU16(task.structs, count);
  task.memory.setU32(plus(task.structs, 4), task.data);
  task.memory.write(task.data, code);
  return 8;
}

/** struct group_req and group_source_req: an address behind the int lies at 8 here, at 4 there. */
function group(call: Call, task: KernelTask, at: number, length: number): number {
  const bytes = call.memory.read(at, length);
  task.memory.write(task.structs, bytes.subarray(0, 4));
  task.memory.write(plus(task.structs, 4), bytes.subarray(8));
  return length - 4;
}

/** Rings of packets are memory that the program shares with this process. Undefined: our kernel has its part in it. */
async function ringOption(call: Call, task: KernelTask, file: OpenFile): Promise<number | undefined> {
  const [name, at, length] = [call.int(2), call.size(3), call.int(4)];
  const { rings, policy } = call.around;
  // Nobody holds virtual time for what a program finds in its own memory.
  if (name === PACKET_RX_RING && policy.keepsTime) return negative('ENOPROTOOPT');
  if (name === PACKET_RX_RING || name === PACKET_TX_RING) {
    const request = requestOf(new DataView(call.memory.read(at, Math.min(length, 28)).buffer), rings.versionOf(file));
    if (!request) return negative('EINVAL');
    return name === PACKET_RX_RING ? rings.make(task, file, request) : rings.makeSending(file, request);
  }
  if (length < 4) return undefined;
  const value = call.memory.u32(at);
  if (name === PACKET_VERSION) {
    if (headerOf(value) === undefined) return negative('EINVAL');
    rings.wants(file, { version: value });
  } else if (name === PACKET_RESERVE) {
    if (value > MOST_RESERVE) return negative('EINVAL');
    rings.wants(file, { reserve: value });
    return 0;
  } else if (name === PACKET_LOSS) rings.wants(file, { skipsWrong: value !== 0 });
  else if (name === PACKET_TX_HAS_OFF) rings.wants(file, { saysOffset: value !== 0 });
  return undefined;
}
const MOST_RESERVE = 65_536;

const setsockopt = onFile(async (call, task, file) => {
  const [level, name, at, length] = [call.int(1), call.int(2), call.size(3), call.int(4)];
  if (length < 0) return negative('EINVAL');
  if (length > OPTION_BYTES) return negative('ENOMEM');
  if (level === SOL_SOCKET && name === SO_PASSPIDFD) return negative('ENOPROTOOPT');
  if (level === SOL_SOCKET && name === SO_PASSCRED) call.around.local.wantsSenders = true;
  if (level === SOL_SOCKET && name === SO.LINGER) call.around.lingers();
  const ring = level === SOL_PACKET ? await ringOption(call, task, file) : undefined;
  if (ring !== undefined) return ring;
  if (isProgram(level, name, length)) {
    if (length !== PROGRAM_BYTES) return negative('EINVAL');
    return task.call('setsockopt', file.fd, level, name, task.structs, giveProgram(call, task, at));
  }
  if (isMulticast(level, name) && length >= 8 + STORAGE)
    return task.call(
      'setsockopt',
      file.fd,
      level,
      name,
      task.structs,
      group(call, task, at, Math.min(length, 8 + 2 * STORAGE)),
    );
  if (length > 0 && at !== 0) task.memory.write(task.data, call.memory.read(at, length));
  return task.call('setsockopt', file.fd, level, renamed(level, name), at === 0 ? 0 : task.data, length);
});

const getsockopt = onFile(async (call, task, file) => {
  const [level, name, to, lengthAt] = [call.int(1), call.int(2), call.size(3), call.size(4)];
  if (level === SOL_SOCKET && name === SO_PEERPIDFD) return negative('ENOPROTOOPT');
  const room = call.memory.u32(lengthAt);
  if (room > 0x7fff_ffff) return negative('EINVAL');
  // Some options read what is there first.
  const bytes = Math.min(room, OPTION_BYTES);
  const before = to === 0 ? new Uint8Array(0) : call.memory.readSome(to, bytes);
  if (before.length < bytes) throw new CallFailed('EFAULT');
  task.memory.write(task.data, before);
  task.memory.setU32(task.structs, bytes);
  const ret = await task.call('getsockopt', file.fd, level, renamed(level, name), task.data, task.structs);
  if (ret < 0) return ret;
  const length = task.memory.u32(task.structs);
  const value = task.memory.copy(task.data, Math.min(length, bytes));
  if (level === SOL_SOCKET && name === SO_PEERCRED && value.length === 12) asTheirs(call, value);
  if (level === SOL_PACKET && name === PACKET_STATISTICS) call.around.rings.addLost(file, value);
  call.memory.write(to, value);
  call.memory.setU32(lengthAt, length);
  return ret;
});

export const optionCalls = { setsockopt, getsockopt } as const;
