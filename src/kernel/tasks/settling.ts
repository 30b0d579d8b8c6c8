/** Programs that wait for the kernel to get no further at this moment of its clock. */

import type { HostedTask } from '../hosted-task.ts';

interface Waiting extends Pick<PromiseWithResolvers<void>, 'resolve' | 'reject'> {
  readonly asking: HostedTask;
}

export class Settling {
  readonly #waiting: Waiting[] = [];

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Settles once `settle` finds nobody but the program of `asking` thinking. */
  wait(asking: HostedTask): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ asking, resolve, reject });
    return promise;
  }

  /** Nothing of the kernel runs or is about to. `othersThink`: whether a program does, but for that of the one that asks. */
  settle(othersThink: (asking: HostedTask) => boolean): void {
    for (const waiting of [...this.#waiting]) {
      if (othersThink(waiting.asking)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.resolve();
    }
  }

  end(reason: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
