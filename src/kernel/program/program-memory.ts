/** The linear memory of one program: counted against what all of them may have, and what the kernel copies from and to it. */

import { errnos } from '../../abi/errno.ts';
import { FOREIGN } from '../../abi/shared.ts';
import { KernelMemory, type Ptr, ptr } from '../memory.ts';
import type { Budget } from './budget.ts';

const WASM_PAGE = 65_536;
/** Below is nothing of a program: so NULL is no address, and what is near it neither. */
const LOWEST = 4096;
/** Copies of fewer bytes are made byte by byte: to make views of both memories costs more. */
const SMALL = 32;

export class ProgramMemory extends KernelMemory {
  readonly #budget: Budget;
  readonly #lowest: number;
  #counted = 0;
  /** Nothing is counted any more, whatever its program does before its stack is gone. */
  #ended = false;

  /** `lowest`: below is no address. Throws RangeError when the budget has not what it has already. */
  constructor(memory: WebAssembly.Memory, budget: Budget, lowest = LOWEST) {
    super(memory);
    this.#lowest = lowest;
    this.#budget = budget;
    if (!budget.take(this.size)) throw new RangeError('no memory is left for another program');
    this.#counted = this.size;
  }

  /** Nothing uses it any more. */
  end(): void {
    this.#ended = true;
    this.#budget.give(this.#counted);
    this.#counted = 0;
  }

  /** Count what it grew by itself, with `memory.grow`. Answers whether that was within the budget. */
  count(): boolean {
    const more = this.size - this.#counted;
    if (more === 0 || this.#ended) return true;
    this.#counted += more;
    return this.#budget.taken(more);
  }

  /** More memory behind its end: at least so many bytes, zeros, whole wasm pages. Answers where; undefined: there is none. */
  extend(bytes: number): number | undefined {
    if (this.#ended || !this.count()) return undefined;
    const pages = Math.ceil(bytes / WASM_PAGE);
    if (!this.#budget.take(pages * WASM_PAGE)) return undefined;
    try {
      const at = this.memory.grow(pages) * WASM_PAGE;
      this.#counted += pages * WASM_PAGE;
      return at;
    } catch (cause) {
      // Its maximum, or the engine has no more.
      this.#budget.give(pages * WASM_PAGE);
      if (cause instanceof RangeError) return undefined;
      throw cause;
    }
  }

  /** Whether all of these bytes are its own. */
  has(at: number, bytes: number): boolean {
    return at >= this.#lowest && at + bytes <= this.size;
  }

  /** The import `foreign_copy`: what fits is copied; answers the bytes that are not. */
  exchange(kernel: KernelMemory, ours: number, theirs: number, bytes: number, what: number): number {
    if (theirs < this.#lowest || theirs >= this.size) return bytes;
    const n = Math.min(bytes, this.size - theirs);
    if (what === FOREIGN.read) copy(this.bytes, theirs, kernel.bytes, ours, n);
    else if (what === FOREIGN.write) copy(kernel.bytes, ours, this.bytes, theirs, n);
    else this.bytes.fill(0, theirs, theirs + n);
    return bytes - n;
  }

  /** The import `foreign_string`: as strncpy_from_user() has it; `ours` 0: only its length. */
  string(kernel: KernelMemory, ours: number, theirs: number, max: number): number {
    if (theirs < this.#lowest || theirs >= this.size) return -errnos.EFAULT.number;
    const there = this.bytes.subarray(theirs, Math.min(theirs + max, this.size));
    const end = there.indexOf(0);
    if (end < 0 && there.length < max) return -errnos.EFAULT.number;
    const length = end < 0 ? max : end;
    if (ours !== 0) kernel.write(ptr(ours), there.subarray(0, end < 0 ? max : end + 1));
    return length;
  }

  /** All of another one's bytes: this memory becomes as large first. Answers whether there was room. */
  copyFrom(other: ProgramMemory): boolean {
    if (other.size > this.size && this.extend(other.size - this.size) === undefined) return false;
    this.write(0 as Ptr, other.bytes);
    return true;
  }
}

function copy(from: Uint8Array, at: number, to: Uint8Array, there: number, n: number): void {
  if (n > SMALL) to.set(from.subarray(at, at + n), there);
  else for (let i = 0; i < n; i++) to[there + i] = from[at + i] ?? 0;
}
