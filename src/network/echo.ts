/** One ICMP echo, as LKL's net-test sends it: raw socket, request, poll, reply. */

import { checksum } from '../abi/checksum.ts';
import { AF } from '../abi/netlink/constants.ts';
import { formatIp } from '../abi/netlink/inet.ts';
import { SOCK } from '../abi/uapi/socket.ts';
import { must } from '../kernel/kernel-error.ts';
import { type Ptr, plus } from '../kernel/memory.ts';
import { close } from '../kernel/syscalls/file.ts';
import { connect, socket } from '../kernel/syscalls/net.ts';
import type { UserTask } from '../kernel/user-task.ts';
import { awaitReadable } from './readable.ts';

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
/** [request, reply] */
const TYPES = { 4: [8, 0], 16: [128, 129] } as const;
const HEADER = 8;
const PAYLOAD = 56;

export type EchoResult =
  | { readonly ok: true; readonly from: string; readonly rttNs: number }
  | { readonly ok: false; readonly reason: string };

/** Whether `destination` (4 or 16 bytes) answers within `timeoutMs` of the kernel's time. Throws KernelError when it cannot even be asked. */
export async function echo(
  task: UserTask,
  destination: Uint8Array,
  { timeoutMs = 1000, nowNs = () => 0 }: { readonly timeoutMs?: number; readonly nowNs?: () => number } = {},
): Promise<EchoResult> {
  const v6 = destination.length === 16;
  const [request, reply] = v6 ? TYPES[16] : TYPES[4];
  const fd = must('socket', await socket(task, v6 ? AF.INET6 : AF.INET, SOCK.RAW, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP));
  try {
    const to = formatIp(destination);
    must('connect', await connect(task, fd, { address: destination, port: 0 }), to);
    const id = task.pid & 0xffff;
    const message = new Uint8Array(HEADER + PAYLOAD);
    const view = new DataView(message.buffer);
    message[0] = request;
    view.setUint16(4, id);
    view.setUint16(6, 1);
    // Of ICMPv6 the kernel makes the checksum itself.
    if (!v6) view.setUint16(2, checksum(message));
    const { memory, scratch } = task;
    memory.write(scratch, message);
    const sentNs = nowNs();
    must('sendto', await task.syscall('sendto', fd, scratch, message.length, 0, 0, 0), to);
    const deadlineNs = sentNs + timeoutMs * 1e6;
    const into = plus(scratch, 8192);
    for (;;) {
      const leftMs = Math.max(0, (deadlineNs - nowNs()) / 1e6);
      if (!(await awaitReadable(task, fd, leftMs)))
        return { ok: false, reason: `no echo reply from ${to} in ${timeoutMs} ms` };
      const length = await task.syscall('recvfrom', fd, into, 4096, 0, 0, 0);
      if (length < 0) {
        const reason = unreachable(length);
        if (reason === undefined) must('recvfrom', length, to);
        return { ok: false, reason: `${to}: ${reason}` };
      }
      const at = v6 ? into : plus(into, 4 * (memory.u8(into) & 15));
      if (isReply(task, at, reply, id)) return { ok: true, from: to, rttNs: nowNs() - sentNs };
    }
  } finally {
    await close(task, fd);
  }
}

const isReply = ({ memory }: UserTask, at: Ptr, type: number, id: number): boolean => {
  const message = memory.copy(at, HEADER);
  return message[0] === type && new DataView(message.buffer).getUint16(4) === id;
};

const words: Readonly<Record<number, string>> = {
  101: 'network is unreachable',
  111: 'port unreachable',
  113: 'no route to host',
};
const unreachable = (ret: number): string | undefined => words[-ret];
