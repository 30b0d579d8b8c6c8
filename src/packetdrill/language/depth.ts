/** How deep what stands in brackets lies in each other: whoever reads it calls himself for each level. */

import { ScriptError } from './script-error.ts';

/** Deeper than any script that people write. */
const MOST = 200;

export class Depth {
  #levels = 0;
  readonly #place: (() => readonly [line: number, column: number]) | undefined;

  /** `place` tells where the reader is, where he knows. */
  constructor(place?: () => readonly [line: number, column: number]) {
    this.#place = place;
  }

  /** One level further in. Throws a `ScriptError` where it is one too many. */
  within<T>(read: () => T): T {
    if (this.#levels === MOST) {
      throw new ScriptError(`an expression is nested more than ${MOST} deep`, ...(this.#place?.() ?? []));
    }
    this.#levels++;
    try {
      return read();
    } finally {
      this.#levels--;
    }
  }
}
