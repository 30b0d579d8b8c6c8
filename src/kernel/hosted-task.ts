/** One user task, as the kernel's user loop and a program on the host meet in it. */

import { REGS } from '../abi/shared.ts';
import { type SyscallName, syscalls } from '../abi/syscalls.ts';
import { type KernelMemory, type Ptr, plus } from './memory.ts';
import { hasTimeout, timerNs } from './time/timeouts.ts';
import type { PlayedTask } from './user-task.ts';

interface Call {
  readonly name: SyscallName;
  readonly args: readonly (number | bigint)[];
  readonly settle: (ret: number) => void;
  readonly fail: (cause: unknown) => void;
}

/** What a task tells the kernel's host side of. */
export interface TaskEvents {
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
  readonly pid: number;
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
  #ended: unknown;
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
    this.#events.changed(this);
  }

  /** No program plays this task: it sleeps in its user loop, where a snapshot may find it. */
  detach(): void {
    this.#attached = false;
    this.#events.changed(this);
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
    this.#events.changed(this);
    try {
      return await promise;
    } finally {
      this.#waiting--;
      this.#events.changed(this);
    }
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
  /** The call that runs in the kernel now: where the task waits. */
  get runningCall(): SyscallName | undefined {
    return this.#running?.name;
  }
  /** It runs a call that ends after a time which the program gave. */
  get waitsWithTimeout(): boolean {
    return this.#running !== undefined && hasTimeout(this.#running.name, this.#running.args);
  }

  syscall(name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise<number>((settle, fail) => {
      const call = { name, args, settle, fail };
      if (this.inCall) this.#backlog.push(call);
      else this.#submit(call);
    });
  }

  #submit(call: Call): void {
    this.#queued = call;
    this.#events.submitted(this);
  }

  /** The kernel's user loop is here: hand it the queued call. Answers whether there was one. */
  take(): boolean {
    const call = this.#queued;
    if (!call) return false;
    this.#queued = undefined;
    this.#running = call;
    const data = this.memory.data;
    for (let i = 0; i < 6; i++) {
      const at = this.#regs + REGS.args + 8 * i;
      const arg = call.args[i] ?? 0;
      if (typeof arg === 'bigint') data.setBigInt64(at, arg, true);
      else if (arg === (arg | 0)) {
        data.setInt32(at, arg, true);
        data.setInt32(at + 4, arg >> 31, true);
      } else this.memory.setI64FromNumber(at as Ptr, arg);
    }
    const number = syscalls[call.name][0];
    data.setInt32(this.#regs + REGS.nr, number, true);
    const ns = timerNs(number, call.args, this.memory);
    if (ns !== undefined) this.#events.timerSet(ns);
    return true;
  }

  /** The kernel's user loop is here again: the call that ran, if one did, has its result. */
  finish(regs: Ptr): void {
    this.#regs = regs;
    const call = this.#running;
    if (!call) return;
    this.#running = undefined;
    const ret = this.memory.i32(plus(regs, REGS.ret));
    const next = this.#backlog.shift();
    if (next) this.#queued = next;
    call.settle(ret);
  }

  /** The task is no more: whatever it was asked fails with `cause`. */
  end(cause: unknown): void {
    this.#ended = cause;
    this.#attached = false;
    for (const call of [this.#running, this.#queued, ...this.#backlog]) call?.fail(cause);
    this.#running = this.#queued = undefined;
    this.#backlog.length = 0;
  }
}
