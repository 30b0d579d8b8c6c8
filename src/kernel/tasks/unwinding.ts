/** Counts the engine stacks of a kernel; the one exception that takes a stack down. */

/**
 * Thrown through a stack that is never to go on: the kernel's code catches nothing, so no more of it runs. The engine
 * frees a stack only when it has ended, and never one that is parked for ever, whoever has forgotten it.
 * One object for all: making an Error, with where it was made, costs more than the unwinding.
 */
export const unwinding: unknown = Object.freeze(new Error('this stack is taken down'));

/** The stacks that exist, running or parked. */
export class Stacks {
  #count = 0;
  readonly #failed: (cause: unknown) => void;
  readonly #emptied: () => void;

  /** `failed` hears of a stack that ended by itself; `emptied` of the moment when there is none left. */
  constructor(failed: (cause: unknown) => void, emptied: () => void) {
    this.#failed = failed;
    this.#emptied = emptied;
  }

  get count(): number {
    return this.#count;
  }

  /** Begin a stack, which is one until what `main` answers has settled. */
  begin(main: () => Promise<unknown>): void {
    this.#count++;
    main().then(
      () => this.#end(),
      (cause: unknown) => {
        if (cause !== unwinding) this.#failed(cause);
        this.#end();
      },
    );
  }

  #end(): void {
    this.#count--;
    if (this.#count === 0) this.#emptied();
  }
}
