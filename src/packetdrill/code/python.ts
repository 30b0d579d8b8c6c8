/**
 * The Python that scripts have in "%{ }%": assertions, and what they are made of. Numbers, strings, lists, tuples and dictionaries with their
 * operators and most of their methods; if, for, while and def in lines and in blocks. Anything else is an error that says so.
 */

import { placeIn, ScriptError } from '../language/script-error.ts';
import { Budget } from './budget.ts';
import { Reader } from './reader.ts';
import { type Names, type Run, Scope } from './scope.ts';
import { program, type Statement } from './statements.ts';
import type { Value } from './values.ts';

/** Read, but not done. Throws a `ScriptError` for what is not understood, with its place in the code. */
export function compile(code: string): Statement {
  const reader = new Reader(code);
  try {
    return program(reader);
  } catch (cause) {
    if (!(cause instanceof ScriptError) || cause.line !== undefined) throw cause;
    throw new ScriptError(cause.message, ...placeIn(code, reader.next.at));
  }
}

/** Variables stay from one piece of a script's code to the next. */
export class Python {
  readonly #run: Run;
  readonly #all: Scope;
  readonly #budget = new Budget();

  constructor(print: (line: string) => void) {
    this.#run = { names: new Map<string, Value>(), print, printed: 0, calls: 0 };
    this.#all = new Scope(this.#run);
  }

  /** Does a piece that was compiled. Throws `AssertionFailed`, or a `ScriptError` for what cannot be done. */
  run(piece: Statement, names: Names): void {
    this.#run.names = names;
    try {
      this.#budget.within(() => piece(this.#all));
    } catch (cause) {
      // Functions in functions, each with as much in brackets as there may be.
      if (cause instanceof RangeError) throw new ScriptError('code: what it calls is too deep');
      throw cause;
    }
  }
}
