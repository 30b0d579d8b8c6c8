/** Bytes that come in pieces and are wanted as one: held as what they are, however small the pieces. */

import { concat } from './concat.ts';

/** Pieces of so many bytes are kept as they are: what an array costs beside its bytes is nothing to them. */
const BLOCK_BYTES = 64 * 1024;
const FIRST_BYTES = 256;

/**
 * An array of one byte takes some hundred of them, and what it is a view of may be larger still. Who sends byte by byte would
 * have all memory by what counts as a few MiB; so small pieces are copied into blocks, each as long as all before it.
 */
export class Gathered {
  #blocks: Uint8Array[] = [];
  #open = new Uint8Array(0);
  #used = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** One of BLOCK_BYTES and more is kept, not copied. */
  add(piece: Uint8Array): void {
    if (piece.length >= BLOCK_BYTES) {
      this.#close();
      this.#blocks.push(piece);
      this.#length += piece.length;
      return;
    }
    for (let at = 0; at < piece.length; ) {
      if (this.#used === this.#open.length) this.#openNext();
      const part = piece.subarray(at, at + this.#open.length - this.#used);
      this.#open.set(part, this.#used);
      this.#used += part.length;
      this.#length += part.length;
      at += part.length;
    }
  }

  /** All of them; there are none afterwards. */
  take(): Uint8Array {
    this.#close();
    const blocks = this.#blocks;
    this.#blocks = [];
    this.#length = 0;
    const [only] = blocks;
    return blocks.length === 1 && only ? only : concat(blocks);
  }

  #openNext(): void {
    this.#close();
    this.#open = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(FIRST_BYTES, this.#length)));
  }

  #close(): void {
    if (this.#used > 0) this.#blocks.push(this.#open.subarray(0, this.#used));
    this.#open = new Uint8Array(0);
    this.#used = 0;
  }
}
