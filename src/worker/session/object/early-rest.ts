/** A session that nobody calls is at rest at once when somebody waits for its memory, not only when its alarm rings. */

/** So often it is looked whether somebody waits. */
const LOOK_MS = 100;
/** Whoever calls again before so many have passed finds the kernel where it was, and need not wait for memory himself. */
const FIRST_LOOK = 5;
/** Then the alarm has rung, or the kernel cannot be stored. */
const LAST_LOOK = 50;

export interface EarlyRestNeeds {
  /** Whether somebody waits for memory. */
  isWanted(): boolean;
  pause(ms: number): Promise<unknown>;
  /** There is a kernel in memory, and nobody calls it. */
  isUnused(): boolean;
  rest(): Promise<unknown>;
}

export class EarlyRest {
  readonly #needs: EarlyRestNeeds;
  #isLooking = false;
  #looks = 0;

  constructor(needs: EarlyRestNeeds) {
    this.#needs = needs;
  }

  /** A call has ended: from now on it is looked whether somebody waits. */
  async used(): Promise<void> {
    const { isWanted, pause, isUnused, rest } = this.#needs;
    this.#looks = 0;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      while (isUnused() && this.#looks < LAST_LOOK) {
        await pause(LOOK_MS);
        if (++this.#looks < FIRST_LOOK || !isUnused() || !isWanted()) continue;
        // Where it cannot be stored, asking again is no use before something was done with it. What went wrong the alarm meets too, and tells.
        return void (await rest().catch(() => {}));
      }
    } finally {
      this.#isLooking = false;
    }
  }
}
