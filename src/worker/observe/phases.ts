/** Where the time of a request goes, by phases. */

/** In this order they come; each with one sentence. */
const phaseNames = {
  queue: 'waits for memory for a kernel',
  restore: 'a kernel is made of the snapshot',
  mount: 'an image is opened and mounted',
  read: 'storage is asked',
  write: 'the client takes what it is sent',
} as const;

export type Phase = keyof typeof phaseNames;
export type Timed = (phase: Phase, ms: number) => void;

export class Phases {
  readonly #ms = new Map<Phase, number>();

  readonly add: Timed = (phase, ms) => {
    this.#ms.set(phase, (this.#ms.get(phase) ?? 0) + ms);
  };

  async time<T>(phase: Phase, work: Promise<T>, nowMs: () => number): Promise<T> {
    const start = nowMs();
    try {
      return await work;
    } finally {
      this.add(phase, nowMs() - start);
    }
  }

  /** Those that were, in whole milliseconds. */
  get all(): Readonly<Partial<Record<Phase, number>>> {
    const names = Object.keys(phaseNames) as Phase[];
    return Object.fromEntries(
      names.flatMap((phase) => {
        const ms = this.#ms.get(phase);
        return ms === undefined ? [] : [[phase, Math.round(ms)]];
      }),
    );
  }

  /** Of a header (https://www.w3.org/TR/server-timing/). */
  get serverTiming(): string[] {
    return Object.entries(this.all).map(([phase, ms]) => `${phase};dur=${ms}`);
  }
}
