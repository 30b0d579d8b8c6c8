/** One task of a kernel that waits for many sockets at once, and makes the calls on them. */

import { errnos } from '../../abi/errno.ts';
import { WALL, WNOHANG } from '../../abi/uapi/wait.ts';
import type { HostedTask } from '../../kernel/hosted-task.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { type Ptr, plus } from '../../kernel/memory.ts';
import { mapBuffer } from '../../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../../kernel/syscalls/scratch.ts';

export const EPOLL = { IN: 0x1, OUT: 0x4, ERR: 0x8, HUP: 0x10, RDHUP: 0x2000 } as const;
const ONESHOT = 0x4000_0000;
const CTL = { ADD: 1, DEL: 2, MOD: 3 } as const;
/** struct epoll_event: events, then data of 64 bits at 8. */
const EVENT_BYTES = 16;
const MOST_EVENTS = 64;
const SIGSET_BYTES = 8;
const EINTR = -errnos.EINTR.number;

/** Bytes that one call moves at most. */
export const BUFFER_BYTES = 65_536;

type Interest = typeof EPOLL.IN | typeof EPOLL.OUT;

interface Watch {
  registered: boolean;
  waiting: { readonly interest: Interest; readonly ready: () => void }[];
}

/**
 * Sockets of one network namespace, that of pid 1 when it is opened. Calls are made one after another by a task of its own, which exists while there is
 * something to do (`hold`), and no longer: a kernel at rest has none of it.
 */
export class Reactor {
  readonly #kernel: Kernel;
  readonly task: HostedTask;
  readonly buffer: UserBuffer;
  readonly #events: UserBuffer;
  readonly #epoll: number;
  readonly #watches = new Map<number, Watch>();
  #tail: Promise<unknown> = Promise.resolve();
  /** Operations that are queued or run. */
  #queued = 0;
  #waiting = false;
  #ending = false;
  #closed = false;

  private constructor(kernel: Kernel, task: HostedTask, buffers: readonly [UserBuffer, UserBuffer], epoll: number) {
    this.#kernel = kernel;
    this.task = task;
    [this.buffer, this.#events] = buffers;
    this.#epoll = epoll;
  }

  static async open(kernel: Kernel): Promise<Reactor> {
    const task = await kernel.spawn();
    const buffers = [await mapBuffer(task, BUFFER_BYTES), await mapBuffer(task, MOST_EVENTS * EVENT_BYTES)] as const;
    const epoll = must('epoll_create1', await task.syscall('epoll_create1', 0));
    const reactor = new Reactor(kernel, task, buffers, epoll);
    reactor.#idle();
    return reactor;
  }

  get closed(): boolean {
    return this.#closed || this.#ending;
  }

  get kernel(): Kernel {
    return this.#kernel;
  }

  /** Alone with the task and its memory: after the operations before it. */
  run<T>(operation: (task: HostedTask) => Promise<T>): Promise<T> {
    if (this.#closed || this.#ending) return Promise.reject(new Error('the sockets are closed'));
    return this.#push(operation);
  }

  #push<T>(operation: (task: HostedTask) => Promise<T>): Promise<T> {
    this.#queued++;
    const done = this.#tail.then(async () => {
      if (this.#closed) throw new Error('the sockets are closed');
      this.task.attach();
      return operation(this.task);
    });
    this.#tail = done.then(
      () => this.#next(),
      () => this.#next(),
    );
    this.#interrupt();
    return done;
  }

  /** Settles when the descriptor can be read, or written, or has failed. */
  async ready(fd: number, interest: Interest): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch = this.#watches.get(fd) ?? { registered: false, waiting: [] };
    this.#watches.set(fd, watch);
    watch.waiting.push({ interest, ready: resolve });
    await this.run((task) => this.#arm(task, fd, watch));
    return promise;
  }

  /** Closes it; who waits for it goes on. */
  async close(fd: number): Promise<void> {
    const watch = this.#watches.get(fd);
    this.#watches.delete(fd);
    for (const { ready } of watch?.waiting ?? []) ready();
    await this.run((task) => task.syscall('close', fd));
  }

  /** The task ends, with all its sockets. */
  async end(): Promise<void> {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    for (const { waiting } of this.#watches.values()) for (const { ready } of waiting) ready();
    this.#watches.clear();
    await this.#push((task) => task.syscall('exit_group', 0)).catch(() => {});
    this.#closed = true;
    const { dead, init } = this.#kernel;
    // In its turn: pid 1 may be in a call of somebody else's.
    if (!dead) init.syscall('wait4', this.task.pid, 0, WNOHANG | WALL, 0).catch(() => {});
  }

  async #arm(task: HostedTask, fd: number, watch: Watch): Promise<void> {
    const wanted = watch.waiting.reduce((all, { interest }) => all | interest, 0);
    if (wanted === 0 || this.#watches.get(fd) !== watch) return;
    task.memory.setU32(task.scratch, (wanted | ONESHOT) >>> 0);
    task.memory.setI64FromNumber(plus(task.scratch, 8), fd);
    const operation = watch.registered ? CTL.MOD : CTL.ADD;
    must('epoll_ctl', await task.syscall('epoll_ctl', this.#epoll, operation, fd, task.scratch));
    watch.registered = true;
  }

  /** After an operation: the next one, or a wait for sockets, or rest. */
  #next(): void {
    this.#queued--;
    if (this.#queued > 0 || this.#closed || this.#kernel.dead) return;
    this.#idle();
  }

  #idle(): void {
    const someoneWaits = [...this.#watches.values()].some(({ waiting }) => waiting.length > 0);
    if (someoneWaits) this.#wait();
    else this.task.detach();
  }

  /** Until a socket is ready, or an operation wants the task. */
  #wait(): void {
    this.#queued++;
    this.#tail = this.#tail.then(async () => {
      // Somebody came meanwhile: after him.
      if (this.#queued > 1 || this.#closed) return this.#next();
      const { at } = this.#events;
      this.#waiting = true;
      let count: number;
      try {
        count = await this.task.syscall('epoll_pwait', this.#epoll, at, MOST_EVENTS, -1, 0, SIGSET_BYTES);
      } catch {
        // The kernel is dead, or the task is: nobody waits for it any more.
        this.#waiting = false;
        return this.#lost();
      }
      this.#waiting = false;
      if (count < 0 && count !== EINTR) return this.#lost();
      for (let i = 0; i < count; i++) await this.#happened(plus(at, i * EVENT_BYTES));
      this.#next();
    });
  }

  async #happened(at: Ptr): Promise<void> {
    const { memory } = this.task;
    const events = memory.u32(at);
    const fd = memory.u32(plus(at, 8));
    const watch = this.#watches.get(fd);
    if (!watch) return;
    const failed = (events & (EPOLL.ERR | EPOLL.HUP)) !== 0;
    const heard = watch.waiting.filter(({ interest }) => failed || (events & interest) !== 0);
    watch.waiting = watch.waiting.filter((one) => !heard.includes(one));
    // It was told of once: what else is waited for is armed anew.
    await this.#arm(this.task, fd, watch);
    for (const { ready } of heard) ready();
  }

  #lost(): void {
    this.#closed = true;
    for (const { waiting } of this.#watches.values()) for (const { ready } of waiting) ready();
    this.#watches.clear();
  }

  /** Takes the task out of its wait. */
  #interrupt(): void {
    if (!this.#waiting || this.#kernel.dead) return;
    // A call that the kernel has not taken yet cannot be interrupted: soon it can.
    if (this.task.runningCall !== undefined) this.#kernel.engine.interrupt(this.task);
    else
      this.#kernel.engine.turn().then(
        () => this.#interrupt(),
        () => {},
      );
  }
}
