/** The queue of a session's calls: one after another, in the order in which they came. */

import { type Outcome, outcome } from '../rpc.ts';

export class Turns {
  readonly #empty: () => void;
  #tail: Promise<unknown> = Promise.resolve();
  #count = 0;

  /** `empty` hears of it whenever nobody is left. */
  constructor(empty: () => void = () => {}) {
    this.#empty = empty;
  }

  /** Those that are under way or wait. */
  get count(): number {
    return this.#count;
  }

  /** Runs `action` after all that came before it, whether those succeeded or failed. */
  take<T>(action: () => Promise<T>): Promise<Outcome<T>> {
    this.#count++;
    const turn = this.#tail
      .then(() => outcome(action))
      .finally(() => {
        if (--this.#count === 0) this.#empty();
      });
    this.#tail = turn.catch(() => {});
    return turn;
  }
}
