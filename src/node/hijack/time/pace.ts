/** When virtual time may pass: while no hijacked thread is about to do something. */

import { readdirSync, readFileSync } from 'node:fs';
import type { Engine } from '../../../kernel/engine.ts';
import { nowMs } from '../host/clock.ts';

export interface PaceNeeds {
  readonly engine: Pick<Engine, 'holdTime'>;
  /** All threads that are known, and whether each waits in our kernel. */
  threads(): Iterable<{ readonly tid: number; readonly isWaiting: boolean }>;
  /** Until then some thread waits for the machine: what comes from there is no matter of virtual time. */
  outside(until: Promise<void>): void;
  /** Others than threads may come at any time. */
  readonly isOpen: boolean;
  /** All processes that are known. */
  processes(): readonly number[];
}

/** After the last call, where all threads wait in our kernel; and where some may be about to call. */
const ALL_WAIT_MS = 2;
const THINKING_MS = 6;

export class Pace {
  readonly #needs: PaceNeeds;
  #calledMs = 0;
  #held: (() => void) | undefined;
  #comesBack: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(needs: PaceNeeds) {
    this.#needs = needs;
    this.called();
  }

  /** A thread has called, or was answered: it may call again soon. */
  called(): void {
    this.#calledMs = nowMs();
    this.#comesBack?.();
    this.#comesBack = undefined;
    if (!this.#held) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#held = resolve;
      this.#needs.engine.holdTime(promise);
    }
    this.#timer ??= setTimeout(() => this.#look(), ALL_WAIT_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#comesBack?.();
    this.#letGo();
  }

  #pass(): void {
    const isOutside = this.#needs.isOpen || [...this.#needs.threads()].some(({ isWaiting }) => !isWaiting);
    if (isOutside) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#comesBack = resolve;
      this.#needs.outside(promise);
    }
    this.#letGo();
  }

  #letGo(): void {
    this.#held?.();
    this.#held = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const sinceMs = nowMs() - this.#calledMs;
    if (sinceMs < ALL_WAIT_MS || !this.#isQuiet(sinceMs)) {
      this.#timer = setTimeout(() => this.#look(), ALL_WAIT_MS);
      return;
    }
    // A call that has come by now is heard in this turn of the event loop.
    const calledMs = this.#calledMs;
    setImmediate(() => {
      if (this.#calledMs === calledMs && this.#isQuiet(sinceMs)) this.#pass();
      else this.#timer ??= setTimeout(() => this.#look(), ALL_WAIT_MS);
    });
  }

  #isQuiet(sinceMs: number): boolean {
    const threads = [...this.#needs.threads()];
    const others = threads.filter(({ isWaiting }) => !isWaiting);
    if (others.length > 0 && (sinceMs < THINKING_MS || others.some(({ tid }) => isRunning(tid)))) return false;
    const known = new Set(threads.map(({ tid }) => tid));
    const isNew = (tid: number) => !known.has(tid) && isRunning(tid);
    return !this.#needs.processes().some((pid) => madeBy(pid).some(isNew));
  }
}

/** Its threads, and processes that they have made: who has not called yet is not known. */
function madeBy(pid: number): readonly number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((tid) => [Number(tid), ...childrenOf(`/proc/${pid}/task/${tid}/children`)]);
  } catch {
    return [];
  }
}

function childrenOf(path: string): readonly number[] {
  try {
    const text = readFileSync(path, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return []; // not on every machine
  }
}

/** On a processor, about to be, or waiting for a disk: proc(5). */
function isRunning(tid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${tid}/stat`, 'latin1');
    return /^[RD]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
