/**
 * Who is told that a message has come to an empty queue (mq_notify(3)). Our kernel knows no process of the machine: a task of its own asks for each, by a
 * cookie over netlink as C libraries have it for threads, and this process sends the signal.
 */

import { plus } from '../../../kernel/memory.ts';
import { hostCall } from '../../native/calls.ts';
import type { OpenFile } from '../files/open-files.ts';
import { negative } from '../program/failed.ts';
import type { KernelTask } from '../program/kernel-task.ts';

const [SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD] = [0, 1, 2] as const;
const [AF_NETLINK, SOCK_RAW] = [16, 3] as const;
/** NOTIFY_COOKIE_LEN; its last byte tells whether a message has come, or nobody is told any more. */
const COOKIE_BYTES = 32;
const WOKEN = 1;
const MOST_SIGNAL = 64;
/** struct sigevent of our kernel: a value, a signal, and how it is told. */
const SIGEVENT_BYTES = 64;
/** struct siginfo: number, errno, code, and at 24 the value. */
const SIGINFO_BYTES = 128;
const SI_MESGQ = -3;

/** What a program asks for. */
export type Notice =
  | { readonly way: number; readonly signal: number; readonly value: bigint }
  /** By a socket of the program's own, in our kernel. */
  | { readonly way: number; readonly socket: number; readonly cookie: Uint8Array };

export interface NoticesNeeds {
  newTask(): Promise<KernelTask>;
  done(task: KernelTask): void;
  interrupt(task: KernelTask): void;
}

interface Asked {
  readonly tgid: number;
  readonly file: OpenFile;
  /** It asked: our kernel has it as the owner. */
  readonly task: KernelTask;
  /** It waits for the cookie itself. */
  readonly hears: boolean;
  /** Settles once it hears no more. */
  heard: Promise<void>;
  /** It is being ended: until then its file stays open. */
  ending: Promise<void> | undefined;
}

export class Notices {
  readonly #needs: NoticesNeeds;
  readonly #asked = new Set<Asked>();
  /** Messages on their way to a queue, and signals that one of them has made due. */
  #sending = 0;
  #due: (() => void)[] = [];

  constructor(needs: NoticesNeeds) {
    this.#needs = needs;
  }

  /** 0 or a negative errno: EBUSY where somebody else is told already. */
  async add(tgid: number, file: OpenFile, notice: Notice): Promise<number> {
    if (notice.way !== SIGEV_SIGNAL && notice.way !== SIGEV_NONE && notice.way !== SIGEV_THREAD)
      return negative('EINVAL');
    if ('signal' in notice && notice.way === SIGEV_SIGNAL && (notice.signal < 0 || notice.signal > MOST_SIGNAL))
      return negative('EINVAL');
    const task = await this.#needs.newTask();
    let socket = -1;
    try {
      socket = 'socket' in notice ? notice.socket : await task.call('socket', AF_NETLINK, SOCK_RAW, 0);
      if (socket < 0) return this.#given(task, socket);
      const ret = await ask(task, file, notice, socket);
      if (ret < 0) {
        if ('signal' in notice) await task.call('close', socket);
        return this.#given(task, ret);
      }
    } catch (cause) {
      this.#needs.done(task);
      throw cause;
    }
    // Who was told before is told no more, or Linux would have refused.
    for (const before of this.#asked) if (before.file === file && !before.hears && !before.ending) this.#forget(before);
    const hears = 'signal' in notice && notice.way === SIGEV_SIGNAL;
    const asked: Asked = { tgid, file, task, hears, heard: Promise.resolve(), ending: undefined };
    this.#asked.add(asked);
    if (hears) asked.heard = this.#hear(asked, notice, socket);
    else if ('signal' in notice) await task.call('close', socket);
    return 0;
  }

  #given(task: KernelTask, ret: number): number {
    this.#needs.done(task);
    return ret;
  }

  async #hear(asked: Asked, { signal, value }: { signal: number; value: bigint }, socket: number): Promise<void> {
    const { task, tgid } = asked;
    try {
      const got = await task.call('recvfrom', socket, task.data, COOKIE_BYTES, 0, 0, 0);
      const told = got === COOKIE_BYTES ? task.memory.copy(plus(task.data, COOKIE_BYTES - 1), 1)[0] : undefined;
      if (told === WOKEN && !asked.ending) {
        const due = () => send(tgid, signal, value);
        if (this.#sending > 0) this.#due.push(due);
        else due();
      }
      await task.call('close', socket);
      if (told === WOKEN && !asked.ending) this.#forget(asked);
    } catch {
      // Our kernel has ended.
    }
  }

  /**
   * `work` sends a message. Answers what it answered, and what is to be done once its caller has been told: a signal that came to it before would end its
   * call with EINTR, though it is done.
   */
  async whileSending(work: () => Promise<number>): Promise<readonly [ret: number, then?: () => void]> {
    if (this.#asked.size === 0) return [await work()];
    this.#sending++;
    try {
      const ret = await work();
      // The task that is told in our kernel has its turn.
      if (ret === 0) await new Promise((resolve) => setImmediate(resolve));
      const due = this.#due.splice(0);
      return [ret, () => due.forEach((signal) => void signal())];
    } finally {
      this.#sending--;
    }
  }

  /** 0, whether it was told or not: as Linux has it. */
  async remove(tgid: number, file: OpenFile): Promise<number> {
    for (const asked of [...this.#asked]) if (asked.tgid === tgid && asked.file === file) await this.#end(asked);
    return 0;
  }

  #forget(asked: Asked): void {
    if (this.#asked.delete(asked)) this.#needs.done(asked.task);
  }

  #end(asked: Asked): Promise<void> {
    asked.ending ??= (async () => {
      const { task, file } = asked;
      this.#needs.interrupt(task);
      await asked.heard;
      await task.call('mq_notify', file.fd, 0);
      this.#forget(asked);
    })().catch(() => {}); // our kernel has ended
    return asked.ending;
  }

  /** No program has it open any more; it is still open in our kernel until this is done. */
  closed(file: OpenFile): Promise<unknown> | undefined {
    const over = [...this.#asked].filter((asked) => asked.file === file);
    return over.length === 0 ? undefined : Promise.all(over.map((asked) => this.#end(asked)));
  }

  gone(tgid: number): void {
    for (const asked of [...this.#asked]) if (asked.tgid === tgid) void this.#end(asked);
  }
}

function ask(task: KernelTask, { fd }: OpenFile, notice: Notice, socket: number): Promise<number> {
  const { memory, structs } = task;
  const cookie = plus(structs, SIGEVENT_BYTES);
  memory.view(structs, SIGEVENT_BYTES).fill(0);
  memory.write(cookie, 'cookie' in notice ? notice.cookie : new Uint8Array(COOKIE_BYTES));
  memory.setU32(structs, cookie);
  memory.setU32(plus(structs, 4), socket);
  memory.setU32(plus(structs, 8), notice.way === SIGEV_NONE ? SIGEV_NONE : SIGEV_THREAD);
  return task.call('mq_notify', fd, structs);
}

function send(tgid: number, signal: number, value: bigint): void {
  if (signal === 0) return;
  const info = new DataView(new ArrayBuffer(SIGINFO_BYTES));
  info.setInt32(0, signal, true);
  info.setInt32(8, SI_MESGQ, true);
  info.setBigUint64(24, value, true);
  hostCall('rt_sigqueueinfo', tgid, signal, new Uint8Array(info.buffer));
}
