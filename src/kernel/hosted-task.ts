/** One user task, as the kernel's user loop and a program on the host meet in it. */

import { REGS } from '../abi/shared.ts';
import { syscallName } from '../abi/syscall-name.ts';
import { type SyscallName, syscalls } from '../abi/syscalls.ts';
import { type KernelMemory, type Ptr, plus } from './memory.ts';
import { hasTimeout, setsTimer, timerNs } from './time/timeouts.ts';
import type { PlayedTask } from './user-task.ts';

interface Call {
  readonly number: number;
  readonly args: readonly (number | bigint)[] | Registers;
  readonly settle: (ret: number) => void;
  readonly fail: (cause: unknown) => void;
}

/** The arguments of a call as they lie in the memory of the program that makes it, which leaves them alone until it has its result. */
export interface Registers {
  /** Where what the arguments point at is, too. */
  readonly memory: KernelMemory;
  /** Six of 64 bits. */
  readonly at: Ptr;
}

const ARGUMENTS = 6;

const isRaw = (args: Call['args']): args is Registers => 'memory' in args;

/** The arguments as numbers. */
function values(args: Call['args']): readonly (number | bigint)[] {
  if (!isRaw(args)) return args;
  const { memory, at } = args;
  return Array.from({ length: ARGUMENTS }, (_, i) => memory.i64(plus(at, 8 * i)));
}

/** How many tasks of a kernel are in which state. The kernel asks at each rest: with hundreds of hosts nobody could look at all of them. */
export interface TaskCounts {
  thinking: number;
  inCall: number;
  waitOutside: number;
}

const [THINKING, IN_CALL, WAITS_OUTSIDE] = [1, 2, 4] as const;

/** What a task tells the kernel's host side of. */
export interface TaskEvents {
  /** Each task counts itself here, from its first program to its end. */
  readonly counts: TaskCounts;
  /** A call was queued: the task is to run. */
  submitted(task: HostedTask): void;
  /** The program came or went, or began or ended to wait for something else. */
  changed(task: HostedTask): void;
  /** It is about to set a timer, due after so many nanoseconds. */
  timerSet(ns: number): void;
}

/**
 * States: *sleeping* (no program, or it has not called), *called* (a call is queued or runs in the kernel), *thinking*
 * (the program has its result and has not called again). Virtual time stands still while any task thinks.
 */
export class HostedTask implements PlayedTask {
  /** A thread that executes a program gets its process's. */
  pid: number;
  readonly address: number;
  readonly memory: KernelMemory;
  readonly #events: TaskEvents;
  #regs: Ptr;
  #queued: Call | undefined;
  #running: Call | undefined;
  /** Calls made while another is in flight: a task makes one at a time. */
  readonly #backlog: Call[] = [];
  #attached = false;
  #waiting = 0;
  #outside = 0;
  #ended: unknown;
  /** What of it is in the kernel's counts: bits, as it is looked at twice a call. */
  #counted = 0;
  scratch = 0 as Ptr;
  scratchBytes = 0;

  constructor(address: number, pid: number, regs: Ptr, memory: KernelMemory, events: TaskEvents) {
    this.address = address;
    this.pid = pid;
    this.#regs = regs;
    this.memory = memory;
    this.#events = events;
  }

  /** A program plays this task from now on. */
  attach(): void {
    this.#attached = true;
    this.#changed();
  }

  /** No program plays this task: it sleeps in its user loop, where a snapshot may find it. */
  detach(): void {
    this.#attached = false;
    this.#changed();
  }

  #changed(): void {
    this.#count();
    this.#events.changed(this);
  }

  /** Brings the kernel's counts up to date: after everything that makes another state of it. */
  #count(): void {
    const before = this.#counted;
    const now = this.#ended === undefined ? this.#states : 0;
    if (now === before) return;
    this.#counted = now;
    const { counts } = this.#events;
    counts.thinking += Number((now & THINKING) !== 0) - Number((before & THINKING) !== 0);
    counts.inCall += Number((now & IN_CALL) !== 0) - Number((before & IN_CALL) !== 0);
    counts.waitOutside += Number((now & WAITS_OUTSIDE) !== 0) - Number((before & WAITS_OUTSIDE) !== 0);
  }

  get #states(): number {
    return (this.thinking ? THINKING : 0) | (this.inCall ? IN_CALL : 0) | (this.waitsOutside ? WAITS_OUTSIDE : 0);
  }

  /** Attached from now on, unless `preparation` fails: a task without a program would hold virtual time up for good. */
  async begin(preparation: () => Promise<void>): Promise<this> {
    this.attach();
    try {
      await preparation();
      return this;
    } catch (cause) {
      this.detach();
      throw cause;
    }
  }

  /** Attached while `program` plays it, and no longer: an idle program would hold virtual time up. */
  async play<T>(program: (task: HostedTask) => Promise<T>): Promise<T> {
    this.attach();
    try {
      return await program(this);
    } finally {
      this.detach();
    }
  }

  /** While `promise` is awaited the program is not thinking: time may pass for the other tasks. */
  async waitFor<T>(promise: Promise<T>): Promise<T> {
    this.#waiting++;
    this.#changed();
    try {
      return await promise;
    } finally {
      this.#waiting--;
      this.#changed();
    }
  }

  /** The same where the other side is a process or a client of its own, which may take its time: that is no deadlock. */
  async waitForOutside<T>(promise: Promise<T>): Promise<T> {
    this.#outside++;
    try {
      return await this.waitFor(promise);
    } finally {
      this.#outside--;
      this.#count();
    }
  }

  /** Until what this answers is called its program is not thinking, as in `waitFor`. */
  pause(): () => void {
    this.#waiting++;
    this.#changed();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#waiting--;
      this.#changed();
    };
  }

  /** Where its registers are. */
  get regs(): Ptr {
    return this.#regs;
  }
  /** It is no more. */
  get gone(): boolean {
    return this.#ended !== undefined;
  }
  get attached(): boolean {
    return this.#attached;
  }
  /** A call is queued and not yet taken. */
  get ready(): boolean {
    return this.#queued !== undefined;
  }
  get inCall(): boolean {
    return this.#running !== undefined || this.#queued !== undefined;
  }
  get thinking(): boolean {
    return this.#attached && !this.inCall && this.#waiting === 0;
  }
  get waitsOutside(): boolean {
    return this.#attached && this.#outside > 0;
  }
  /** The call that runs in the kernel now: where the task waits. */
  get runningCall(): SyscallName | undefined {
    return this.#running && syscallName(this.#running.number);
  }
  /** The call that is under way: of two looks, whether they saw the same one. */
  get underWay(): object | undefined {
    return this.#running;
  }
  /** It runs a call that ends after a time which the program gave. */
  get waitsWithTimeout(): boolean {
    const call = this.runningCall;
    return call !== undefined && this.#running !== undefined && hasTimeout(call, values(this.#running.args));
  }

  syscall(name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    return new Promise<number>((settle, fail) => this.#make({ number: syscalls[name][0], args, settle, fail }));
  }

  /**
   * A call by its number, for the runtime of programs: nothing of it is looked at here. `settle` is called while the
   * kernel is still inside, before anyone asks whether the task thinks; `fail` when the task ended instead, or had already.
   */
  call(number: number, args: Call['args'], settle: (ret: number) => void, fail: (cause: unknown) => void): void {
    this.#make({ number, args, settle, fail });
  }

  #make(call: Call): void {
    if (this.#ended !== undefined) call.fail(this.#ended);
    else if (this.inCall) this.#backlog.push(call);
    else this.#submit(call);
  }

  #submit(call: Call): void {
    this.#queued = call;
    this.#count();
    this.#events.submitted(this);
  }

  /** The kernel's user loop is here: hand it the queued call. Answers whether there was one. */
  take(): boolean {
    const call = this.#queued;
    if (!call) return false;
    this.#queued = undefined;
    this.#running = call;
    const { number, args } = call;
    const data = this.memory.data;
    if (isRaw(args)) {
      const from = args.memory.data;
      const to = this.#regs + REGS.args;
      for (let i = 0; i < 8 * ARGUMENTS; i += 4) data.setInt32(to + i, from.getInt32(args.at + i, true), true);
    } else this.#setArguments(args);
    data.setInt32(this.#regs + REGS.nr, number, true);
    if (setsTimer(number)) {
      const ns = timerNs(number, values(args), isRaw(args) ? args.memory : this.memory);
      if (ns !== undefined) this.#events.timerSet(ns);
    }
    return true;
  }

  #setArguments(args: readonly (number | bigint)[]): void {
    const data = this.memory.data;
    for (let i = 0; i < ARGUMENTS; i++) {
      const at = this.#regs + REGS.args + 8 * i;
      const arg = args[i] ?? 0;
      if (typeof arg === 'bigint') data.setBigInt64(at, arg, true);
      else if (arg === (arg | 0)) {
        data.setInt32(at, arg, true);
        data.setInt32(at + 4, arg >> 31, true);
      } else this.memory.setI64FromNumber(at as Ptr, arg);
    }
  }

  /** The kernel's user loop is here again: the call that ran has its result, which is answered, or 0 if none ran. */
  finish(regs: Ptr): number {
    this.#regs = regs;
    const call = this.#running;
    if (!call) return 0;
    this.#running = undefined;
    const ret = this.memory.i32(plus(regs, REGS.ret));
    if (this.#backlog.length > 0) this.#queued = this.#backlog.shift();
    this.#count();
    call.settle(ret);
    return ret;
  }

  /** The task is no more: whatever it was asked fails with `cause`. */
  end(cause: unknown): void {
    this.#ended = cause;
    this.#attached = false;
    this.#count();
    for (const call of [this.#running, this.#queued, ...this.#backlog]) call?.fail(cause);
    this.#running = this.#queued = undefined;
    this.#backlog.length = 0;
  }
}
