/** What a simulation captures, written as it comes: a capture may be larger than memory. */

import { appendFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, reasonOf } from '../failure.ts';

/** The folder is made for the first bytes, and the files have their names once all is there: what fails midway leaves none. */
export class CaptureFiles {
  readonly #directory: string;
  readonly #begun = new Set<number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The next bytes of the capture with this index. */
  add(index: number, bytes: Uint8Array): void {
    this.#try(() => {
      if (this.#begun.size === 0) mkdirSync(this.#directory, { recursive: true });
      if (!this.#begun.has(index)) rmSync(this.#part(index), { force: true });
      this.#begun.add(index);
      appendFileSync(this.#part(index), bytes);
    });
  }

  /** By index. */
  name(names: readonly string[]): void {
    this.#try(() => {
      for (const [index, name] of names.entries()) renameSync(this.#part(index), join(this.#directory, name));
    });
  }

  drop(): void {
    this.#try(() => {
      for (const index of this.#begun) rmSync(this.#part(index));
    });
  }

  #part(index: number): string {
    return join(this.#directory, `.${process.pid}-${index}.pcapng.part`);
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (cause) {
      throw new Failure('failed', `captures cannot be written: ${reasonOf(cause)}`);
    }
  }
}
