/** How long a thread that may compute and hear nothing is waited for. */

/** When one is ended. */
export interface Bounds {
  /** So long after this was said. */
  readonly deadlineMs?: number | undefined;
  /** Or in so long a silence. */
  readonly silenceMs?: number | undefined;
}

/** How often it is asked whether it hears. */
const ASK_MS = 1000;
/** One that still hears at its deadline ends itself, in better words. */
const ANSWER_MS = 1000;

export class Patience {
  readonly #ask: () => void;
  readonly #end: (bound: keyof Bounds) => void;
  #timers: readonly NodeJS.Timeout[] = [];
  /** How often the thread was asked since its event loop last turned. */
  #unheard = 0;

  constructor(ask: () => void, end: (bound: keyof Bounds) => void) {
    this.#ask = ask;
    this.#end = end;
  }

  /** From now on, in place of what was said before. */
  bound({ deadlineMs, silenceMs }: Bounds): void {
    this.#timers.forEach(clearTimeout);
    this.#unheard = 0;
    this.#timers = [
      ...(deadlineMs === undefined ? [] : [setTimeout(() => this.#over('deadlineMs'), deadlineMs + ANSWER_MS).unref()]),
      ...(silenceMs === undefined ? [] : [setInterval(() => this.#listen(silenceMs), ASK_MS).unref()]),
    ];
  }

  /** The thread's event loop has turned. */
  heard(): void {
    this.#unheard = 0;
  }

  /** Turns are counted: a machine that slept is not silent. */
  #listen(silenceMs: number): void {
    this.#ask();
    this.#unheard += 1;
    if (this.#unheard * ASK_MS >= silenceMs) this.#over('silenceMs');
  }

  #over(bound: keyof Bounds): void {
    this.bound({});
    this.#end(bound);
  }
}
