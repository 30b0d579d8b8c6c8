/** Notices a client that does nothing: it neither sends what is waited for nor takes what it is sent. */

import { HostError } from '../../errors/host-error.ts';

/** A client may be slow, but it has to keep going. */
export const STALL_MS = 30_000;
/** So often within that time it is looked at. */
const LOOKS = 6;

/** One timer for a whole stream: one for each chunk would cost as much as the chunk. */
export class StallWatch {
  #timer: ReturnType<typeof setInterval> | undefined;
  #reject: ((cause: HostError) => void) | undefined;
  #looks = 0;
  readonly #limitMs: number;

  constructor(limitMs = STALL_MS) {
    this.#limitMs = limitMs;
  }

  /**
   * Awaits a step that is the client's, one at a time. Rejects with `client-too-slow` when it takes too long. `gotOn`: what
   * came before was enough to start anew; false: drops, which are not.
   */
  wait<T>(step: Promise<T>, gotOn = true): Promise<T> {
    this.#timer ??= setInterval(() => this.#look(), this.#limitMs / LOOKS);
    if (gotOn) this.#looks = 0;
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      const settled = () => {
        this.#reject = undefined;
      };
      step.then(
        (value) => {
          settled();
          resolve(value);
        },
        (cause) => {
          settled();
          reject(cause);
        },
      );
    });
  }

  #look(): void {
    if (!this.#reject || ++this.#looks < LOOKS) return; // what is waited for is ours, or there is time left
    this.#reject(new HostError('client-too-slow', `the client did nothing for ${this.#limitMs / 1000} s`));
    this.end();
  }

  /** Nothing is waited for any more. */
  end(): void {
    if (this.#timer !== undefined) clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
