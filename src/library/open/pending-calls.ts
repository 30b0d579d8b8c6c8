/** Calls that are under way, so that who lets go of what they use can wait for them. */

export class PendingCalls {
  readonly #pending = new Set<Promise<unknown>>();

  /** Answers `call` itself. */
  track<T>(call: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = call.then(
      () => this.#pending.delete(settled),
      () => this.#pending.delete(settled),
    );
    this.#pending.add(settled);
    return call;
  }

  /** Once none is under way, those included that began meanwhile. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
}
