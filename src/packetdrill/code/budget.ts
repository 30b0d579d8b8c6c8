/** How much one piece of code may do: nothing else would end a loop that does not end. Code runs without a pause, so there is one count. */

import { ScriptError } from '../language/script.ts';

const MOST = 2_000_000;
let left = 0;

export function begin(): void {
  left = MOST;
}

/** So many steps: statements, calls, elements of a list that is gone through. */
export function charge(steps: number): void {
  left -= steps;
  if (left < 0) throw new ScriptError(`code: it did not end within ${MOST} steps`);
}
