/** Plays a list of calls on one task: each is laid out in its memory, made, and read back. */

import { errnoName, errnos, MAX_ERRNO } from '../../abi/errno.ts';
import { TaskExited } from '../../kernel/errors.ts';
import { type Ptr, ptr } from '../../kernel/memory.ts';
import { mapBuffer, unmapBuffer } from '../../kernel/syscalls/memory.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { type Renamed, rename } from './aliases.ts';
import { decode } from './decode.ts';
import { encode, type Plan } from './encode.ts';
import { Arena } from './layout/arena.ts';
import { argumentPath, Mistake } from './mistake.ts';
import { straceLine } from './strace.ts';
import type { BatchCall, CallResult } from './types.ts';
import { Refs } from './values/refs.ts';

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
  readonly reason: 'error' | 'unexpected' | 'exited' | 'deadline' | 'deadlock';
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
    const resolved = args.map((arg, i) => this.#refs.resolve(arg, argumentPath(i)));
    const renamed = rename(call, resolved);
    if (!renamed) throw new Mistake('unknown-call', '/call', unknownCall(call));
    const result = renamed.refused ? failure(errnos[renamed.refused].number) : await this.#make(renamed);
    const whole: CallResult = meets(result, expect) ? result : { ...result, unexpected: true };
    if (as !== undefined) this.#refs.set(as, whole);
    return whole;
  }

  async #make({ call, args, paths, answer }: Renamed): Promise<CallResult> {
    const task = this.#task;
    this.#arena.clear();
    const plan = encode(this.#arena, call, args, paths);
    const mapped =
      this.#arena.used > task.scratchBytes ? await mapBuffer(task, wholeBlock(this.#arena.used)) : undefined;
    const base = mapped?.at ?? task.scratch;
    const given = this.#arena.place(base);
    if (given.length > 0) task.memory.write(base, given);
    const registers = plan.slots.map(({ register, buffer }) => (buffer ? base + buffer.at : register));
    const startNs = this.#options.nowNs();
    try {
      const raw = await task.syscall(call, ...registers);
      const ns = Number(this.#options.nowNs() - startNs);
      const result = this.#read(plan, base, given, raw < -MAX_ERRNO ? ptr(raw) : raw, ns, answer);
      if (mapped) await unmapBuffer(task, mapped);
      return result;
    } catch (cause) {
      // Ending is a result too: it is what exit(2) and fatal signals are for.
      if (!(cause instanceof TaskExited)) throw cause;
      const strace = this.#options.strace ? straceLine(plan, base, given, given, undefined) : undefined;
      return { ret: null, exited: { status: cause.status }, ...(strace !== undefined && { strace }) };
    }
  }

  /** What came of a call, from memory as it is now: there is no `await` in here. */
  #read(plan: Plan, base: Ptr, given: Uint8Array, raw: number, ns: number, answer: Renamed['answer']): CallResult {
    const { strace } = this.#options;
    const untouched = plan.outputs.length === 0 && !strace;
    const after = untouched ? given : this.#task.memory.view(base, given.length);
    const written = decode(plan, after, raw);
    const { ret, out } = answer?.(raw, written) ?? { ret: raw, out: written };
    const result: { -readonly [K in keyof CallResult]: CallResult[K] } = ret < 0 ? failure(-ret) : { ret };
    if (out !== undefined) result.out = out;
    if (ns > 0) result.ns = ns;
    if (strace) result.strace = straceLine(plan, base, given, after, raw);
    return result;
  }
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

/**
 * A power of two of pages for `bytes`. Without an MMU Linux takes as much and gives the rest away: it would settle there
 * what stays, and once the buffer is gone no room of that size is left.
 */
const wholeBlock = (bytes: number): number => 2 ** Math.ceil(Math.log2(bytes));

export const unknownCall = (name: string): string => `Linux has no call named ${name}`;

/** What a call answers that failed with errno `number`. */
const failure = (number: number): CallResult => ({ ret: -number, errno: errnoName(number) ?? `E${number}` });

/** Whether a result is the one that the call expected: a `ret`, an errno's name, or "success". */
function meets({ ret, errno }: CallResult, expect: BatchCall['expect']): boolean {
  if (expect === undefined) return true;
  if (expect === 'success') return errno === undefined;
  return typeof expect === 'number' ? ret === expect : errno === expect;
}
