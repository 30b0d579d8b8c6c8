/** When virtual time may pass: while no hijacked thread is about to do something. */

import { readFileSync } from 'node:fs';
import type { Engine } from '../../../kernel/engine.ts';
import { nowMs } from '../host/clock.ts';

export interface PaceNeeds {
  readonly engine: Pick<Engine, 'holdTime'>;
  /** All threads that are known, and whether each waits in our kernel. */
  threads(): Iterable<{ readonly tid: number; readonly isWaiting: boolean }>;
}

/** After the last call, where all threads wait in our kernel; and where some may be about to call. */
const ALL_WAIT_MS = 2;
const THINKING_MS = 6;

export class Pace {
  readonly #needs: PaceNeeds;
  #calledMs = 0;
  #held: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(needs: PaceNeeds) {
    this.#needs = needs;
    this.called();
  }

  /** A thread has called, or was answered: it may call again soon. */
  called(): void {
    this.#calledMs = nowMs();
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
      if (this.#calledMs === calledMs && this.#isQuiet(sinceMs)) this.#letGo();
      else this.#timer ??= setTimeout(() => this.#look(), ALL_WAIT_MS);
    });
  }

  #isQuiet(sinceMs: number): boolean {
    const threads = [...this.#needs.threads()];
    const others = threads.filter(({ isWaiting }) => !isWaiting);
    if (others.length === 0) return true;
    if (sinceMs < THINKING_MS || others.some(({ tid }) => isRunning(tid))) return false;
    const known = new Set(threads.map(({ tid }) => tid));
    return !threads.some(({ tid }) => childrenOf(tid).some((child) => !known.has(child) && isRunning(child)));
  }
}

/** Processes that it has made: one that has not called yet is not known. */
function childrenOf(tid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${tid}/task/${tid}/children`, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
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
