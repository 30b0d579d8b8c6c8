/** What code in scripts can name, and how deep its functions may call each other. */

import { ScriptError } from '../language/script-error.ts';
import { charge } from './budget.ts';
import { builtin } from './builtins.ts';
import type { Value } from './values.ts';

/** What code sees beside its own names. */
export interface Names {
  /** Undefined: there is no such name. */
  get(name: string): Value | undefined;
}

/** What all code of a script shares: functions that were made before see what there is when they are called. */
export interface Run {
  names: Names;
  readonly print: (line: string) => void;
  /** So many characters. */
  printed: number;
  /** Functions that are in each other. */
  calls: number;
}

const MOST_CALLS = 100;
const MOST_PRINTED = 1_000_000;

/** The variables of all code, or of one call of a function in it. */
export class Scope {
  readonly #variables = new Map<string, Value>();
  readonly #outer: Scope | undefined;
  readonly #run: Run;
  readonly #globals = new Set<string>();

  constructor(run: Run, outer?: Scope) {
    this.#run = run;
    this.#outer = outer;
  }

  /** `work` with variables of its own. */
  within<T>(work: (inner: Scope) => T): T {
    if (this.#run.calls >= MOST_CALLS)
      throw new ScriptError(`code: functions call each other more than ${MOST_CALLS} deep`);
    this.#run.calls++;
    try {
      return work(new Scope(this.#run, this));
    } finally {
      this.#run.calls--;
    }
  }

  step(): void {
    charge(1);
  }

  print(line: string): void {
    this.#run.printed += line.length;
    if (this.#run.printed > MOST_PRINTED)
      throw new ScriptError(`code: it printed more than ${MOST_PRINTED} characters`);
    this.#run.print(line);
  }

  /** `name` is that of all code, from here on. */
  share(name: string): void {
    if (this.#outer) this.#globals.add(name);
  }

  look(name: string): Value {
    const value = this.#own(name) ?? this.#run.names.get(name) ?? builtin(name);
    if (value === undefined) throw new ScriptError(`code: name '${name}' is not defined`);
    return value;
  }

  #own(name: string): Value | undefined {
    return this.#variables.get(name) ?? (this.#outer ? this.#outer.#own(name) : undefined);
  }

  set(name: string, value: Value): void {
    (this.#globals.has(name) ? this.#outermost : this).#variables.set(name, value);
  }

  delete(name: string): void {
    if (!this.#variables.delete(name)) throw new ScriptError(`code: name '${name}' is not defined`);
  }

  get #outermost(): Scope {
    return this.#outer ? this.#outer.#outermost : this;
  }
}
