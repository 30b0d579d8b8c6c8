/** Packets of a capture at their times, in both directions: each a datagram of the same length. */

import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { ReplayResult } from '../../measure/results.ts';
import { summarize } from '../../measure/stats.ts';
import type { ReplayPlan } from '../../plan/workloads/plans.ts';
import type { Replayed } from '../../replay/plan-replay.ts';
import { type ProgramTask, SMALL_SCRATCH_BYTES, type Stage } from '../programs/program.ts';
import { setTos } from '../sockets/sockets.ts';
import { UDP_HEADER, UdpStream } from './udp-stream.ts';
import { Lifetime, type Workload } from './workload.ts';

/** Of IP and UDP. */
const HEADERS = { ipv4: 28, ipv6: 48 } as const;
const MOST_PAYLOAD = 65_000;

export function replay(stage: Stage, plan: ReplayPlan): Workload {
  const life = new Lifetime(stage, plan);
  const { family } = plan.address;
  const sizeOf = ({ length }: Replayed): number =>
    Math.min(MOST_PAYLOAD, Math.max(UDP_HEADER, length - HEADERS[family]));
  const ways = [
    { packets: plan.replay.there, flow: plan },
    { packets: plan.replay.back, flow: { ...plan, from: plan.to, to: plan.from, address: plan.backTo } },
  ].map(({ packets, flow }) => {
    const most = packets.reduce((size, packet) => Math.max(size, sizeOf(packet)), UDP_HEADER);
    return { packets, from: flow.from, stream: new UdpStream(stage, flow, most) };
  });

  async function sender(task: ProgramTask, packets: readonly Replayed[], stream: UdpStream): Promise<void> {
    const { fd, buffer } = await stream.openSender(task);
    let dscp = -1;
    for (const packet of packets) {
      // Those that come after the end are waited for as long as there is time: then it was cut off.
      await sleepUntil(task, Math.min(life.beginsNs + packet.atNs, stage.endsNs + 1e9));
      if (plan.tos === undefined && packet.dscp !== dscp) {
        await setTos(task, fd, family, packet.dscp << 2);
        dscp = packet.dscp;
      }
      await stream.send(task, fd, buffer, sizeOf(packet));
    }
    await stream.settle(task);
  }

  return {
    async run() {
      try {
        for (const { stream } of ways) await stream.open(life.fail);
        await Promise.all(
          ways.map(({ packets, from, stream }) =>
            stage.run(from, (task) => sender(task, packets, stream), SMALL_SCRATCH_BYTES),
          ),
        );
        life.end();
      } catch (cause) {
        life.fail(cause);
      }
    },

    progress: () => ({
      received: ways.reduce((sum, { stream }) => sum + stream.received, 0),
      bytes: ways.reduce((sum, { stream }) => sum + stream.receivedBytes, 0),
      timesMs: ways.flatMap(({ stream }) => stream.oneWayMs),
    }),

    async result(asker): Promise<ReplayResult> {
      for (const { stream } of ways) await stream.close(asker);
      const [there, back] = ways.map(({ packets, stream }) => {
        const oneWay = summarize(stream.oneWayMs);
        const { sent, received, inFlight, lost, reordered, receivedBytes } = stream;
        return {
          packets: packets.length,
          sent,
          received,
          in_flight: inFlight,
          lost,
          loss: sent > inFlight ? lost / (sent - inFlight) : 0,
          reordered,
          bytes: receivedBytes,
          ...(oneWay && { one_way_ms: oneWay }),
        };
      });
      if (!there || !back) throw new Error('a replay has two ways');
      return { type: 'replay', ...life.common(), skipped: plan.replay.skipped, there, back };
    },
  };
}
