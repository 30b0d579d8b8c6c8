/** Connects as a flow is to: with or without ECN, whatever its host has. */

import { errnos } from '../../../abi/errno.ts';
import { POLL, SO, SOL, TCP } from '../../../abi/uapi/socket.ts';
import { KernelError, must } from '../../../kernel/kernel-error.ts';
import { connect, getsockopt, setsockopt } from '../../../kernel/syscalls/net.ts';
import { setSysctl } from '../../../kernel/syscalls/sysctl.ts';
import { readText } from '../../../kernel/sysfs.ts';
import type { Node } from '../../plan/topology.ts';
import type { FlowPlan, TcpOptionsPlan } from '../../plan/workloads/plans.ts';
import type { ProgramTask, Stage } from '../programs/program.ts';
import { endpoint, waitReady } from './sockets.ts';

const TCP_ECN = 'net.ipv4.tcp_ecn';
const F_SETFL = 4;
/** As fcntl(2) has it on this machine. */
const O_NONBLOCK = 0o4000;

/** Whoever connects on a host while its setting is another flow's waits for its turn. */
const turns = new WeakMap<Node, Promise<void>>();

/** Throws what Linux says against it, as it does of a call that waits for the connection. */
export async function connectFlow(
  stage: Stage,
  task: ProgramTask,
  fd: number,
  plan: FlowPlan & { readonly options: TcpOptionsPlan },
): Promise<void> {
  const to = endpoint(plan.address, plan.port);
  const { ecn, fastopen } = plan.options;
  // With it connect(2) waits for nothing: the SYN leaves with the first bytes.
  if (fastopen) must('setsockopt', await setsockopt(task, fd, SOL.TCP, TCP.FASTOPEN_CONNECT, 1));
  if (ecn === undefined) return void must('connect', await connect(task, fd, to));
  // No option of a socket says it: Linux looks at the host's setting when the first segment leaves, and no call here waits.
  const before = turns.get(plan.from);
  const turn = Promise.withResolvers<void>();
  turns.set(plan.from, turn.promise);
  if (before) await task.waitFor(before);
  let ret: number;
  try {
    must('fcntl64', await task.syscall('fcntl64', fd, F_SETFL, O_NONBLOCK));
    const own = (await readText(task, `/proc/sys/${TCP_ECN.replaceAll('.', '/')}`)).trim();
    if (ecn !== 'host') await setSysctl(task, TCP_ECN, ecn === 'asks' ? '1' : '0');
    ret = await connect(task, fd, to);
    if (ecn !== 'host') await setSysctl(task, TCP_ECN, own);
    must('fcntl64', await task.syscall('fcntl64', fd, F_SETFL, 0));
  } finally {
    turn.resolve();
  }
  if (ret !== -errnos.EINPROGRESS.number) return void must('connect', ret);
  await waitReady(stage, task, fd, POLL.OUT, Number.POSITIVE_INFINITY);
  const error = new DataView((await getsockopt(task, fd, SOL.SOCKET, SO.ERROR, 4)).buffer).getInt32(0, true);
  if (error !== 0) throw new KernelError('connect', error);
}
