/** Traffic that comes and goes: bursts of TCP or of steady UDP with silence between. */

import { MSG, POLL, SHUT } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { mapBuffer } from '../../../kernel/syscalls/memory.ts';
import { send, shutdown } from '../../../kernel/syscalls/net.ts';
import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { OnOffResult } from '../../measure/results.ts';
import { bitRate } from '../../measure/stats.ts';
import type { OnOffPlan } from '../../plan/workloads/plans.ts';
import { type ProgramTask, SMALL_SCRATCH_BYTES, type Stage } from '../programs/program.ts';
import { exponential } from '../random.ts';
import { connectFlow } from '../sockets/connect.ts';
import { EAGAIN, tcpSocket, waitReady } from '../sockets/sockets.ts';
import { type Name, TcpSink } from './tcp-sink.ts';
import { isAble, UdpStream } from './udp-stream.ts';
import { Lifetime, type Workload } from './workload.ts';

const CHUNK = 256 * 1024;

/** Begin and end of each burst. */
interface Burst {
  readonly fromNs: number;
  readonly toNs: number;
}

export function onOff(stage: Stage, plan: OnOffPlan): Workload {
  const life = new Lifetime(stage, plan);
  const random = stage.random(`workload ${plan.index}`);
  const isUdp = plan.intervalNs !== undefined;
  const stream = new UdpStream(stage, plan, plan.size);
  const sink = new TcpSink(stage, plan);
  /** There is one. */
  let name: Name | undefined;
  let periods = 0;

  const length = (meanNs: number): number => Math.round(plan.exponential ? exponential(random, meanNs) : meanNs);

  function* bursts(): Generator<Burst> {
    const endsNs = life.endsNs(plan);
    for (let fromNs = life.beginsNs; fromNs < endsNs; ) {
      const toNs = Math.min(endsNs, fromNs + length(plan.onNs));
      periods++;
      yield { fromNs, toNs };
      fromNs = toNs + length(plan.offNs);
    }
  }

  /** The last silence is of its time as the others are. */
  async function endWithSilence(task: ProgramTask): Promise<void> {
    life.end(life.endsNs(plan));
    await sleepUntil(task, life.endsNs(plan));
  }

  async function udpSender(task: ProgramTask): Promise<void> {
    const { fd, buffer } = await stream.openSender(task);
    for (const { fromNs, toNs } of bursts()) {
      for (let due = fromNs; due < toNs; due += plan.intervalNs ?? 1) {
        await sleepUntil(task, due);
        await stream.send(task, fd, buffer);
      }
    }
    await endWithSilence(task);
    await stream.settle(task);
  }

  async function tcpSender(task: ProgramTask): Promise<void> {
    const fd = await tcpSocket(task, plan);
    const buffer = await mapBuffer(task, CHUNK);
    await sleepUntil(task, life.beginsNs);
    await connectFlow(stage, task, fd, plan);
    name = sink.name(task, buffer, { index: 0, bytes: CHUNK });
    stage.watched.push({ workload: plan.index, stream: 0, task, fd });
    for (const { fromNs, toNs } of bursts()) {
      await sleepUntil(task, fromNs);
      while (stage.nowNs() < toNs) {
        const sent = await send(task, fd, buffer, CHUNK, MSG.DONTWAIT | MSG.NOSIGNAL);
        if (sent === EAGAIN) await waitReady(stage, task, fd, POLL.OUT, toNs);
        else must('sendto', sent);
      }
    }
    must('shutdown', await shutdown(task, fd, SHUT.WR));
    await task.waitFor(sink.ended(name));
    await endWithSilence(task);
  }

  return {
    async run() {
      try {
        await (isUdp ? stream : sink).open(life.fail);
        await stage.run(plan.from, isUdp ? udpSender : tcpSender, SMALL_SCRATCH_BYTES);
      } catch (cause) {
        life.fail(cause);
      }
    },

    ...(isUdp && {
      progress: () => ({ received: stream.received, bytes: stream.received * plan.size, timesMs: stream.oneWayMs }),
    }),

    async result(asker): Promise<OnOffResult> {
      if (isUdp) await stream.close(asker);
      const bytes = isUdp ? stream.received * plan.size : name === undefined ? 0 : await sink.bytesFrom(name, asker);
      return {
        type: 'on-off',
        ...life.common(),
        periods,
        bytes,
        goodput_bps: bitRate(bytes, life.lastedNs),
        ...(isUdp && { lost: stream.lost, in_flight: stream.inFlight }),
        ...(isUdp && isAble(plan) && { marked: stream.marked }),
      };
    },
  };
}
