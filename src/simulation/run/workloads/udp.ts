/** Datagrams at a steady rate, to a node or to a group: what arrived, when, and in which order. */

import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { UdpResult } from '../../measure/results.ts';
import { summarize } from '../../measure/stats.ts';
import type { Interface } from '../../plan/topology.ts';
import type { UdpPlan } from '../../plan/workloads/plans.ts';
import { type ProgramTask, SMALL_SCRATCH_BYTES, type Stage } from '../programs/program.ts';
import { sendToGroups } from '../sockets/sockets.ts';
import { isAble, UdpStream } from './udp-stream.ts';
import { Lifetime, type Workload } from './workload.ts';

export function udp(stage: Stage, plan: UdpPlan): Workload {
  const life = new Lifetime(stage, plan);
  const { group } = plan;
  const device = (i: Interface): number => stage.network.devices.ofInterface.get(i) ?? 0;
  const streams = group
    ? group.receivers.map(
        ({ node, through }) => new UdpStream(stage, { ...plan, to: node }, plan.size, device(through)),
      )
    : [new UdpStream(stage, plan, plan.size)];
  const [first = new UdpStream(stage, plan, plan.size)] = streams;
  const sum = (of: (stream: UdpStream) => number): number => streams.reduce((all, stream) => all + of(stream), 0);

  async function sender(task: ProgramTask): Promise<void> {
    const { fd, buffer } = await first.openSender(task, async (made) => {
      // Nothing but this says where a group is, on a host without a default route.
      if (group) await sendToGroups(task, made, plan.address.family, { device: device(group.out), ttl: group.ttl });
    });
    const endsNs = life.endsNs(plan);
    for (let n = 0; n < (plan.count ?? Number.POSITIVE_INFINITY); n++) {
      const due = life.beginsNs + n * plan.intervalNs;
      if (due >= endsNs) break;
      await sleepUntil(task, due);
      // It may be behind: datagrams that are due are not sent after the end.
      if (n > 0 && stage.nowNs() >= endsNs) break;
      for (const other of streams.slice(1)) other.noteSent(stage.nowNs());
      await first.send(task, fd, buffer);
    }
    life.end();
    for (const stream of streams) await stream.settle(task);
  }

  return {
    async run() {
      try {
        for (const stream of streams) await stream.open(life.fail);
        await stage.run(plan.from, sender, SMALL_SCRATCH_BYTES);
      } catch (cause) {
        life.fail(cause);
      }
    },

    progress: () => {
      const received = sum((stream) => stream.received);
      const timesMs = streams.length === 1 ? first.oneWayMs : streams.flatMap((stream) => stream.oneWayMs);
      return { received, bytes: received * plan.size, timesMs };
    },
    async result(asker): Promise<UdpResult> {
      for (const stream of streams) await stream.close(asker);
      const sent = sum((stream) => stream.sent);
      const inFlight = sum((stream) => stream.inFlight);
      const lost = sum((stream) => stream.lost);
      const oneWay = summarize(streams.flatMap((stream) => stream.oneWayMs));
      const variation = summarize(streams.flatMap((stream) => stream.jitter.differences));
      const goodputs = streams.flatMap((stream) => stream.goodputBps ?? []);
      return {
        type: 'udp',
        ...life.common(),
        sent,
        received: sum((stream) => stream.received),
        in_flight: inFlight,
        lost,
        loss: sent > inFlight ? lost / (sent - inFlight) : 0,
        duplicates: sum((stream) => stream.duplicates),
        reordered: sum((stream) => stream.reordered),
        ...(isAble(plan) && { marked: sum((stream) => stream.marked) }),
        ...(group && {
          receivers: streams.map((stream, i) => ({
            node: group.receivers[i]?.node.name ?? '',
            received: stream.received,
            lost: stream.lost,
            in_flight: stream.inFlight,
          })),
        }),
        ...(goodputs.length > 0 && { goodput_bps: goodputs.reduce((all, one) => all + one, 0) }),
        ...(oneWay && { one_way_ms: oneWay }),
        jitter_ms: sum((stream) => stream.jitter.mean) / streams.length,
        jitter_max_ms: Math.max(...streams.map((stream) => stream.jitter.max)),
        jitter_last_ms: first.jitter.value,
        ...(variation && { delay_variation_ms: variation }),
      };
    },
  };
}
