/** Echo requests at an interval, ping(8), over the kernel's own ICMP sockets (icmp(7)). */

import { IPPROTO } from '../../../abi/netlink/constants.ts';
import { SOCK } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { plus } from '../../../kernel/memory.ts';
import { mapBuffer } from '../../../kernel/syscalls/memory.ts';
import { connect, send, socket } from '../../../kernel/syscalls/net.ts';
import type { UserBuffer } from '../../../kernel/syscalls/scratch.ts';
import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { PingResult } from '../../measure/results.ts';
import { summarize } from '../../measure/stats.ts';
import { countUnderWay } from '../../measure/under-way.ts';
import type { PingPlan } from '../../plan/workloads/plans.ts';
import { type ProgramTask, SMALL_SCRATCH_BYTES, type Stage } from '../programs/program.ts';
import { BatchReader, type Message } from '../sockets/receive.ts';
import { endpoint, familyNumber, setTos } from '../sockets/sockets.ts';
import { Lifetime, type Workload } from './workload.ts';

/** ICMP header: type, code, checksum and identifier, which the kernel fills in, and the sequence number. */
const HEADER = 8;
const ECHO_REQUEST = { ipv4: 8, ipv6: 128 } as const;

export function ping(stage: Stage, plan: PingPlan): Workload {
  const life = new Lifetime(stage, plan);
  const sentNs: number[] = [];
  const answered = new Set<number>();
  const rttsMs: number[] = [];
  let duplicates = 0;

  async function program(task: ProgramTask): Promise<void> {
    const protocol = plan.address.family === 'ipv4' ? IPPROTO.ICMP : IPPROTO.ICMPV6;
    const fd = must(
      'socket',
      await socket(task, familyNumber(plan.address.family), SOCK.DGRAM | SOCK.CLOEXEC, protocol),
    );
    await setTos(task, fd, plan.address.family, plan.tos);
    const buffer = await mapBuffer(task, HEADER + plan.size);
    const reader = await BatchReader.open(task, fd, HEADER, stage.realtime);
    await sleepUntil(task, life.beginsNs);
    must('connect', await connect(task, fd, endpoint(plan.address, 0)));
    for (let n = 0; n < plan.count; n++) {
      const due = life.beginsNs + n * plan.intervalNs;
      // It could not be answered any more.
      if (due >= stage.endsNs) break;
      await collect(reader, due);
      await request(task, fd, buffer, n);
    }
    await collect(reader, life.beginsNs + (plan.count - 1) * plan.intervalNs + plan.timeoutNs);
    life.end();
    await task.syscall('close', fd);
  }

  async function request(task: ProgramTask, fd: number, buffer: UserBuffer, n: number): Promise<void> {
    const { memory } = task;
    memory.view(buffer.at, HEADER + plan.size).fill(0);
    memory.view(buffer.at, 1)[0] = ECHO_REQUEST[plan.address.family];
    memory.write(plus(buffer.at, 6), Uint8Array.of((n >>> 8) & 0xff, n & 0xff));
    sentNs.push(stage.nowNs());
    // An unreachable target is no end: the next one may get through.
    await send(task, fd, buffer, HEADER + plan.size);
  }

  /** Take answers until then; the last one that is missing ends it sooner. */
  async function collect(reader: BatchReader, untilNs: number): Promise<void> {
    while (!(sentNs.length === plan.count && answered.size === plan.count) && (await reader.wait(stage, untilNs)))
      await reader.drain(answer);
  }

  /** Sequence numbers have 16 bits: an answer belongs to the latest request with its number. */
  function answer({ bytes: [, , , , , , high = 0, low = 0], timeNs }: Message): void {
    const sequence = (high << 8) | low;
    const n = sequence + 65_536 * Math.floor((sentNs.length - 1 - sequence) / 65_536);
    const sent = sentNs[n];
    if (sent === undefined) return;
    if (answered.has(n)) duplicates++;
    else {
      answered.add(n);
      rttsMs.push((timeNs - sent) / 1e6);
    }
  }

  /** The simulation may end before answers come that are no slower than others were, or than links are. */
  function inFlight(): number {
    return countUnderWay({
      sentNs,
      hasArrived: (n) => answered.has(n),
      timesMs: rttsMs,
      nowNs: stage.nowNs(),
      otherwiseMs: stage.allDelaysNs / 1e6,
    });
  }

  return {
    run: () => stage.run(plan.from, program, SMALL_SCRATCH_BYTES).catch(life.fail),
    progress: () => ({ received: answered.size, bytes: answered.size * plan.size, timesMs: rttsMs }),
    async result(): Promise<PingResult> {
      const [sent, received] = [sentNs.length, answered.size];
      const common = life.common();
      const in_flight = common.completed ? 0 : inFlight();
      const due = sent - in_flight;
      const rtt = summarize(rttsMs);
      return {
        type: 'ping',
        ...common,
        sent,
        received,
        in_flight,
        duplicates,
        loss: due ? (due - received) / due : 0,
        ...(rtt && { rtt_ms: rtt }),
      };
    },
  };
}
