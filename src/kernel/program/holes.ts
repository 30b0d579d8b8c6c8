/** Ranges of addresses that are free: sorted, never touching. */

interface Range {
  at: number;
  end: number;
}

export class Holes {
  readonly #ranges: Range[] = [];

  copy(): Holes {
    const copy = new Holes();
    for (const { at, end } of this.#ranges) copy.add(at, end);
    return copy;
  }

  /** Bytes in all of them. */
  get bytes(): number {
    return this.#ranges.reduce((sum, { at, end }) => sum + end - at, 0);
  }

  /** These are free now; some may have been. */
  add(at: number, end: number): void {
    if (end <= at) return;
    const first = this.#ranges.findIndex((range) => range.end >= at);
    if (first < 0) {
      this.#ranges.push({ at, end });
      return;
    }
    let count = 0;
    const merged = { at, end };
    for (let i = first; i < this.#ranges.length; i++) {
      const range = this.#ranges[i];
      if (!range || range.at > end) break;
      merged.at = Math.min(merged.at, range.at);
      merged.end = Math.max(merged.end, range.end);
      count++;
    }
    this.#ranges.splice(first, count, merged);
  }

  /** Take so many bytes from the lowest that has them; answers where, or undefined. */
  take(bytes: number): number | undefined {
    const i = this.#ranges.findIndex((range) => range.end - range.at >= bytes);
    const range = this.#ranges[i];
    if (!range) return undefined;
    const { at } = range;
    this.#shrink(i, at, at + bytes);
    return at;
  }

  /** Take exactly these; answers whether all were free. */
  takeAt(at: number, end: number): boolean {
    if (end <= at) return true;
    const i = this.#ranges.findIndex((range) => range.at <= at && range.end >= end);
    if (i < 0) return false;
    this.#shrink(i, at, end);
    return true;
  }

  /** Whether any of these is free. */
  touches(at: number, end: number): boolean {
    return end > at && this.#ranges.some((range) => range.at < end && range.end > at);
  }

  /** Take from these whatever is free. */
  remove(at: number, end: number): void {
    if (end <= at) return;
    for (let i = this.#ranges.length - 1; i >= 0; i--) {
      const range = this.#ranges[i];
      if (range && range.at < end && range.end > at) this.#shrink(i, Math.max(at, range.at), Math.min(end, range.end));
    }
  }

  #shrink(i: number, at: number, end: number): void {
    const range = this.#ranges[i];
    if (!range) return;
    const rest = [
      { at: range.at, end: at },
      { at: end, end: range.end },
    ].filter((part) => part.end > part.at);
    this.#ranges.splice(i, 1, ...rest);
  }
}
