/** Many transfers of given or drawn sizes, each on a connection of its own: how long each took. */

import { SHUT, SOL } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { mapBuffer } from '../../../kernel/syscalls/memory.ts';
import { setsockopt, shutdown } from '../../../kernel/syscalls/net.ts';
import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { FlowsResult } from '../../measure/results.ts';
import { bitRate, summarize } from '../../measure/stats.ts';
import type { FlowsPlan } from '../../plan/workloads/plans.ts';
import { type ProgramTask, SMALL_SCRATCH_BYTES, type Stage } from '../programs/program.ts';
import { exponential, type Random } from '../random.ts';
import { connectFlow } from '../sockets/connect.ts';
import { IP_LOCAL_PORT_RANGE, localPorts, sendAll, tcpSocket } from '../sockets/sockets.ts';
import { TcpSink } from './tcp-sink.ts';
import { Lifetime, type Workload } from './workload.ts';

const CHUNK = 64 * 1024;
/** So many ports in TIME-WAIT make Linux search for one. */
const MANY = 1000;
/** Sizes are told apart by powers of ten. */
const decadeOf = (bytes: number): number => 10 ** Math.ceil(Math.log10(bytes));

/** A size from rows of [bytes, cumulative share], between rows in proportion. */
export function drawSize(rows: readonly (readonly [number, number])[], random: Random): number {
  const share = random();
  const above = Math.max(
    0,
    rows.findIndex(([, cumulative]) => cumulative > share),
  );
  const [bytes, cumulative] = rows[above] ?? [1, 1];
  const [bytesBelow, below] = rows[above - 1] ?? [bytes, 0];
  const within = cumulative > below ? (share - below) / (cumulative - below) : 1;
  return Math.max(1, Math.round(bytesBelow + within * (bytes - bytesBelow)));
}

export function flows(stage: Stage, plan: FlowsPlan): Workload {
  const life = new Lifetime(stage, plan);
  const random = stage.random(`workload ${plan.index}`);
  const sink = new TcpSink(stage, plan);
  const sizes = 'rows' in plan.sizes ? drawAll(plan.sizes) : plan.sizes;
  const done: { readonly bytes: number; readonly ms: number }[] = [];
  let started = 0;
  const inOrder = sizes.length > MANY;

  function drawAll({
    rows,
    count,
  }: {
    readonly rows: readonly (readonly [number, number])[];
    readonly count: number;
  }): number[] {
    return Array.from({ length: count }, () => drawSize(rows, random));
  }

  async function transfer(task: ProgramTask, bytes: number): Promise<void> {
    const beganNs = stage.nowNs();
    const index = started++;
    const fd = await tcpSocket(task, plan);
    const buffer = await mapBuffer(task, Math.min(CHUNK, bytes));
    if (inOrder) await setsockopt(task, fd, SOL.IP, IP_LOCAL_PORT_RANGE, await localPorts(task));
    await connectFlow(stage, task, fd, plan);
    const name = sink.name(task, buffer, { index, bytes });
    const sent = await sendAll(task, fd, buffer, bytes);
    if (sent < bytes) throw new Error(`a connection broke after ${sent} bytes were given to it`);
    must('shutdown', await shutdown(task, fd, SHUT.WR));
    const { endedNs = beganNs } = await task.waitFor(sink.ended(name));
    done.push({ bytes, ms: (endedNs - beganNs) / 1e6 });
    await task.syscall('close', fd);
    await task.syscall('munmap', buffer.at, buffer.bytes);
  }

  /** One after another, or each when its time has come. */
  async function schedule(task: ProgramTask): Promise<void> {
    await sleepUntil(task, life.beginsNs);
    const running: Promise<void>[] = [];
    let due = life.beginsNs;
    for (const bytes of sizes) {
      if (plan.perSecond === undefined) await transfer(task, bytes);
      else {
        await sleepUntil(task, due);
        const sent = stage.run(plan.from, (other) => transfer(other, bytes), SMALL_SCRATCH_BYTES);
        // One that fails, or is cut off by the end, is told below: until then others begin.
        sent.catch(() => {});
        running.push(sent);
        due += exponential(random, 1e9 / plan.perSecond);
      }
    }
    await task.waitFor(Promise.all(running));
    life.end();
  }

  return {
    async run() {
      try {
        await sink.open(life.fail);
        await stage.run(plan.from, schedule, SMALL_SCRATCH_BYTES);
      } catch (cause) {
        life.fail(cause);
      }
    },

    progress: () => ({
      received: done.length,
      bytes: done.reduce((sum, flow) => sum + flow.bytes, 0),
      timesMs: done.map(({ ms }) => ms),
    }),

    async result(): Promise<FlowsResult> {
      const bytes = done.reduce((sum, flow) => sum + flow.bytes, 0);
      const completion = summarize(done.map(({ ms }) => ms));
      const decades = [...new Set(done.map((flow) => decadeOf(flow.bytes)))].sort((a, b) => a - b);
      return {
        type: 'flows',
        ...life.common(),
        started,
        finished: done.length,
        bytes,
        goodput_bps: bitRate(bytes, life.lastedNs),
        ...(completion && { completion_ms: completion }),
        by_size: decades.flatMap((decade) => {
          const times = summarize(done.filter((flow) => decadeOf(flow.bytes) === decade).map(({ ms }) => ms));
          return times ? [{ bytes: decade, count: times.count, completion_ms: times }] : [];
        }),
      };
    },
  };
}
