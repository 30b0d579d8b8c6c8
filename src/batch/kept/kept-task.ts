/** A task that outlives the batch which started it: its lists of calls, and their results until somebody takes them. */

import type { HostedTask } from '../../kernel/hosted-task.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Stopped } from '../language/run.ts';
import type { CallResult } from '../language/types.ts';

/** A result, and the time of the kernel's clock at which the call ended, in nanoseconds. */
export interface TimedResult extends CallResult {
  readonly ended_ns: number;
}

/** The call that a task makes now. */
export interface PendingCall {
  /** In its list. */
  readonly index: number;
  readonly call: string;
  /** When it was made, by the kernel's clock. */
  readonly since_ns: number;
}

/** What was learnt of a task and is told once. */
export interface Taken {
  readonly results: readonly TimedResult[];
  readonly stopped?: Stopped;
  readonly failed?: string;
}

/** Characters of JSON that may wait to be taken: a task whose results nobody wants makes no more calls. */
const MAX_CHARS = 4 * 2 ** 20;

export interface KeptTaskNeeds {
  /** Is given each result that no batch waits for, and answers whether somebody took it. */
  readonly told: (result: TimedResult) => boolean;
  /** Those that wait to be taken already. */
  readonly results: readonly TimedResult[];
}

export class KeptTask {
  readonly name: string;
  readonly task: HostedTask;
  readonly #kernel: Kernel;
  readonly #told: (result: TimedResult) => boolean;
  #results: TimedResult[] = [];
  #chars = 0;
  #stopped: Stopped | undefined;
  #failed: string | undefined;
  #pending: PendingCall | undefined;
  #lists = 0;
  #tail: Promise<void> = Promise.resolve();
  #exited = false;
  /** Virtual time stands still from a result that was waited for until who waits goes on. */
  #waiting: { readonly ready: () => void; readonly gate: Promise<void> }[] = [];

  constructor(name: string, task: HostedTask, kernel: Kernel, { told, results }: KeptTaskNeeds) {
    this.name = name;
    this.task = task;
    this.#kernel = kernel;
    this.#told = told;
    this.#results = [...results];
  }

  /** It ended: a call was its last. */
  get exited(): boolean {
    return this.#exited || this.task.gone;
  }
  get pending(): PendingCall | undefined {
    return this.#pending;
  }
  get busy(): boolean {
    return this.#lists > 0;
  }
  /** Settles once all its lists are through. */
  get through(): Promise<void> {
    return this.#tail;
  }
  /** How its last lists ended, until it is taken. */
  get state(): Pick<Taken, 'stopped' | 'failed'> {
    return {
      ...(this.#stopped && { stopped: this.#stopped }),
      ...(this.#failed !== undefined && { failed: this.#failed }),
    };
  }
  /** Results that wait to be taken. */
  get untaken(): readonly TimedResult[] {
    return this.#results;
  }

  /** A call is about to be made. */
  calls(index: number, call: string): void {
    this.#pending = { index, call, since_ns: this.#kernel.engine.clock.nowNs };
  }

  /** A call ended. Throws when too much waits to be taken. */
  keep(result: CallResult, batchWaits: boolean): void {
    this.#pending = undefined;
    if (result.exited) this.#exited = true;
    const timed = { ...result, ended_ns: this.#kernel.engine.clock.nowNs };
    if (batchWaits || !this.#told(timed)) {
      this.#chars += JSON.stringify(timed).length;
      if (this.#chars > MAX_CHARS) throw new Error(`more than ${MAX_CHARS} characters of results wait to be taken`);
      this.#results.push(timed);
    }
    this.#ready();
  }

  /**
   * Plays a list after those that are under way. Settles when it is through, and never rejects: why a list failed is told
   * with its results; `failed` hears of it, too.
   */
  play(list: () => Promise<Stopped | undefined>, failed: (cause: unknown) => void): Promise<void> {
    this.#lists++;
    const done = this.#tail.then(async () => {
      if (this.exited) return;
      this.task.attach();
      try {
        this.#stopped = await list();
      } catch (cause) {
        this.#failed = cause instanceof Error ? cause.message : String(cause);
        failed(cause);
      } finally {
        this.#pending = undefined;
      }
    });
    this.#tail = done.then(() => {
      this.#lists--;
      this.#ready();
      this.#rest();
    });
    return this.#tail;
  }

  /** Without a program nothing holds time up: not before those who waited for it had their turn. */
  #rest(): void {
    const { engine } = this.#kernel;
    if (this.#lists > 0 || engine.dead) return;
    engine.holdTime(engine.turn());
    if (!this.exited) this.task.detach();
  }

  /** Settles at the next result, or at once when there is one or none is to come. Call `go` once time may pass again. */
  whenReady(): { readonly ready: Promise<void>; readonly go: () => void } {
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const { promise: gate, resolve: go } = Promise.withResolvers<void>();
    if (this.untaken.length > 0 || !this.busy) resolve();
    else this.#waiting.push({ ready: resolve, gate });
    return { ready, go };
  }

  #ready(): void {
    for (const { ready, gate } of this.#waiting.splice(0)) {
      if (!this.#kernel.dead) this.#kernel.engine.holdTime(gate);
      ready();
    }
  }

  /** What nobody was told yet. */
  take(): Taken {
    const [results, stopped, failed] = [this.#results, this.#stopped, this.#failed];
    this.#results = [];
    this.#chars = 0;
    this.#stopped = this.#failed = undefined;
    return { results, ...(stopped && { stopped }), ...(failed !== undefined && { failed }) };
  }
}
