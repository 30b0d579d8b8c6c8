/** How deep what stands in brackets lies in each other: whoever reads it calls himself for each level. */

import { ScriptError } from './script-error.ts';

/** Deeper than any script that people write. */
const MOST = 200;

export class Depth {
  #levels = 0;
  readonly #line: (() => number) | undefined;

  /** `line` tells where the reader is, where he knows. */
  constructor(line?: () => number) {
    this.#line = line;
  }

  /** One level further in. Throws a `ScriptError` where it is one too many. */
  within<T>(read: () => T): T {
    if (this.#levels === MOST) {
      throw new ScriptError(`an expression is nested more than ${MOST} deep`, this.#line?.());
    }
    this.#levels++;
    try {
      return read();
    } finally {
      this.#levels--;
    }
  }
}
