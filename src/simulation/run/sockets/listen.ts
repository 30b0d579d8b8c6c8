/** Listens as the receiver of a flow is to: with its options, and TCP Fast Open where it has that. */

import { SO, SOL, TCP } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { bind, listen, setsockopt } from '../../../kernel/syscalls/net.ts';
import { setSysctl } from '../../../kernel/syscalls/sysctl.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import type { Node } from '../../plan/topology.ts';
import { anyAddress, type SocketPlan, tcpSocket } from './sockets.ts';

const FASTOPEN_SYSCTL = 'net.ipv4.tcp_fastopen';
/** Both as client and as server. */
const FASTOPEN_BOTH = '3';

/** A socket with the options of a flow, listening at its port. */
export async function tcpListener(
  task: UserTask,
  plan: SocketPlan & { readonly port: number; readonly to: Node },
  backlog: number,
): Promise<number> {
  const fd = await tcpSocket(task, plan);
  must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.REUSEADDR, 1));
  must('bind', await bind(task, fd, anyAddress(plan.address.family, plan.port)));
  if (plan.options.fastopen) {
    const { spec } = plan.to;
    if (spec.sysctls?.[FASTOPEN_SYSCTL] === undefined) await setSysctl(task, FASTOPEN_SYSCTL, FASTOPEN_BOTH);
    must('setsockopt', await setsockopt(task, fd, SOL.TCP, TCP.FASTOPEN, backlog), 'TCP_FASTOPEN');
  }
  must('listen', await listen(task, fd, backlog));
  return fd;
}
