/** The receiving end of TCP workloads: takes connections, drops what they carry, and remembers what each brought. */

import { MSG, SO, SOCK, SOL } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { stealFd } from '../../../kernel/syscalls/namespace.ts';
import { accept4, recv, setsockopt } from '../../../kernel/syscalls/net.ts';
import type { UserBuffer } from '../../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import type { FlowPlan, TcpOptionsPlan } from '../../plan/workloads/plans.ts';
import type { ProgramTask, Stage } from '../programs/program.ts';
import { tcpListener } from '../sockets/listen.ts';
import { isGone, peekMptcpReceived, peekTcpInfo } from '../sockets/sockets.ts';

/** One connection. */
export interface Received {
  /** Bytes it had brought when it ended; undefined while it lasts. */
  endedBytes?: number;
  endedNs?: number;
  /** Bytes the program has read. */
  readBytes: number;
  readonly task: UserTask;
  readonly fd: number;
}

/** A connection says first which one it is: NAT may change its port on the way. The first one sends zeros, as all that follows is. */
const NAME_BYTES = 4;

/** What a connection is known by to both ends. */
export type Name = number;

/**
 * The nth of those that carry so many bytes, fewer than a name has. It says as much of its number as there is room for (`said`), and the rest is how many
 * have come that said the same: they come in the order in which they went, or nearly.
 */
const shortName = (bytes: number, nth: number): Name => -(nth * NAME_BYTES + bytes);
const said = (bytes: number, nth: number): number => nth % 256 ** bytes;

/** Bytes that wake the reader: a wake-up costs far more than a packet. The kernel halves it where the window is smaller. */
const LOWAT = 16_384;
const BACKLOG = 4096;

export class TcpSink {
  readonly #stage: Stage;
  readonly #plan: FlowPlan & { readonly options: TcpOptionsPlan };
  readonly #received = new Map<Name, Received>();
  readonly #ends = new Map<Name, (end: Received) => void>();
  #fail: (cause: unknown) => void = () => {};
  #idleAcceptors = 0;
  /** Of those that carry less than a name: how many went, by their bytes, and how many came, by what they said. */
  readonly #went: number[] = [];
  readonly #came = new Map<Name, number>();

  constructor(stage: Stage, plan: FlowPlan & { readonly options: TcpOptionsPlan }) {
    this.#stage = stage;
    this.#plan = plan;
  }

  /** Puts its name into the first bytes of what a connection sends: `index` is its own among those of its flow. */
  name(task: UserTask, buffer: UserBuffer, { index, bytes }: { readonly index: number; readonly bytes: number }): Name {
    if (bytes >= NAME_BYTES) {
      task.memory.setU32(buffer.at, index);
      return index;
    }
    const nth = this.#went[bytes] ?? 0;
    this.#went[bytes] = nth + 1;
    task.memory.setU32(buffer.at, said(bytes, nth));
    return shortName(bytes, nth);
  }

  /** Which of those that went a connection is that carried no more than these bytes. */
  #nameOf(bytes: number, first: number): Name {
    const number = said(bytes, first);
    const like = shortName(bytes, number);
    const before = this.#came.get(like) ?? 0;
    this.#came.set(like, before + 1);
    return shortName(bytes, number + before * 256 ** bytes);
  }

  /** Listen; settles once connections can come. What goes wrong later goes to `fail`. */
  open(fail: (cause: unknown) => void): Promise<void> {
    this.#fail = fail;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#stage
      .run(this.#plan.to, async (task) => {
        const fd = await tcpListener(task, this.#plan, BACKLOG);
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
    const into = { at: task.scratch, bytes: task.scratchBytes };
    const told = await recv(task, fd, { at: task.scratch, bytes: NAME_BYTES }, MSG.PEEK | MSG.WAITALL);
    const index = task.memory.u32(task.scratch);
    const name = told === NAME_BYTES ? index : this.#nameOf(Math.max(0, told), index);
    const entry: Received = { readBytes: 0, task, fd };
    this.#received.set(name, entry);
    must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.RCVLOWAT, LOWAT));
    // Nothing is written there: MSG_TRUNC drops what it takes.
    for (;;) {
      const n = await recv(task, fd, into, MSG.TRUNC);
      if (n > 0) entry.readBytes += n;
      else if (n === 0 || isGone(n)) break;
      else must('recvfrom', n);
    }
    entry.endedNs = this.#stage.nowNs();
    entry.endedBytes = entry.readBytes;
    await task.syscall('close', fd);
    this.#ends.get(name)?.(entry);
  }

  /** Settles when the connection has brought all it had. */
  ended(name: Name): Promise<Received> {
    const known = this.#received.get(name);
    if (known?.endedNs !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#ends.set(name, resolve));
  }

  /** Bytes a connection has brought so far, those not read yet included, as any task that may ask finds. */
  async bytesFrom(name: Name, asker: UserTask): Promise<number> {
    const entry = this.#received.get(name);
    if (!entry) return 0;
    if (entry.endedBytes !== undefined) return entry.endedBytes;
    if (this.#plan.options.mptcp) return peekMptcpReceived(asker, entry.task, entry.fd);
    return (await peekTcpInfo(asker, entry.task, entry.fd)).bytes_received;
  }
}
