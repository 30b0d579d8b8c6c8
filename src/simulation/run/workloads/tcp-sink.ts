/** The receiving end of TCP workloads: takes connections, drops what they carry, and remembers what each brought. */

import { MSG, SO, SOCK, SOL } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { stealFd } from '../../../kernel/syscalls/namespace.ts';
import { accept4, peerPort, recv, setsockopt } from '../../../kernel/syscalls/net.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import type { FlowPlan, TcpOptionsPlan } from '../../plan/workload-plan.ts';
import type { ProgramTask, Stage } from '../programs/program.ts';
import { tcpListener } from '../sockets/listen.ts';
import { isGone, peekMptcpReceived, peekTcpInfo } from '../sockets/sockets.ts';

/** One connection, by the port of its sender. */
export interface Received {
  /** Bytes it had brought when it ended; undefined while it lasts. */
  endedBytes?: number;
  endedNs?: number;
  /** Bytes the program has read. */
  readBytes: number;
  readonly task: UserTask;
  readonly fd: number;
}

/** Bytes that wake the reader: a wake-up costs far more than a packet. The kernel halves it where the window is smaller. */
const LOWAT = 16_384;
const BACKLOG = 4096;

export class TcpSink {
  readonly #stage: Stage;
  readonly #plan: FlowPlan & { readonly options: TcpOptionsPlan };
  readonly #received = new Map<number, Received>();
  readonly #ends = new Map<number, (end: Received) => void>();
  #fail: (cause: unknown) => void = () => {};
  #idleAcceptors = 0;

  constructor(stage: Stage, plan: FlowPlan & { readonly options: TcpOptionsPlan }) {
    this.#stage = stage;
    this.#plan = plan;
  }

  /** Listen; settles once connections can come. What goes wrong later goes to `fail`. */
  open(fail: (cause: unknown) => void): Promise<void> {
    this.#fail = fail;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#stage
      .run(this.#plan.to, async (task) => {
        const fd = await tcpListener(task, this.#plan, BACKLOG);
        must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.RCVLOWAT, LOWAT));
        resolve();
        await this.#accept(task, fd, { task, fd });
      })
      .catch((cause) => {
        reject(cause);
        fail(cause);
      });
    return promise;
  }

  /** Take connections for ever; before reading one, see that somebody else waits for the next. */
  async #accept(
    task: ProgramTask,
    fd: number,
    listener: { readonly task: UserTask; readonly fd: number },
  ): Promise<void> {
    for (;;) {
      this.#idleAcceptors++;
      const connection = must('accept4', await accept4(task, fd, SOCK.CLOEXEC));
      if (--this.#idleAcceptors === 0) this.#addAcceptor(listener);
      await this.#drain(task, connection);
    }
  }

  #addAcceptor(listener: { readonly task: UserTask; readonly fd: number }): void {
    this.#stage
      .run(this.#plan.to, async (task) => this.#accept(task, await stealFd(task, listener.task, listener.fd), listener))
      .catch(this.#fail);
  }

  async #drain(task: ProgramTask, fd: number): Promise<void> {
    const port = await peerPort(task, fd);
    const entry: Received = { readBytes: 0, task, fd };
    this.#received.set(port, entry);
    // Nothing is written there: MSG_TRUNC drops what it takes.
    const into = { at: task.scratch, bytes: task.scratchBytes };
    for (;;) {
      const n = await recv(task, fd, into, MSG.TRUNC);
      if (n > 0) entry.readBytes += n;
      else if (n === 0 || isGone(n)) break;
      else must('recvfrom', n);
    }
    entry.endedNs = this.#stage.nowNs();
    entry.endedBytes = entry.readBytes;
    await task.syscall('close', fd);
    this.#ends.get(port)?.(entry);
  }

  /** Settles when the connection from this port has brought all it had. */
  ended(port: number): Promise<Received> {
    const known = this.#received.get(port);
    if (known?.endedNs !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#ends.set(port, resolve));
  }

  /** Bytes a connection has brought so far, those not read yet included, as any task that may ask finds. */
  async bytesFrom(port: number, asker: UserTask): Promise<number> {
    const entry = this.#received.get(port);
    if (!entry) return 0;
    if (entry.endedBytes !== undefined) return entry.endedBytes;
    if (this.#plan.options.mptcp) return peekMptcpReceived(asker, entry.task, entry.fd);
    return (await peekTcpInfo(asker, entry.task, entry.fd)).bytes_received;
  }
}
