/** Requests and responses over TCP, one at a time: how many, and how long each took. */

import { SOCK, SOL } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { mapBuffer } from '../../../kernel/syscalls/memory.ts';
import { accept4, setsockopt } from '../../../kernel/syscalls/net.ts';
import { sleepUntil } from '../../../kernel/syscalls/time.ts';
import type { RequestResponseResult } from '../../measure/results.ts';
import { summarize } from '../../measure/stats.ts';
import type { RequestResponsePlan } from '../../plan/workloads/plans.ts';
import type { ProgramTask, Stage } from '../programs/program.ts';
import { connectFlow } from '../sockets/connect.ts';
import { tcpListener } from '../sockets/listen.ts';
import { discard, IP_LOCAL_PORT_RANGE, localPorts, sendAll, tcpSocket } from '../sockets/sockets.ts';
import { Lifetime, type Workload } from './workload.ts';

const CHUNK = 64 * 1024;
const BACKLOG = 128;

export function requestResponse(stage: Stage, plan: RequestResponsePlan): Workload {
  const life = new Lifetime(stage, plan);
  const latenciesMs: number[] = [];

  async function server(task: ProgramTask, ready: () => void): Promise<void> {
    const listener = await tcpListener(task, plan, BACKLOG);
    const buffer = await mapBuffer(task, Math.min(CHUNK, plan.response));
    ready();
    for (;;) {
      const fd = must('accept4', await accept4(task, listener, SOCK.CLOEXEC));
      while ((await discard(task, fd, plan.request)) === plan.request) await sendAll(task, fd, buffer, plan.response);
      await task.syscall('close', fd);
    }
  }

  async function client(task: ProgramTask): Promise<void> {
    const buffer = await mapBuffer(task, Math.min(CHUNK, plan.request));
    const endsNs = life.endsNs(plan);
    const range = plan.reconnect ? await localPorts(task) : 0;
    await sleepUntil(task, life.beginsNs);
    let fd = -1;
    for (let n = 0; n < (plan.count ?? Number.POSITIVE_INFINITY) && stage.nowNs() < endsNs; n++) {
      const askedNs = stage.nowNs();
      if (fd < 0) {
        fd = await tcpSocket(task, plan);
        if (plan.reconnect) await setsockopt(task, fd, SOL.IP, IP_LOCAL_PORT_RANGE, range);
        await connectFlow(stage, task, fd, plan);
      }
      await sendAll(task, fd, buffer, plan.request);
      const got = await discard(task, fd, plan.response);
      if (got < plan.response) throw new Error(`the connection broke after ${got} bytes of a response`);
      const answeredNs = stage.nowNs();
      if (answeredNs <= endsNs) latenciesMs.push((answeredNs - askedNs) / 1e6);
      if (plan.reconnect) {
        await task.syscall('close', fd);
        fd = -1;
      }
      if (plan.thinkNs) await sleepUntil(task, answeredNs + plan.thinkNs);
    }
    if (fd >= 0) await task.syscall('close', fd);
    life.end();
  }

  return {
    async run() {
      try {
        await new Promise<void>((ready, reject) => {
          stage
            .run(plan.to, (task) => server(task, ready))
            .catch((cause) => {
              reject(cause);
              life.fail(cause);
            });
        });
        await stage.run(plan.from, client);
      } catch (cause) {
        life.fail(cause);
      }
    },

    progress: () => ({
      received: latenciesMs.length,
      bytes: latenciesMs.length * plan.response,
      timesMs: latenciesMs,
    }),

    async result(): Promise<RequestResponseResult> {
      // Without a count it goes on to the end, whatever it waits for then.
      if (plan.count === undefined && stage.nowNs() >= life.endsNs(plan)) life.end();
      const latency = summarize(latenciesMs);
      const seconds = life.lastedNs / 1e9;
      return {
        type: 'rr',
        ...life.common(),
        transactions: latenciesMs.length,
        per_second: seconds > 0 ? latenciesMs.length / seconds : 0,
        ...(latency && { latency_ms: latency }),
      };
    },
  };
}
