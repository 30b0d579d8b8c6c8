/** When a session's Durable Object is woken: to be suspended when nobody calls, to be forgotten when its time is over. */

/** Without a call for so long, a session is suspended. The host may drop an idle object after ten seconds. */
const IDLE_MS = 4_000;
/** The alarm that does so comes up to so much earlier. */
const ALARM_STEP_MS = 1_000;

export class Alarm {
  readonly #storage: Pick<DurableObjectStorage, 'setAlarm'>;
  readonly #nowMs: () => number;
  /** What it is set to, as far as this instance knows. */
  #setMs: number | undefined;

  constructor(storage: Pick<DurableObjectStorage, 'setAlarm'>, nowMs: () => number) {
    this.#storage = storage;
    this.#nowMs = nowMs;
  }

  /** Not at every call, since each time is a write: one that is due up to a second too early is left as it is. */
  async set(expiresMs: number, inMemory: boolean): Promise<void> {
    const dueMs = inMemory ? Math.min(this.#nowMs() + IDLE_MS, expiresMs) : expiresMs;
    if (this.#setMs !== undefined && this.#setMs <= dueMs && this.#setMs > dueMs - ALARM_STEP_MS) return;
    await this.#storage.setAlarm(dueMs);
    this.#setMs = dueMs;
  }

  /** It rang, and is set no more. */
  rang(): void {
    this.#setMs = undefined;
  }
}
