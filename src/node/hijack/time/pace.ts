/** When virtual time may pass: while no hijacked thread is about to do something. */

import type { Engine } from '../../../kernel/engine.ts';
import { nowMs } from '../host/clock.ts';
import { isRunning, madeBy } from './at-work.ts';

const NS_PER_MS = 1e6;

export interface PaceNeeds {
  readonly engine: Pick<Engine, 'holdTime' | 'pass'>;
  /** All threads that are known, and whether each waits in our kernel. */
  threads(): Iterable<{ readonly tid: number; readonly isWaiting: boolean }>;
  /** Until then some thread waits for the machine: what comes from there is no matter of virtual time. */
  outside(until: Promise<void>): void;
  /** Others than threads may come at any time. */
  readonly isOpen: boolean;
  /** All processes that are known. */
  processes(): readonly number[];
  /** How long a process has computed. */
  computedMs(pid: number): number;
  /** Something has come that a thread waits for in our kernel: it hears of it now. */
  hasCome(): boolean;
}

/** After the last call, where all threads wait in our kernel; and where some may be about to call. */
const ALL_WAIT_MS = 2;
const THINKING_MS = 6;
/** Where more wait, the state of each costs more than the time that is won. */
const MOST_AT_ONCE = 16;
/** Who computes for so long may wait for time to pass by that: then it does, as fast as he computes. */
const COMPUTES_MS = 3000;
/** Who has computed is asked after so many looks. */
const LOOKS = 50;

export class Pace {
  readonly #needs: PaceNeeds;
  #calledMs = 0;
  #calls = 0;
  #held: (() => void) | undefined;
  #comesBack: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #seesSoon = false;
  /** Since time passed last. */
  #looks = 0;
  /** What each process had computed then, and what the most that one has computed since. */
  readonly #computed = new Map<number, number>();
  #mostMs = 0;
  #creeps = false;

  constructor(needs: PaceNeeds) {
    this.#needs = needs;
    this.called();
  }

  /** A thread has called, or was answered: it may call again soon. */
  called(): void {
    this.#calledMs = nowMs();
    this.#calls++;
    this.#comesBack?.();
    this.#comesBack = undefined;
    this.#hold();
  }

  /** A thread waits in our kernel. Where all do, and nothing runs, nobody is waited for. */
  waits(): void {
    if (this.#seesSoon || !this.#held) return;
    this.#seesSoon = true;
    const calls = this.#calls;
    const isStill = () => this.#calls === calls && this.#held !== undefined;
    // Most calls have ended by then.
    setImmediate(() =>
      setImmediate(() => {
        this.#seesSoon = false;
        if (!isStill() || !this.#allWait()) return;
        // A call that has come by now is heard in this turn of the event loop.
        setImmediate(() => {
          if (isStill() && this.#allWait()) this.#pass();
        });
      }),
    );
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#comesBack?.();
    this.#letGo();
  }

  #hold(): void {
    if (!this.#held) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#held = resolve;
      this.#needs.engine.holdTime(promise);
    }
    this.#timer ??= setTimeout(() => this.#look(), ALL_WAIT_MS);
  }

  #pass(): void {
    const isOutside = this.#needs.isOpen || [...this.#needs.threads()].some(({ isWaiting }) => !isWaiting);
    if (isOutside) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#comesBack = resolve;
      this.#needs.outside(promise);
    }
    this.#looks = 0;
    this.#letGo();
  }

  #letGo(): void {
    this.#held?.();
    this.#held = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#held) return;
    const sinceMs = nowMs() - this.#calledMs;
    if (sinceMs < ALL_WAIT_MS || !this.#isQuiet(sinceMs)) {
      if (++this.#looks % LOOKS === 0) this.#seeWhoComputes();
      this.#timer = setTimeout(() => this.#look(), ALL_WAIT_MS);
      return;
    }
    // A call that has come by now is heard in this turn of the event loop.
    const calls = this.#calls;
    setImmediate(() => {
      if (this.#held && this.#calls === calls && this.#isQuiet(sinceMs)) this.#pass();
      else this.#timer ??= setTimeout(() => this.#look(), ALL_WAIT_MS);
    });
  }

  #isQuiet(sinceMs: number): boolean {
    const threads = [...this.#needs.threads()];
    const others = threads.filter(({ isWaiting }) => !isWaiting);
    if (others.length > 0 && (sinceMs < THINKING_MS || others.some(({ tid }) => isRunning(tid)))) return false;
    return !this.#someNew(threads) && !this.#needs.hasCome();
  }

  #allWait(): boolean {
    const threads = [...this.#needs.threads()];
    if (threads.length > MOST_AT_ONCE) return false;
    // One that a signal has ended waits by our books until it calls again.
    const isQuiet = threads.every(({ tid, isWaiting }) => isWaiting && !isRunning(tid)) && !this.#someNew(threads);
    return isQuiet && !this.#needs.hasCome();
  }

  #someNew(threads: readonly { readonly tid: number }[]): boolean {
    const known = new Set(threads.map(({ tid }) => tid));
    const isNew = (tid: number) => !known.has(tid) && isRunning(tid);
    return this.#needs.processes().some((pid) => madeBy(pid).some(isNew));
  }

  /**
   * A program that asks again and again whether another one is ready, or waits for an alarm in a loop, would hold time for ever. What computes takes none,
   * but for this: from some seconds of a processor's time on it takes as long as on the machine.
   */
  #seeWhoComputes(): void {
    const { processes, computedMs, engine } = this.#needs;
    if (this.#looks === LOOKS) {
      this.#computed.clear();
      this.#mostMs = 0;
    }
    let mostMs = 0;
    for (const pid of processes()) {
      const ms = computedMs(pid);
      const before = this.#computed.get(pid);
      if (before === undefined) this.#computed.set(pid, ms);
      else mostMs = Math.max(mostMs, ms - before);
    }
    const passedMs = mostMs - Math.max(this.#mostMs, COMPUTES_MS);
    this.#mostMs = Math.max(this.#mostMs, mostMs);
    if (passedMs <= 0 || this.#creeps) return;
    this.#creeps = true;
    const passes = engine.pass(passedMs * NS_PER_MS);
    this.#letGo();
    const hold = () => {
      this.#creeps = false;
      this.#hold();
    };
    passes.then(hold, () => {});
  }
}
