/** Plays a batch on a kernel: its calls on pid 1, then its tasks, each a clone of pid 1, all at once. */

import { parseWords } from '../abi/constants.ts';
import { HostError } from '../errors/host-error.ts';
import { KernelDead, TaskExited } from '../kernel/errors.ts';
import type { HostedTask } from '../kernel/hosted-task.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { badCall, prefixOf } from './bad-call.ts';
import { flagsOf, mayClone } from './clone-flags.ts';
import type { KeptTask, PendingCall } from './kept/kept-task.ts';
import type { KeptTasks } from './kept/kept-tasks.ts';
import { SharedRefs } from './kept/shared-refs.ts';
import { isCall } from './language/aliases.ts';
import { Mistake } from './language/mistake.ts';
import { runList, type Stopped, unknownCall } from './language/run.ts';
import type { BatchCall, CallResult } from './language/types.ts';
import { programEnd } from './program-end.ts';
import { mustWakeUp } from './virtual-budget.ts';

/** A call of a batch with several lists. */
export interface PlayedCall extends BatchCall {
  /** Make it only once a call of another task has the result of this name. */
  readonly after?: string | undefined;
}

export interface TaskRequest {
  readonly calls: readonly PlayedCall[];
  /** What it shares with pid 1, when it is a new one: CLONE_* words of clone(2). */
  readonly flags: string;
  /** It outlives the batch, or ends with it. Default: as before, and a new one ends. */
  readonly keep?: boolean | undefined;
  /** False: the batch does not wait for these calls, and the task is kept. */
  readonly wait?: boolean | undefined;
  /** Sent to it first, by its name. */
  readonly signal?: string | undefined;
  /** The call that it is in ends first, with EINTR. */
  readonly interrupt?: boolean | undefined;
}

/** How long the kernel's time is to go on at the end of a batch. */
export interface Advance {
  /** So many nanoseconds, or until then by CLOCK_MONOTONIC. */
  readonly by: { readonly ns: number } | { readonly untilNs: number };
  /** Or until one of these kept tasks has a result that nobody took. */
  readonly ready: readonly string[];
}

export interface Batch {
  readonly calls: Iterable<PlayedCall> | AsyncIterable<PlayedCall>;
  /** They begin when `calls` has come to its end, and see its results by name. */
  readonly tasks: Readonly<Record<string, TaskRequest>>;
  readonly onError: 'stop' | 'continue';
  readonly strace: boolean;
  /** Where tasks are that outlive it. Absent: none do. */
  readonly kept?: KeptTasks | undefined;
  /** Their results keep the line of strace, too. */
  readonly straceKept?: boolean;
  readonly advance?: Advance | undefined;
}

export interface TaskEnd {
  readonly pid: number;
  readonly stopped?: Stopped;
  /** Why its calls came to an end that the batch which began them did not see. */
  readonly failed?: string;
  /** Of a kept task: the call it makes now. */
  readonly pending?: PendingCall;
  /** Of a kept task: it is there for the next batch. */
  readonly kept?: true;
}

export interface BatchEnd {
  readonly stopped?: Stopped;
  readonly tasks: Readonly<Record<string, TaskEnd>>;
}

/** Takes each result as soon as it is there; what it answers is awaited. `task` is absent for `calls`. */
export type ResultSink = (result: CallResult, task?: string) => void | Promise<void>;

/** Most bytes of buffers that one call may have. */
const CALL_BYTES = 4 * 2 ** 20;
/** A task that has come to the end of its calls ends as a program does that returns from main(). */
const SUCCESS = 0;

/**
 * Rejects with `bad-call` for a call that says something it cannot mean, and with `program-*` or `kernel-*` when the kernel died: both say
 * which calls were under way. pid 1 may exit: that ends the batch, and the kernel.
 */
export async function playBatch(
  kernel: Kernel,
  batch: Batch,
  sink: ResultSink,
  begun: (control: BatchControl) => void = () => {},
): Promise<BatchEnd> {
  const player = new Player(kernel, batch, sink);
  begun(player);
  try {
    return await player.play();
  } catch (cause) {
    throw player.explain(cause);
  }
}

/** A batch that is being played. */
export interface BatchControl {
  /** Interrupts the calls under way that the batch waits for, and makes no more. Answers whether anything goes on by that. */
  halt(reason: 'deadline' | 'deadlock'): boolean;
}

class Player implements BatchControl {
  readonly #kernel: Kernel;
  readonly #batch: Batch;
  readonly #sink: ResultSink;
  readonly #refs = new SharedRefs();
  #halted: 'deadline' | 'deadlock' | undefined;
  readonly #halting = Promise.withResolvers<void>();
  /** Those that make calls which the batch waits for. */
  readonly #playing = new Set<HostedTask>();
  /** Why a kept task that the batch waited for failed. */
  #failure: { readonly cause: unknown } | undefined;
  /** The call that each list makes now; '' is `calls`. */
  readonly #current = new Map<string, { readonly index: number; readonly call: PlayedCall }>();

  constructor(kernel: Kernel, batch: Batch, sink: ResultSink) {
    this.#kernel = kernel;
    this.#batch = batch;
    this.#sink = sink;
  }

  halt(reason: 'deadline' | 'deadlock'): boolean {
    const { engine } = this.#kernel;
    let any = this.#halted === undefined;
    this.#halted ??= reason;
    this.#halting.resolve();
    for (const task of this.#playing) {
      if (!task.inCall) continue;
      any = true;
      engine.interrupt(task);
    }
    return any;
  }

  async play(): Promise<BatchEnd> {
    const { calls, tasks, advance } = this.#batch;
    const { init } = this.#kernel;
    mustHaveNames('', calls);
    for (const [name, task] of Object.entries(tasks)) {
      mustHaveNames(name, task.calls);
      mayClone(name, task.flags);
    }
    const stopped = await this.#list(init, '', calls);
    if (stopped) return { stopped, tasks: {} };
    const lists: { readonly name: string; readonly kept?: KeptTask; readonly done: Promise<TaskEnd | undefined> }[] =
      [];
    const begin: (() => void)[] = [];
    for (const [name, request] of Object.entries(tasks)) {
      const { promise: done, resolve } = Promise.withResolvers<TaskEnd | undefined>();
      const task = await this.#keptFor(name, request);
      if (task) {
        if (request.interrupt) this.#kernel.engine.interrupt(task.task);
        if (request.signal !== undefined) await this.#signal(name, task, request.signal);
        lists.push({ name, kept: task, done });
        begin.push(() => resolve(this.#playKept(task, request)));
      } else {
        const once = await this.#spawn(name, request);
        lists.push({ name, done });
        begin.push(() => resolve(this.#playOnce(name, once, request)));
      }
    }
    this.#refs.open(begin.length);
    for (const start of begin) start();
    const ends = await init.waitFor(Promise.all(lists.map(({ done }) => done)));
    this.#mustNotHaveFailed();
    if (lists.some((list) => list.kept) || advance) await this.#kernel.engine.settled(init);
    if (advance && !this.#halted) await this.#advance(advance);
    this.#mustNotHaveFailed();
    return { tasks: Object.fromEntries(lists.map(({ name, kept: task }, i) => [name, ends[i] ?? this.#endOf(task)])) };
  }

  /** A task that is there for this batch alone. */
  async #playOnce(name: string, task: HostedTask, { calls }: TaskRequest): Promise<TaskEnd> {
    const stopped = await this.#list(task, name, calls).catch(async (cause: unknown) => {
      await leave(task).catch(() => {}); // a kernel that goes on does so without it
      throw cause;
    });
    if (stopped?.reason !== 'exited') await leave(task);
    this.#refs.close();
    return { pid: task.pid, ...(stopped && { stopped }) };
  }

  /** Settles once the batch need not wait for it any more. */
  async #playKept(task: KeptTask, { calls, keep, wait }: TaskRequest): Promise<undefined> {
    const { name } = task;
    let waits = wait !== false;
    const failed = (cause: unknown) => {
      if (waits || cause instanceof KernelDead) this.#failure ??= { cause };
    };
    const list = () => this.#list(task.task, name, calls, task, () => waits);
    const ends = keep === false ? async () => void (await leave(task.task)) : undefined;
    const done = Promise.all([
      calls.length > 0 ? task.play(list, failed) : waits ? task.through : undefined,
      ends && task.play(() => ends().then(() => undefined), failed),
    ]).finally(() => this.#refs.close());
    if (!waits) return undefined;
    // At a deadline it goes on without the batch.
    await Promise.race([done, this.#halting.promise]);
    waits = false;
    return undefined;
  }

  #endOf(kept: KeptTask | undefined): TaskEnd {
    if (!kept) throw new Error('a task that is not kept has an end');
    const { stopped, failed } = kept.state;
    return {
      pid: kept.task.pid,
      ...(stopped && { stopped }),
      ...(failed !== undefined && { failed }),
      ...(kept.pending && { pending: kept.pending }),
      ...(!kept.exited && { kept: true }),
    };
  }

  /** Time goes on for so long, or until a task is ready; then as far as the kernel gets without time. */
  async #advance({ by, ready }: Advance): Promise<void> {
    const { engine, init } = this.#kernel;
    const ns = 'ns' in by ? by.ns : Math.max(by.untilNs - engine.clock.nowNs, 0);
    const waits = ready.map((name) => this.#keptTask(name).whenReady());
    const passed = engine.pass(ns);
    passed.catch(() => {}); // who waits for the race hears it
    await init.waitFor(Promise.race([passed, this.#halting.promise, ...waits.map(({ ready }) => ready)]));
    engine.stopPassing();
    for (const { go } of waits) go();
    await engine.settled(init);
  }

  #keptTask(name: string): KeptTask {
    const task = this.#batch.kept?.get(name);
    if (!task) throw badCall('unknown-task', '/advance/ready', `there is no task named ${name}`);
    return task;
  }

  async #signal(name: string, { task }: KeptTask, signal: string): Promise<void> {
    const path = `${prefixOf(name)}/signal`;
    const found = parseWords(signal, 'signal');
    if ('unknown' in found) throw badCall('unknown-word', path, `"${found.unknown}" is no signal of Linux`);
    const ret = await this.#kernel.init.syscall('tkill', task.pid, Number(found.value));
    if (ret < 0) throw badCall('not-sent', path, new KernelError('tkill', -ret).message);
  }

  /** The kept task of this name: one that is there, or a new one that is to be kept. */
  async #keptFor(name: string, request: TaskRequest): Promise<KeptTask | undefined> {
    const { kept } = this.#batch;
    const known = kept?.get(name);
    if (!kept || known || !(request.keep || request.wait === false)) return known;
    const task = await this.#spawn(name, request);
    task.detach(); // without a call nobody plays it
    return kept.add(name, task);
  }

  #mustNotHaveFailed(): void {
    if (this.#failure) throw this.#failure.cause;
  }

  async #spawn(name: string, { flags }: TaskRequest): Promise<HostedTask> {
    try {
      return await this.#kernel.spawn(this.#kernel.init, mayClone(name, flags));
    } catch (cause) {
      if (!(cause instanceof KernelError)) throw cause;
      throw badCall('not-cloned', flagsOf(name), cause.message);
    }
  }

  /** Of a kept task, `kept` gets the results; `batchWaits` tells whether they are for this batch. */
  async #list(
    task: HostedTask,
    name: string,
    calls: Batch['calls'],
    kept?: KeptTask,
    batchWaits = () => true,
  ): Promise<Stopped | undefined> {
    const { onError, strace } = this.#batch;
    const { clock } = this.#kernel.engine;
    const results = runList(task, this.#paced(task, name, calls, kept), {
      onError,
      strace,
      refs: this.#refs,
      limitBytes: CALL_BYTES,
      nowNs: () => BigInt(clock.nowNs),
    });
    let [made, interrupted] = [0, false];
    const tell = (result: CallResult) => {
      made++;
      interrupted = result.errno === 'EINTR';
      if (kept) kept.keep(this.#batch.straceKept ? result : withoutStrace(result), batchWaits());
      return name === '' ? this.#sink(result) : this.#sink(result, name);
    };
    const isPlaying = !kept;
    if (isPlaying) this.#playing.add(task);
    try {
      for (;;) {
        const next = await results.next().catch((cause: unknown) => this.#initExited(cause, name));
        if (next.done) {
          this.#current.delete(name);
          if (next.value || !this.#wasCut(calls, made, interrupted)) return next.value;
          return { index: interrupted ? made - 1 : made, reason: this.#halted ?? 'deadline' };
        }
        const told = tell(next.value);
        if (told) await this.#kernel.engine.still(told);
      }
    } finally {
      if (isPlaying) this.#playing.delete(task);
    }
  }

  /** Whether a list was halted before its end. */
  #wasCut(calls: Batch['calls'], made: number, interrupted: boolean): boolean {
    if (!this.#halted) return false;
    return interrupted || !Array.isArray(calls) || made < (calls as readonly PlayedCall[]).length;
  }

  /** The calls, each noted before it is made, and held back until what it waits for is there. */
  async *#paced(
    task: HostedTask,
    name: string,
    calls: Batch['calls'],
    kept: KeptTask | undefined,
  ): AsyncGenerator<PlayedCall> {
    let index = 0;
    for await (const call of calls) {
      if (this.#halted) return;
      this.#current.set(name, { index, call });
      if (this.#kernel.engine.clock.policy === 'virtual') mustWakeUp(call, `${prefixOf(name)}/calls/${index}`);
      if (call.after !== undefined) {
        const set = this.#refs.whenSet(call.after, `/${index}/after`);
        await task.waitFor(Promise.race([set, this.#halting.promise]));
        if (this.#halted) return;
      }
      kept?.calls(index, call.call);
      index++;
      yield call;
    }
  }

  /** Linux panics when pid 1 exits (kernel/exit.c). To who asked for that it is the result of the call. */
  async #initExited(cause: unknown, name: string): Promise<IteratorResult<CallResult, Stopped>> {
    const [, code] =
      (cause instanceof KernelDead && /Attempted to kill init! exitcode=0x([0-9a-f]+)/.exec(cause.message)) || [];
    const current = this.#current.get(name);
    if (code === undefined || name !== '' || current === undefined) throw this.#placed(cause, name);
    await this.#sink({ ret: null, exited: { status: Number.parseInt(code, 16) } });
    return { done: true, value: { index: current.index, reason: 'exited' } };
  }

  #placed(cause: unknown, name: string): unknown {
    if (!(cause instanceof Mistake)) return cause;
    return badCall(cause.code, `${prefixOf(name)}/calls${cause.path}`, cause.message);
  }

  /** An error with the calls that were under way, when it is the kernel's end or there is no memory for a call's buffers. */
  explain(cause: unknown): unknown {
    if (!(cause instanceof KernelDead || isNoMemory(cause))) return cause;
    const underWay = [...this.#current].map(([name, { index, call }]) => ({
      ...(name !== '' && { task: name }),
      index,
      call: call.call,
    }));
    const vfork = [...this.#current.values()].some(({ call }) => isVfork(call));
    const where = underWay.map(({ task, index, call }) => `${task ? `task ${task}, ` : ''}call ${index} (${call})`);
    const waits = `every task waits and no timer is set${vfork ? ' (the child of a vfork has no program)' : ''}`;
    const detail = cause instanceof KernelDead && cause.end === 'deadlock' ? waits : cause.message;
    const kind = cause instanceof KernelDead ? programEnd(cause) : 'program-oom';
    const console = cause instanceof KernelDead ? cause.console : this.#kernel.console;
    return new HostError(kind, `${detail}: ${where.join('; ')}`, {
      members: { under_way: underWay, console },
      cause,
    });
  }
}

const isVfork = ({ call, args }: PlayedCall): boolean =>
  call === 'vfork' || (call.startsWith('clone') && JSON.stringify(args).includes('CLONE_VFORK'));

const isNoMemory = (cause: unknown): cause is KernelError => cause instanceof KernelError && cause.errno === 'ENOMEM';

const withoutStrace = ({ strace: _, ...result }: CallResult): CallResult => result;

/** Calls that Linux does not have are found before the first one is made, unless they are still to come. */
function mustHaveNames(name: string, calls: Batch['calls']): void {
  if (!Array.isArray(calls)) return;
  for (const [index, { call }] of (calls as readonly PlayedCall[]).entries()) {
    if (!isCall(call)) throw badCall('unknown-call', `${prefixOf(name)}/calls/${index}/call`, unknownCall(call));
  }
}

async function leave(task: HostedTask): Promise<void> {
  try {
    await task.syscall('exit', SUCCESS);
  } catch (cause) {
    if (!(cause instanceof TaskExited)) throw cause;
  }
}
