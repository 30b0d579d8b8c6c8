/** One packet of a packet socket, with what our kernel tells about it in control messages. */

import { plus } from '../../../kernel/memory.ts';
import { negative } from '../program/failed.ts';
import { DATA_BYTES, type KernelTask } from '../program/kernel-task.ts';
import type { Packet } from './ring.ts';

const [SOL_SOCKET, SOL_PACKET] = [1, 263] as const;
const [PACKET_AUXDATA, SO_TIMESTAMPNS] = [8, 64] as const;
/** struct sockaddr_ll; it and one iovec lie behind struct msghdr. */
const [ADDRESS_BYTES, IOV, NAME, CONTROL_BYTES] = [20, 32, 64, 256] as const;
const CMSG_HEADER = 12;
const MSG_TRUNC = 0x20;

/** The socket tells of each packet how long it was, where its headers are, and when it came. */
export async function tellMore(task: KernelTask, fd: number): Promise<number> {
  task.memory.setU32(task.structs, 1);
  const ret = await task.call('setsockopt', fd, SOL_PACKET, PACKET_AUXDATA, task.structs, 4);
  return ret < 0 ? ret : task.call('setsockopt', fd, SOL_SOCKET, SO_TIMESTAMPNS, task.structs, 4);
}

/** Undefined: an error, which a ring's program is not told here. */
export async function receive(task: KernelTask, fd: number): Promise<Packet | 'ended' | undefined> {
  const { memory, structs, control } = task;
  const words = [structs + NAME, ADDRESS_BYTES, structs + IOV, 1, control, CONTROL_BYTES, 0];
  for (const [i, word] of words.entries()) memory.setU32(plus(structs, 4 * i), word);
  memory.setU32(plus(structs, IOV), task.data);
  memory.setU32(plus(structs, IOV + 4), DATA_BYTES);
  const got = await task.call('recvmsg', fd, structs, MSG_TRUNC);
  if (got === negative('EBADF') || got === negative('ENOTSOCK')) return 'ended';
  if (got < 0) return undefined;
  const told = read(memory.copy(control, Math.min(memory.u32(plus(structs, 20)), CONTROL_BYTES)));
  return {
    bytes: memory.copy(task.data, Math.min(got, DATA_BYTES)),
    address: memory.copy(plus(structs, NAME), ADDRESS_BYTES),
    length: told.length ?? got,
    network: told.network,
    status: told.status,
    vlan: told.vlan,
    seconds: told.seconds,
    ns: told.ns,
  };
}

/** struct tpacket_auxdata: status, length, captured length, offsets of two headers, VLAN; and a time of two words of 64 bits. */
function read(control: Uint8Array) {
  const view = new DataView(control.buffer, control.byteOffset, control.byteLength);
  const told = {
    length: undefined as number | undefined,
    network: 0,
    status: 0,
    vlan: { tci: 0, tpid: 0 },
    seconds: 0,
    ns: 0,
  };
  for (let at = 0; at + CMSG_HEADER <= view.byteLength; ) {
    const bytes = view.getUint32(at, true);
    if (bytes < CMSG_HEADER || at + bytes > view.byteLength) break;
    const [level, type, data] = [view.getUint32(at + 4, true), view.getUint32(at + 8, true), at + CMSG_HEADER];
    if (level === SOL_PACKET && type === PACKET_AUXDATA) {
      told.status = view.getUint32(data, true);
      told.length = view.getUint32(data + 4, true);
      told.network = view.getUint16(data + 14, true) - view.getUint16(data + 12, true);
      told.vlan = { tci: view.getUint16(data + 16, true), tpid: view.getUint16(data + 18, true) };
    } else if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) {
      told.seconds = Number(view.getBigInt64(data, true));
      told.ns = Number(view.getBigInt64(data + 8, true));
    }
    at += (bytes + 3) & -4;
  }
  return told;
}
