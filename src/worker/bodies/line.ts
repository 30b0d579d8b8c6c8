/** Who waits for memory, in order: what comes free goes to whoever began to wait first, so that one after another is whole. */

/** One who waits, as long as he looks again and again. */
export interface Place {
  readonly number: number;
  readonly owner: string | undefined;
  /** Looks whether it is his turn; all in front of him who `could` take something now go first. */
  isFirst(nowNs: number, could: (owner: string | undefined) => boolean): boolean;
  leave(): void;
}

/** Whoever waits and has not looked for so long is gone: requests vanish without a word. */
const GONE_NS = 1_000 * 1e6;

export class WaitingLine {
  readonly #waiting = new Map<number, { readonly owner: string | undefined; lookedNs: number }>();
  #last = 0;

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** `number`: the place that he had before, and has kept. */
  enter(owner: string | undefined, nowNs: number, number = ++this.#last): Place {
    const waiter = { owner, lookedNs: nowNs };
    this.#waiting.set(number, waiter);
    return {
      number,
      owner,
      isFirst: (atNs, could) => {
        waiter.lookedNs = atNs;
        for (const [other, { owner: theirs, lookedNs }] of this.#waiting) {
          if (atNs - lookedNs > GONE_NS) this.#waiting.delete(other);
          else if (other < number && (theirs === owner || could(theirs))) return false;
        }
        return true;
      },
      leave: () => {
        this.#waiting.delete(number);
      },
    };
  }
}
