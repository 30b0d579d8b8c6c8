/** Messages of rtnetlink that name something by a number of the program's: a descriptor or a process. */

import type { Ptr } from '../../../../kernel/memory.ts';
import type { Call } from '../../program/call.ts';
import type { KernelTask } from '../../program/kernel-task.ts';

// linux/rtnetlink.h, linux/if_link.h
const [RTM_NEWLINK, RTM_SETLINK, RTM_NEWNSID, RTM_GETNSID] = [16, 19, 88, 90] as const;
const [IFLA_NET_NS_PID, IFLA_LINKINFO, IFLA_NET_NS_FD] = [19, 18, 28] as const;
const [IFLA_INFO_DATA, VETH_INFO_PEER] = [2, 1] as const;
const [NETNSA_PID, NETNSA_FD] = [2, 3] as const;
const NLA_TYPE_MASK = 0x3fff;
const [NLMSGHDR, IFINFOMSG, RTGENMSG] = [16, 16, 4] as const;

/** Rewrites such numbers in what lies at `at`, so that they are our kernel's. */
export function withDescriptors(call: Call, task: KernelTask, at: Ptr, bytes: number): void {
  const { data } = task.memory;
  for (let from = 0; from + NLMSGHDR <= bytes; ) {
    const length = data.getUint32(at + from, true);
    const type = data.getUint16(at + from + 4, true);
    if (length < NLMSGHDR || from + length > bytes) return;
    const end = at + from + length;
    if (type === RTM_NEWLINK || type === RTM_SETLINK) link(call, data, at + from + NLMSGHDR + IFINFOMSG, end);
    else if (type >= RTM_NEWNSID && type <= RTM_GETNSID)
      numbers(call, data, at + from + NLMSGHDR + RTGENMSG, end, { fd: NETNSA_FD, pid: NETNSA_PID });
    from += (length + 3) & ~3;
  }
}

interface Names {
  readonly fd: number;
  readonly pid: number;
}

/** Each attribute: its type, and where its value lies. */
function* attributes(
  data: DataView,
  from: number,
  end: number,
): Generator<readonly [type: number, at: number, end: number]> {
  for (let at = from; at + 4 <= end; ) {
    const length = data.getUint16(at, true);
    if (length < 4 || at + length > end) return;
    yield [data.getUint16(at + 2, true) & NLA_TYPE_MASK, at + 4, at + length];
    at += (length + 3) & ~3;
  }
}

function numbers(call: Call, data: DataView, from: number, end: number, names: Names): void {
  for (const [type, at, stop] of attributes(data, from, end)) {
    if (stop - at < 4) continue;
    const value = data.getInt32(at, true);
    if (type === names.fd) {
      const file = call.around.fileOf(call.thread, value);
      data.setInt32(at, typeof file === 'object' ? file.fd : -1, true);
    } else if (type === names.pid) {
      const task = call.around.taskOf(value);
      if (task) data.setInt32(at, task.task.pid, true);
    }
  }
}

/** A link, and the peer of a veth: a link of its own in the data about it. */
function link(call: Call, data: DataView, from: number, end: number): void {
  numbers(call, data, from, end, { fd: IFLA_NET_NS_FD, pid: IFLA_NET_NS_PID });
  for (const [type, at, stop] of attributes(data, from, end)) {
    if (type !== IFLA_LINKINFO) continue;
    for (const [inner, infoAt, infoStop] of attributes(data, at, stop)) {
      if (inner !== IFLA_INFO_DATA) continue;
      for (const [kind, peerAt, peerStop] of attributes(data, infoAt, infoStop))
        if (kind === VETH_INFO_PEER && peerStop - peerAt > IFINFOMSG)
          numbers(call, data, peerAt + IFINFOMSG, peerStop, { fd: IFLA_NET_NS_FD, pid: IFLA_NET_NS_PID });
    }
  }
}
