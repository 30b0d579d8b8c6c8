/** Which blocks of a disk are in a file that is made: runs of them, in their order, so that a full disk costs no more memory than an empty one. */

interface Run {
  readonly first: number;
  count: number;
}

export class BlockRuns {
  readonly #runs: Run[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** All from `first` to `last`, none of which is before the last one that is there. */
  add(first: number, last: number): void {
    const run = this.#runs.at(-1);
    const end = run === undefined ? 0 : run.first + run.count;
    const from = Math.max(first, end);
    if (from > last) return;
    const added = last + 1 - from;
    if (run !== undefined && from === end) run.count += added;
    else this.#runs.push({ first: from, count: added });
    this.#count += added;
  }

  /** Blocks and the how manieth each is. */
  *numbered(): Generator<{ readonly block: number; readonly ordinal: number }> {
    let ordinal = 0;
    for (const { first, count } of this.#runs) {
      for (let block = first; block < first + count; block += 1, ordinal += 1) yield { block, ordinal };
    }
  }
}
