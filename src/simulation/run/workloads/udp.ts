/** Datagrams at a steady rate: what arrived, when, and in which order. */

import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { UdpResult } from '../../measure/results.ts';
import { summarize } from '../../measure/stats.ts';
import type { UdpPlan } from '../../plan/workload-plan.ts';
import { type ProgramTask, SMALL_SCRATCH_BYTES, type Stage } from '../program.ts';
import { UdpStream } from './udp-stream.ts';
import { Lifetime, type Workload } from './workload.ts';

export function udp(stage: Stage, plan: UdpPlan): Workload {
  const life = new Lifetime(stage, plan);
  const stream = new UdpStream(stage, plan, plan.size);

  async function sender(task: ProgramTask): Promise<void> {
    const { fd, buffer } = await stream.openSender(task);
    const endsNs = life.endsNs(plan);
    for (let n = 0; n < (plan.count ?? Number.POSITIVE_INFINITY); n++) {
      const due = life.beginsNs + n * plan.intervalNs;
      if (due >= endsNs) break;
      await sleepUntil(task, due);
      await stream.send(task, fd, buffer);
    }
    life.end();
    await stream.settle(task);
  }

  return {
    async run() {
      try {
        await stream.open(life.fail);
        await stage.run(plan.from, sender, SMALL_SCRATCH_BYTES);
      } catch (cause) {
        life.fail(cause);
      }
    },

    progress: () => ({ received: stream.received, bytes: stream.received * plan.size, timesMs: stream.oneWayMs }),
    async result(asker): Promise<UdpResult> {
      await stream.close(asker);
      const oneWay = summarize(stream.oneWayMs);
      const variation = summarize(stream.jitter.differences);
      return {
        type: 'udp',
        ...life.common(),
        sent: stream.sent,
        received: stream.received,
        in_flight: stream.inFlight,
        lost: stream.lost,
        loss: stream.sent > stream.inFlight ? stream.lost / (stream.sent - stream.inFlight) : 0,
        duplicates: stream.duplicates,
        reordered: stream.reordered,
        ...(stream.goodputBps !== undefined && { goodput_bps: stream.goodputBps }),
        ...(oneWay && { one_way_ms: oneWay }),
        jitter_ms: stream.jitter.mean,
        jitter_max_ms: stream.jitter.max,
        jitter_last_ms: stream.jitter.value,
        ...(variation && { delay_variation_ms: variation }),
      };
    },
  };
}
