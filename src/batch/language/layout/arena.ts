/** The memory of one call before it has an address: bytes, and which words in them point at other bytes of it. */

import { Mistake } from '../mistake.ts';

const ALIGN = 8;
const START_BYTES = 4096;
/** No buffer lies at offset 0: a pointer of 0 stays NULL. */
const FIRST = ALIGN;
const NOTHING = new Uint8Array();
const NO_DATA = new DataView(NOTHING.buffer);

/** Offsets stand for addresses until `place` says where the arena lies. It is emptied and used again for each call. */
export class Arena {
  /** Most bytes that one call may have. */
  readonly limit: number;
  /** There is none until a call has a buffer: many have not. */
  #bytes = NOTHING;
  #data = NO_DATA;
  #used = FIRST;
  readonly #pointers: number[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  clear(): void {
    if (this.#used === FIRST) return;
    this.#bytes.fill(0, 0, this.#used);
    this.#used = FIRST;
    this.#pointers.length = 0;
  }

  /** Bytes that the call needs: 0 for a call without memory. */
  get used(): number {
    return this.#used === FIRST ? 0 : this.#used;
  }

  /** For immediate use: the next `room` may move it. */
  get data(): DataView {
    return this.#data;
  }
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The offset of `size` zero bytes, aligned for any struct. */
  room(size: number, path: string): number {
    const offset = Math.ceil(this.#used / ALIGN) * ALIGN;
    const end = offset + size;
    if (end > this.limit) throw new Mistake('over-limit', path, `a call may have ${this.limit} bytes of buffers`);
    if (end > this.#bytes.length) this.#grow(end);
    this.#used = end;
    return offset;
  }

  #grow(bytes: number): void {
    const next = new Uint8Array(Math.max(bytes, Math.min(this.limit, Math.max(2 * this.#bytes.length, START_BYTES))));
    next.set(this.#bytes);
    this.#bytes = next;
    this.#data = new DataView(next.buffer);
  }

  /** The word at `offset` is to hold the address of `target`. */
  point(offset: number, target: number): void {
    this.#data.setUint32(offset, target, true);
    this.#pointers.push(offset);
  }

  /** The arena's bytes for memory at `base`. */
  place(base: number): Uint8Array {
    for (const offset of this.#pointers) this.#data.setUint32(offset, this.#data.getUint32(offset, true) + base, true);
    this.#pointers.length = 0;
    return this.#used === FIRST ? NOTHING : this.#bytes.subarray(0, this.#used);
  }
}
