/** Bytes of memory that all programs of one kernel may have together. */

export class Budget {
  /** Bytes. May be set while programs run: those that have more keep it. */
  limit: number;
  #used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }
  get left(): number {
    return Math.max(0, this.limit - this.#used);
  }

  /** Answers whether there were so many left; if not, none is taken. */
  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.#used += bytes;
    return true;
  }

  /** Someone has taken so many already. Answers whether that was within the limit. */
  taken(bytes: number): boolean {
    this.#used += bytes;
    return this.#used <= this.limit;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
