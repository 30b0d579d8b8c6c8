/** One bulk transfer over TCP or MPTCP, in parallel streams if asked: as many bytes, or as long as it is told. */

import { MSG, POLL, SHUT } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { mapBuffer } from '../../../kernel/syscalls/memory.ts';
import { send, shutdown } from '../../../kernel/syscalls/net.ts';
import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { SubflowResult, TcpResult } from '../../measure/results.ts';
import { bitRate, jainIndex, summarize } from '../../measure/stats.ts';
import type { TcpPlan } from '../../plan/workloads/plans.ts';
import { type ProgramTask, SMALL_SCRATCH_BYTES, type Stage } from '../programs/program.ts';
import { connectFlow } from '../sockets/connect.ts';
import {
  EAGAIN,
  isGone,
  peekCongestion,
  peekSubflows,
  peekTcpInfo,
  readSubflows,
  type Subflow,
  tcpSocket,
  waitReady,
} from '../sockets/sockets.ts';
import { type Name, TcpSink } from './tcp-sink.ts';
import { Lifetime, type Workload } from './workload.ts';

/** Handed to the kernel in one call. */
const CHUNK = 256 * 1024;

/** linux/tcp.h */
const TCPI_OPT_ECN = 8;

interface Stream {
  readonly task: ProgramTask;
  readonly fd: number;
  readonly name: Name;
  /** What the receiver had when the stream ended. */
  endedBytes?: number;
  /** Of MPTCP, before its subflows were closed. */
  endedSubflows?: readonly Subflow[];
}

export function tcp(stage: Stage, plan: TcpPlan): Workload {
  const life = new Lifetime(stage, plan);
  const sink = new TcpSink(stage, plan);
  const streams: Stream[] = [];

  async function sender(task: ProgramTask, index: number): Promise<void> {
    const fd = await tcpSocket(task, plan);
    const buffer = await mapBuffer(task, CHUNK);
    await sleepUntil(task, life.beginsNs);
    await connectFlow(stage, task, fd, plan);
    const share = plan.bytes === undefined ? Number.POSITIVE_INFINITY : Math.ceil(plan.bytes / plan.parallel);
    const name = sink.name(task, buffer, { index, bytes: share });
    const stream: Stream = { task, fd, name };
    streams.push(stream);
    stage.watched.push({ workload: plan.index, stream: index, task, fd });
    const untilNs = plan.bytes === undefined ? life.endsNs(plan) : Number.POSITIVE_INFINITY;
    let total = 0;
    while (total < share) {
      const chunk = Math.min(share - total, CHUNK);
      const sent = await send(task, fd, buffer, chunk, MSG.DONTWAIT | MSG.NOSIGNAL);
      if (isGone(sent)) throw new Error(`the connection broke after ${total} bytes were given to it`);
      if (sent !== EAGAIN) total += must('sendto', sent);
      // What took less than it was given is full: another call would only say so.
      if (sent < chunk && !(await waitReady(stage, task, fd, POLL.OUT, untilNs))) break;
      if (stage.nowNs() >= untilNs) break;
    }
    if (plan.bytes === undefined) stream.endedBytes = await sink.bytesFrom(name, task);
    if (plan.options.mptcp) stream.endedSubflows = await readSubflows(task, fd);
    must('shutdown', await shutdown(task, fd, SHUT.WR));
    if (plan.bytes !== undefined) stream.endedBytes = (await task.waitFor(sink.ended(name))).readBytes;
  }

  return {
    async run() {
      try {
        await sink.open(life.fail);
        await Promise.all(
          Array.from({ length: plan.parallel }, (_, i) =>
            stage.run(plan.from, (task) => sender(task, i), SMALL_SCRATCH_BYTES),
          ),
        );
        life.end();
      } catch (cause) {
        life.fail(cause);
      }
    },

    async result(asker, samples): Promise<TcpResult> {
      const lastedNs = life.lastedNs;
      const [first] = streams;
      const congestion = first && (await peekCongestion(asker, first.task, first.fd));
      const shares = [];
      let retransmits = 0;
      const infos = [];
      const subflows: SubflowResult[] = [];
      for (const { task, fd, name, endedBytes, endedSubflows } of streams) {
        const bytes = endedBytes ?? (await sink.bytesFrom(name, asker));
        shares.push({ bytes, goodput_bps: bitRate(bytes, lastedNs) });
        const info = await peekTcpInfo(asker, task, fd);
        infos.push(info);
        if (plan.options.mptcp)
          subflows.push(
            ...(endedSubflows ?? (await peekSubflows(asker, task, fd))).map((one) => subflowResult(one, lastedNs)),
          );
        retransmits += info.total_retrans;
      }
      const bytes = shares.reduce((sum, share) => sum + share.bytes, 0);
      const mine = samples.filter(({ workload }) => workload === plan.index);
      const rtt = summarize(mine.flatMap(({ info }) => (info.rtt > 0 ? [info.rtt / 1000] : [])));
      const fairness = shares.length > 1 ? jainIndex(shares.map((share) => share.bytes)) : undefined;
      const minRtt = Math.min(...infos.map((info) => info.min_rtt));
      return {
        type: 'tcp',
        ...life.common(),
        ...(congestion !== undefined && { congestion }),
        bytes,
        goodput_bps: bitRate(bytes, lastedNs),
        retransmits,
        ...(infos[0] && infos[0].options & TCPI_OPT_ECN && { ecn: true as const }),
        ...(rtt && { rtt_ms: rtt }),
        ...(infos.length > 0 && { min_rtt_ms: minRtt / 1000 }),
        streams: shares,
        ...(plan.options.mptcp && { subflows }),
        ...(fairness !== undefined && { fairness }),
        ...(infos[0] && { tcp_info: infos[0] }),
      };
    },
  };
}

function subflowResult({ local, remote, info }: Subflow, lastedNs: number): SubflowResult {
  return {
    local,
    remote,
    bytes_acked: info.bytes_acked,
    goodput_bps: bitRate(info.bytes_acked, lastedNs),
    rtt_ms: info.rtt / 1000,
    min_rtt_ms: info.min_rtt / 1000,
    retransmits: info.total_retrans,
    cwnd: info.snd_cwnd,
  };
}
