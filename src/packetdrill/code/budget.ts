/** How much the code of a script may do, all its pieces together: nothing else would end a loop that does not end. Code runs without a pause, so one count is going. */

import { ScriptError } from '../language/script-error.ts';

const MOST = 2_000_000;
let left = 0;

/** What one script may do still. */
export class Budget {
  #left = MOST;

  /** `work` is at its cost. */
  within<T>(work: () => T): T {
    left = this.#left;
    try {
      return work();
    } finally {
      this.#left = left;
    }
  }
}

/** So many steps: statements, calls, elements of a list that is gone through. */
export function charge(steps: number): void {
  left -= steps;
  // What is no number has no end either.
  if (!(left >= 0)) throw new ScriptError(`code: it did not end within ${MOST} steps`);
}
