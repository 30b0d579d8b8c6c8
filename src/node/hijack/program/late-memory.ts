/**
 * The memory of a program as a call of its thread writes to it: only while that thread waits. One that a signal has interrupted goes on, and what the call
 * pointed at may be anything by then; it is written when the call is made again.
 */

import type { KernelMemory } from '../../../kernel/memory.ts';
import { lengthOf, ProgramMemory, type Span } from './memory.ts';

/** Bytes that are to be written, and where. */
export interface LateWrite {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export class LateMemory extends ProgramMemory {
  readonly #ask: () => boolean;
  readonly #late: LateWrite[] = [];
  #isKnown = false;

  /** `ask` looks whether the thread waits: the machine's kernel goes through all calls that wait for that. */
  constructor(pid: number, like: ProgramMemory, ask: () => boolean) {
    super(pid, like);
    this.#ask = ask;
  }

  /** Asked once for all that is written without a pause: a message's data, name and lengths. */
  #isWaiting(): boolean {
    if (this.#isKnown) return true;
    if (!this.#ask()) return false;
    this.#isKnown = true;
    queueMicrotask(() => {
      this.#isKnown = false;
    });
    return true;
  }

  /** What has not been written. */
  get late(): readonly LateWrite[] {
    return this.#late;
  }

  override write(at: number, from: Uint8Array): void {
    if (this.#isWaiting()) super.write(at, from);
    else this.#late.push({ at, bytes: from.slice() });
  }

  override fromKernel(memory: KernelMemory, from: number, spans: readonly Span[], bytes: number): void {
    if (this.#isWaiting()) {
      super.fromKernel(memory, from, spans, bytes);
      return;
    }
    const copy = memory.copy(from as Parameters<KernelMemory['copy']>[0], Math.min(bytes, lengthOf(spans)));
    let done = 0;
    for (const { at, bytes: room } of spans) {
      if (done === copy.length) break;
      const part = copy.subarray(done, done + room);
      this.#late.push({ at, bytes: part });
      done += part.length;
    }
  }
}
