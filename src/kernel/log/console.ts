/** The printk log: the last bytes the kernel printed, kept for reports and never sent to anyone unasked. */

/** A ring of bytes, cut at line starts when it is read. */
export class Console {
  readonly #size: number;
  /** There is none until something is printed: most kernels that are restored print nothing. */
  #ring = new Uint8Array(0);
  #written = 0;

  constructor(bytes = 32 * 1024) {
    this.#size = bytes;
  }

  append(text: Uint8Array): void {
    const size = this.#size;
    if (this.#written === 0) this.#ring = new Uint8Array(size);
    const kept = text.subarray(Math.max(0, text.length - size));
    const at = (this.#written + text.length - kept.length) % size;
    const first = Math.min(kept.length, size - at);
    this.#ring.set(kept.subarray(0, first), at);
    this.#ring.set(kept.subarray(first), 0);
    this.#written += text.length;
  }

  /** Bytes printed so far, those no longer kept included. */
  get written(): number {
    return this.#written;
  }

  /** All that is kept, whole lines only. */
  text(): string {
    const size = this.#size;
    const decoder = new TextDecoder();
    if (this.#written <= size) return decoder.decode(this.#ring.subarray(0, this.#written));
    const at = this.#written % size;
    const text = decoder.decode(this.#ring.subarray(at)) + decoder.decode(this.#ring.subarray(0, at));
    return text.slice(text.indexOf('\n') + 1);
  }

  /** What is kept of all that was printed since `written` was so. */
  since(written: number): string {
    if (written === this.#written) return '';
    const bytes = new TextEncoder().encode(this.text());
    return new TextDecoder().decode(bytes.subarray(Math.max(0, bytes.length - (this.#written - written))));
  }

  /** The last `lines` lines. */
  tail(lines = 40): string {
    return this.text().trimEnd().split('\n').slice(-lines).join('\n');
  }
}
