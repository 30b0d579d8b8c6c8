/** Results by name that the lists of a batch can wait for. */

import { Mistake } from '../language/mistake.ts';
import type { CallResult } from '../language/types.ts';
import { Refs } from '../language/values/refs.ts';

export class SharedRefs extends Refs {
  readonly #known = new Set<string>();
  readonly #awaited = new Map<string, { readonly resolve: () => void; readonly reject: () => void }[]>();
  #running = 0;
  #waiting = 0;

  /** So many lists run now. */
  open(lists: number): void {
    this.#running = lists;
    this.#check();
  }

  /** One of them has come to its end. */
  close(): void {
    this.#running--;
    this.#check();
  }

  override set(name: string, result: CallResult): void {
    super.set(name, result);
    this.#known.add(name);
    for (const { resolve } of this.#awaited.get(name) ?? []) {
      this.#waiting--;
      resolve();
    }
    this.#awaited.delete(name);
  }

  whenSet(name: string, path: string): Promise<void> {
    if (this.#known.has(name)) return Promise.resolve();
    return new Promise<void>((resolve, rejectWith) => {
      const reject = () => rejectWith(new Mistake('bad-ref', path, `no call named ${name} is ever made`));
      this.#awaited.set(name, [...(this.#awaited.get(name) ?? []), { resolve, reject }]);
      this.#waiting++;
      this.#check();
    });
  }

  /** When all that run wait for each other, none gets its result. */
  #check(): void {
    if (this.#waiting < this.#running || this.#waiting === 0) return;
    const [first] = [...this.#awaited.values()].flat();
    first?.reject();
  }
}
