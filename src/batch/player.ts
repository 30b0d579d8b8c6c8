/** Plays a batch on a kernel: its calls on pid 1, then its tasks, each a clone of pid 1, all at once. */

import { groupOf, parseWords } from '../abi/constants.ts';
import { HostError } from '../errors/host-error.ts';
import { KernelDead, TaskExited } from '../kernel/errors.ts';
import type { HostedTask } from '../kernel/hosted-task.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { isCall } from './language/aliases.ts';
import { Mistake } from './language/mistake.ts';
import { Refs } from './language/refs.ts';
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
  /** What it shares with pid 1: CLONE_* words of clone(2). */
  readonly flags: string;
}

export interface Batch {
  readonly calls: Iterable<PlayedCall> | AsyncIterable<PlayedCall>;
  /** They begin when `calls` has come to its end, and see its results by name. */
  readonly tasks: Readonly<Record<string, TaskRequest>>;
  readonly onError: 'stop' | 'continue';
  readonly strace: boolean;
}

export interface BatchEnd {
  readonly stopped?: Stopped;
  readonly tasks: Readonly<Record<string, { readonly pid: number; readonly stopped?: Stopped }>>;
}

/** Takes each result as soon as it is there; what it answers is awaited. `task` is absent for `calls`. */
export type ResultSink = (result: CallResult, task?: string) => void | Promise<void>;

/** Most bytes of buffers that one call may have. */
const CALL_BYTES = 4 * 2 ** 20;
/** After so many calls of a list the event loop has a turn, or no deadline could ever fire. */
const CALLS_A_TURN = 1024;
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
  turn: () => Promise<void>,
): Promise<BatchEnd> {
  const player = new Player(kernel, batch, sink, turn);
  try {
    return await player.play();
  } catch (cause) {
    throw player.explain(cause);
  }
}

class Player {
  readonly #kernel: Kernel;
  readonly #batch: Batch;
  readonly #sink: ResultSink;
  readonly #turn: () => Promise<void>;
  readonly #refs = new SharedRefs();
  /** The call that each list makes now; '' is `calls`. */
  readonly #current = new Map<string, { readonly index: number; readonly call: PlayedCall }>();

  constructor(kernel: Kernel, batch: Batch, sink: ResultSink, turn: () => Promise<void>) {
    this.#kernel = kernel;
    this.#batch = batch;
    this.#sink = sink;
    this.#turn = turn;
  }

  async play(): Promise<BatchEnd> {
    const { calls, tasks } = this.#batch;
    const { init } = this.#kernel;
    mustHaveNames('', calls);
    for (const [name, task] of Object.entries(tasks)) {
      mustHaveNames(name, task.calls);
      mayClone(name, task);
    }
    const stopped = await this.#list(init, '', calls);
    if (stopped) return { stopped, tasks: {} };
    const spawned: [string, HostedTask, TaskRequest][] = [];
    for (const [name, request] of Object.entries(tasks)) {
      spawned.push([name, await this.#spawn(name, request), request]);
    }
    this.#refs.open(spawned.length);
    const ends = spawned.map(async ([name, task, { calls }]) => {
      const stopped = await this.#list(task, name, calls).catch(async (cause: unknown) => {
        await leave(task).catch(() => {}); // a kernel that goes on does so without it
        throw cause;
      });
      if (stopped?.reason !== 'exited') await leave(task);
      this.#refs.close();
      return [name, { pid: task.pid, ...(stopped && { stopped }) }] as const;
    });
    const settled = await init.waitFor(Promise.all(ends));
    return { tasks: Object.fromEntries(settled) };
  }

  async #spawn(name: string, { flags }: TaskRequest): Promise<HostedTask> {
    try {
      return await this.#kernel.spawn(this.#kernel.init, mayClone(name, { flags }));
    } catch (cause) {
      if (!(cause instanceof KernelError)) throw cause;
      throw badCall('not-cloned', flagsOf(name), cause.message);
    }
  }

  async #list(task: HostedTask, name: string, calls: Batch['calls']): Promise<Stopped | undefined> {
    const { onError, strace } = this.#batch;
    const { clock } = this.#kernel.engine;
    const results = runList(task, this.#paced(task, name, calls), {
      onError,
      strace,
      refs: this.#refs,
      limitBytes: CALL_BYTES,
      nowNs: () => BigInt(clock.nowNs),
    });
    const tell = (result: CallResult) => (name === '' ? this.#sink(result) : this.#sink(result, name));
    for (;;) {
      const next = await results.next().catch((cause: unknown) => this.#initExited(cause, name));
      if (next.done) {
        this.#current.delete(name);
        return next.value;
      }
      await tell(next.value);
    }
  }

  /** The calls, each noted before it is made, and held back until what it waits for is there. */
  async *#paced(task: HostedTask, name: string, calls: Batch['calls']): AsyncGenerator<PlayedCall> {
    let index = 0;
    for await (const call of calls) {
      this.#current.set(name, { index, call });
      if (this.#kernel.engine.clock.policy === 'virtual') mustWakeUp(call, `${prefixOf(name)}/calls/${index}`);
      if (call.after !== undefined) await task.waitFor(this.#refs.whenSet(call.after, `/${index}/after`));
      if (++index % CALLS_A_TURN === 0) await this.#turn();
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

/** Results by name that lists can wait for. */
class SharedRefs extends Refs {
  readonly #known = new Set<string>();
  readonly #awaited = new Map<string, { readonly resolve: () => void; readonly reject: () => void }[]>();
  #running = 0;
  #waiting = 0;

  /** So many lists run now. */
  open(lists: number): void {
    this.#running = lists;
    this.#check();
  }

  /** One of them has come to its end. */
  close(): void {
    this.#running--;
    this.#check();
  }

  override set(name: string, result: CallResult): void {
    super.set(name, result);
    this.#known.add(name);
    for (const { resolve } of this.#awaited.get(name) ?? []) {
      this.#waiting--;
      resolve();
    }
    this.#awaited.delete(name);
  }

  whenSet(name: string, path: string): Promise<void> {
    if (this.#known.has(name)) return Promise.resolve();
    return new Promise<void>((resolve, rejectWith) => {
      const reject = () => rejectWith(new Mistake('bad-ref', path, `no call named ${name} is ever made`));
      this.#awaited.set(name, [...(this.#awaited.get(name) ?? []), { resolve, reject }]);
      this.#waiting++;
      this.#check();
    });
  }

  /** When all that run wait for each other, none gets its result. */
  #check(): void {
    if (this.#waiting < this.#running || this.#waiting === 0) return;
    const [first] = [...this.#awaited.values()].flat();
    first?.reject();
  }
}

/** Of clone(2), what a task of a batch cannot be: the parent that waits is pid 1, and there is nothing these could point at. */
const unclonable = [
  'CLONE_VFORK',
  'CLONE_PIDFD',
  'CLONE_SETTLS',
  'CLONE_PARENT_SETTID',
  'CLONE_CHILD_SETTID',
  'CLONE_CHILD_CLEARTID',
];

const flagsOf = (name: string): string => `${prefixOf(name)}/flags`;

/** The flags of a task as a number. */
function mayClone(name: string, { flags }: Pick<TaskRequest, 'flags'>): number {
  const path = flagsOf(name);
  const found = parseWords(flags, 'clone');
  if ('unknown' in found) throw badCall('unknown-word', path, `"${found.unknown}" is no clone word of Linux`);
  const number = found.value;
  if (number !== BigInt.asUintN(32, number)) throw badCall('out-of-range', path, `${flags} is no set of 32 flags`);
  const { values } = groupOf('clone');
  const refused = unclonable.find((word) => number & BigInt(values.get(word) ?? 0));
  if (refused !== undefined) throw badCall('unknown-word', path, `a task cannot have ${refused}`);
  return Number(number);
}

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

/** Where the calls of a task stand in the request; without a name: those of `calls`. */
export const prefixOf = (name = ''): string => (name === '' ? '' : `/tasks/${name}`);

/** `path` is a JSON pointer into the request. */
export const badCall = (code: string, path: string, message: string): HostError =>
  new HostError('bad-call', `${path}: ${message}`, { members: { code, path } });
