/** Winds a program's stack up into its memory, and down again in the program or a copy of it: what fork(2) needs. */

import { errnos } from '../../abi/errno.ts';
import type { Ptr } from '../memory.ts';
import type { Pages } from './pages.ts';
import type { ProgramMemory } from './program-memory.ts';

/** For what a deep stack of a shell holds; a stack that needs more traps while it is wound. */
const BUFFER_BYTES = 512 * 1024;

/** `asyncify_get_state` (binaryen, passes/Asyncify.cpp). */
const UNWINDING = 1;

const names = [
  'asyncify_start_unwind',
  'asyncify_stop_unwind',
  'asyncify_start_rewind',
  'asyncify_stop_rewind',
  'asyncify_get_state',
] as const;
type AsyncifyExports = Readonly<Record<(typeof names)[number], (at?: number) => unknown>>;

export class Asyncify {
  readonly #exports: AsyncifyExports;
  readonly #memory: ProgramMemory;
  readonly #pages: Pages;
  #buffer: number;
  #answer: number | undefined;

  /** undefined: the program was not made for it. */
  static of(
    exports: WebAssembly.Exports,
    memory: ProgramMemory,
    pages: Pages,
    original?: Asyncify,
  ): Asyncify | undefined {
    if (names.some((name) => typeof exports[name] !== 'function')) return undefined;
    return new Asyncify(exports as unknown as AsyncifyExports, memory, pages, original ? original.#buffer : 0);
  }

  private constructor(exports: AsyncifyExports, memory: ProgramMemory, pages: Pages, buffer: number) {
    this.#exports = exports;
    this.#memory = memory;
    this.#pages = pages;
    this.#buffer = buffer;
  }

  /** In the import: the stack has been wound down to here again, and this is what the import answers; undefined: it has not. */
  arrived(): number | undefined {
    const answer = this.#answer;
    if (answer === undefined) return undefined;
    this.#answer = undefined;
    this.#exports.asyncify_stop_rewind();
    return answer;
  }

  /** In the import: from its return on the stack winds itself up. Answers 0, or -ENOMEM, and then it does not. */
  windUp(): number {
    if (this.#buffer === 0) {
      const at = this.#pages.map(BUFFER_BYTES);
      if (at < 0) return -errnos.ENOMEM.number;
      this.#buffer = at;
    }
    const at = this.#buffer as Ptr;
    // Its head: where the next frame goes, and where there is no more room.
    this.#memory.setU32(at, at + 8);
    this.#memory.setU32((at + 4) as Ptr, at + BUFFER_BYTES);
    this.#exports.asyncify_start_unwind(at);
    return 0;
  }

  /** The stack has ended: because it was wound up? If so, that is over now. */
  isWoundUp(): boolean {
    if (this.#exports.asyncify_get_state() !== UNWINDING) return false;
    this.#exports.asyncify_stop_unwind();
    return true;
  }

  /** The next entry winds the stack down again, and the import answers this. */
  windDown(answer: number): void {
    this.#answer = answer;
    this.#exports.asyncify_start_rewind(this.#buffer);
  }
}
