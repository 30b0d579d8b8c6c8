/** The names of a directory in byte order, so many at a time: however many there are, memory is held for those. */

import { fromLatin1 } from '../bytes/latin1.ts';

/** Of one directory, in memory at a time: of a larger one the rest is listed when it is its turn. */
export const NAMES_AT_ONCE = 131_072;

/** All of a directory. `list` lists it, each time anew, as strings of one character a byte. */
export async function* namesInOrder(
  list: () => Iterable<string> | AsyncIterable<string>,
  atOnce = NAMES_AT_ONCE,
): AsyncGenerator<Uint8Array> {
  for (let after = ''; ; ) {
    const page = new SmallestNames(atOnce, after);
    for await (const name of list()) page.add(name);
    const { names } = page;
    for (const name of names) yield fromLatin1(name);
    if (!page.more) return;
    after = names.at(-1) ?? after;
  }
}

/** Names as strings of one char a byte: far smaller than arrays, and JavaScript compares such strings by their bytes. */
export class SmallestNames {
  readonly #limit: number;
  readonly #after: string;
  #names: string[] = [];
  #more = false;

  /** Keeps the first `limit` of those behind `after`. */
  constructor(limit: number, after = '') {
    this.#limit = limit;
    this.#after = after;
  }

  add(name: string): void {
    if (name <= this.#after) return;
    this.#names.push(name);
    // Sorting at twice the limit costs each name a logarithm, as sorting once would.
    if (this.#names.length >= 2 * this.#limit) this.#cut();
  }

  /** Sorted. */
  get names(): readonly string[] {
    this.#cut();
    return this.#names;
  }

  /** There are others behind them. Look at `names` first. */
  get more(): boolean {
    return this.#more;
  }

  #cut(): void {
    this.#names.sort();
    if (this.#names.length <= this.#limit) return;
    this.#names.length = this.#limit;
    this.#more = true;
  }
}
