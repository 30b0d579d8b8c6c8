/** Pages that a program has mapped: at the end of its own memory, which only grows, so that what it unmaps is kept for the next. */

import { errnos } from '../../abi/errno.ts';
import { Holes } from './holes.ts';
import type { ProgramMemory } from './program-memory.ts';

export const PAGE = 4096;
/** Memory grows by so much at least: each time all views of it have to be made anew. */
const GROWTH = 512 * 1024;

export const pageAlign = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE;

export class Pages {
  readonly #memory: ProgramMemory;
  readonly #holes: Holes;
  /** What the program has by itself ends here: its stack, its data. */
  readonly #base: number;

  /** Of a memory that nothing is mapped in yet, or that is a copy of another's. */
  constructor(memory: ProgramMemory, original?: Pages) {
    this.#memory = memory;
    this.#base = original ? original.#base : memory.size;
    this.#holes = original ? original.#holes.copy() : new Holes();
  }

  /** Bytes that are there and free. */
  get free(): number {
    return this.#holes.bytes;
  }

  /** As mmap(2) without an address: zeros, or -ENOMEM. */
  map(bytes: number): number {
    const length = pageAlign(bytes);
    const hole = this.#holes.take(length);
    if (hole !== undefined) {
      this.#memory.bytes.fill(0, hole, hole + length);
      return hole;
    }
    // What is free at the very end need not be had twice, but memory that is nearly full may have no more than that.
    const grown = Math.max(length, GROWTH);
    const at = this.#memory.extend(grown) ?? this.#memory.extend(length);
    if (at === undefined) return -errnos.ENOMEM.number;
    this.#holes.add(at + length, this.#memory.size);
    return at;
  }

  /** As with MAP_FIXED: zeros at this place, which must lie within what is or was mapped. */
  mapAt(at: number, bytes: number): number {
    const end = at + pageAlign(bytes);
    if (!this.#within(at, end)) return -errnos.ENOMEM.number;
    this.#holes.remove(at, end);
    this.#memory.bytes.fill(0, at, end);
    return at;
  }

  unmap(at: number, bytes: number): void {
    // The program's own data is none of ours: it stays.
    this.#holes.add(Math.max(at, this.#base), Math.min(at + pageAlign(bytes), this.#memory.size));
  }

  /** As mremap(2) without an address: in place if there is room behind, else, if it may, moved. */
  remap(at: number, oldBytes: number, newBytes: number, mayMove: boolean): number {
    const [from, to] = [pageAlign(oldBytes), pageAlign(newBytes)];
    if (!this.isMapped(at, from)) return -errnos.EFAULT.number;
    if (to <= from) {
      this.#holes.add(at + to, at + from);
      return at;
    }
    if (this.#holes.takeAt(at + from, at + to)) {
      this.#memory.bytes.fill(0, at + from, at + to);
      return at;
    }
    if (!mayMove) return -errnos.ENOMEM.number;
    const there = this.map(to);
    if (there < 0) return there;
    this.#memory.bytes.copyWithin(there, at, at + from);
    this.#holes.add(at, at + from);
    return there;
  }

  isMapped(at: number, bytes: number): boolean {
    return this.#within(at, at + bytes) && !this.#holes.touches(at, at + bytes);
  }

  #within(at: number, end: number): boolean {
    return at >= this.#base && end <= this.#memory.size && end > at;
  }
}
