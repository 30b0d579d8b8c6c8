/** A session that nobody calls is at rest at once when somebody waits for its memory, not only when its alarm rings. */

/** So often it is looked whether somebody waits. Whoever calls again within that finds the kernel where it was. */
const LOOK_MS = 100;
/** Then the alarm has rung, or the kernel cannot be stored. */
const MOST_LOOKS = 50;

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
      while (isUnused() && this.#looks++ < MOST_LOOKS) {
        await pause(LOOK_MS);
        // One who called meanwhile has the kernel for a look more.
        if (this.#looks === 0 || !isUnused() || !isWanted()) continue;
        // Where it cannot be stored, asking again is no use before something was done with it. What went wrong the alarm meets too, and tells.
        return void (await rest().catch(() => {}));
      }
    } finally {
      this.#isLooking = false;
    }
  }
}
