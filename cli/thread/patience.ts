/** How long a thread that may compute and hear nothing is waited for. */

import type { Bounds } from './bounds.ts';
import type { Bound } from './messages.ts';

/** How often it is asked whether it hears. */
const ASK_MS = 1000;
/** One that still hears at its deadline ends itself, in better words. */
const ANSWER_MS = 1000;

export class Patience {
  readonly #ask: () => void;
  readonly #end: (bound: Bound) => void;
  #timers: readonly NodeJS.Timeout[] = [];
  /** How often the thread was asked since its event loop last turned. */
  #unheard = 0;

  constructor(ask: () => void, end: (bound: Bound) => void) {
    this.#ask = ask;
    this.#end = end;
  }

  /** From now on, in place of what was said before. */
  bound({ deadline, silence }: Bounds): void {
    this.#timers.forEach(clearTimeout);
    this.#unheard = 0;
    this.#timers = [
      ...(deadline ? [setTimeout(() => this.#over(deadline), deadline.ms + ANSWER_MS).unref()] : []),
      ...(silence ? [setInterval(() => this.#listen(silence), ASK_MS).unref()] : []),
    ];
  }

  /** The thread's event loop has turned. */
  heard(): void {
    this.#unheard = 0;
  }

  /** Turns are counted: a machine that slept is not silent. */
  #listen(bound: Bound): void {
    this.#ask();
    this.#unheard += 1;
    if (this.#unheard * ASK_MS >= bound.ms) this.#over(bound);
  }

  #over(bound: Bound): void {
    this.bound({});
    this.#end(bound);
  }
}
