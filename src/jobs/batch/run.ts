/** Plays a list of calls on one task: each is laid out in its memory, made, and read back. */

import { errnoName, errnos } from '../../abi/errno.ts';
import { TaskExited } from '../../kernel/errors.ts';
import { type Ptr, ptr } from '../../kernel/memory.ts';
import { mapBuffer, unmapBuffer } from '../../kernel/syscalls/memory.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { type Renamed, rename } from './aliases.ts';
import { Arena } from './arena.ts';
import { decode } from './decode.ts';
import { encode, type Plan } from './encode.ts';
import { Mistake } from './mistake.ts';
import { Refs } from './refs.ts';
import { straceLine } from './strace.ts';
import type { BatchCall, CallResult, Json } from './types.ts';

/** Linux's errors are -1 to -4095 (MAX_ERRNO of include/linux/err.h): anything below is an address. */
const MAX_ERRNO = 4095;

export interface RunOptions {
  /** The results that {"ref"} can name. Lists of several tasks may share them. */
  readonly refs?: Refs;
  /** Most bytes of buffers that one call may have. */
  readonly limitBytes: number;
  /** The kernel's clock, in nanoseconds. */
  readonly nowNs: () => bigint;
  /** Add the line that strace(1) would show. */
  readonly strace?: boolean;
}

export interface ListOptions extends RunOptions {
  /** What a failed call means for those after it. */
  readonly onError: 'stop' | 'continue';
}

/** Why a list ended before its last call. */
export interface Stopped {
  readonly index: number;
  readonly reason: 'error' | 'unexpected' | 'exited';
}

/** Makes calls of the batch language on one task, one after another. */
export class CallRunner {
  readonly #task: UserTask;
  readonly #options: RunOptions;
  readonly #refs: Refs;
  readonly #arena: Arena;

  constructor(task: UserTask, options: RunOptions) {
    this.#task = task;
    this.#options = options;
    this.#refs = options.refs ?? new Refs();
    this.#arena = new Arena(options.limitBytes);
  }

  /** Make one call. Throws a `Mistake` when it says something it cannot mean: then nothing was called. */
  async run({ call, args = [], as, expect }: BatchCall): Promise<CallResult> {
    const resolved = args.map((arg, i) => this.#refs.resolve(arg, `/args/${i}`));
    const renamed = rename(call, resolved);
    if (!renamed) throw new Mistake('unknown-call', '/call', `Linux has no call named ${call}`);
    const result = renamed.refused ? failure(errnos[renamed.refused].number) : await this.#make(renamed);
    const whole: CallResult = meets(result, expect) ? result : { ...result, unexpected: true };
    if (as !== undefined) this.#refs.set(as, whole);
    return whole;
  }

  async #make({ call, args, paths, answer }: Renamed): Promise<CallResult> {
    this.#arena.clear();
    const plan = encode(this.#arena, call, args, paths);
    const before = this.#options.nowNs();
    const done = await this.#call(plan);
    const ns = Number(this.#options.nowNs() - before);
    const { ret, out } = done.exited ? done : (answer?.(done.ret, done.out) ?? done);
    return {
      ...(done.exited ? { ret: null, exited: done.exited } : ret < 0 ? failure(-ret) : { ret }),
      ...(out !== undefined && { out }),
      ...(ns > 0 && { ns }),
      ...(done.strace !== undefined && { strace: done.strace }),
    };
  }

  async #call(plan: Plan): Promise<Outcome> {
    const bytes = this.#arena.used;
    if (bytes <= this.#task.scratchBytes) return this.#callAt(plan, this.#task.scratch);
    const buffer = await mapBuffer(this.#task, bytes);
    const outcome = await this.#callAt(plan, buffer.at);
    if (!outcome.exited) await unmapBuffer(this.#task, buffer);
    return outcome;
  }

  async #callAt(plan: Plan, base: Ptr): Promise<Outcome> {
    const { memory } = this.#task;
    const before = this.#arena.place(base);
    memory.write(base, before);
    const registers = plan.slots.map(({ register, buffer }) => (buffer ? base + buffer.at : register));
    const { ret, exited } = await this.#enter(plan, registers);
    const quiet = plan.outputs.length === 0 && !this.#options.strace;
    const after = quiet || exited ? before : memory.copy(base, before.length);
    const out = exited ? undefined : decode(plan, after, ret);
    const strace = this.#options.strace ? straceLine(plan, base, before, after, exited ? undefined : ret) : undefined;
    return { ret, out, strace, exited };
  }

  /** The system call itself. Ending is a result too: it is what exit(2) and fatal signals are for. */
  async #enter({ call }: Plan, registers: readonly (number | bigint)[]): Promise<{ ret: number; exited?: Exited }> {
    try {
      const ret = await this.#task.syscall(call, ...registers);
      return { ret: ret < -MAX_ERRNO ? ptr(ret) : ret };
    } catch (cause) {
      if (!(cause instanceof TaskExited)) throw cause;
      return { ret: 0, exited: { status: cause.status } };
    }
  }
}

type Exited = NonNullable<CallResult['exited']>;

interface Outcome {
  readonly ret: number;
  readonly out: Json | undefined;
  readonly strace: string | undefined;
  readonly exited: Exited | undefined;
}

/**
 * The results of `calls` in order, each as soon as it is there; what it returns tells why it ended early.
 * A `Mistake` of call n carries `/n` before its path.
 */
export async function* runList(
  task: UserTask,
  calls: Iterable<BatchCall> | AsyncIterable<BatchCall>,
  options: ListOptions,
): AsyncGenerator<CallResult, Stopped | undefined> {
  const runner = new CallRunner(task, options);
  let index = 0;
  for await (const call of calls) {
    const result = await runner.run(call).catch((cause: unknown) => {
      throw cause instanceof Mistake ? new Mistake(cause.code, `/${index}${cause.path}`, cause.message) : cause;
    });
    yield result;
    if (result.exited) return { index, reason: 'exited' };
    if (result.unexpected) return { index, reason: 'unexpected' };
    if (result.errno !== undefined && options.onError === 'stop' && call.expect === undefined)
      return { index, reason: 'error' };
    index++;
  }
  return undefined;
}

/** What a call answers that failed with errno `number`. */
const failure = (number: number): CallResult => ({ ret: -number, errno: errnoName(number) ?? `E${number}` });

/** Whether a result is the one that the call expected: a `ret`, an errno's name, or "success". */
function meets({ ret, errno }: CallResult, expect: BatchCall['expect']): boolean {
  if (expect === undefined) return true;
  if (expect === 'success') return errno === undefined;
  return typeof expect === 'number' ? ret === expect : errno === expect;
}
