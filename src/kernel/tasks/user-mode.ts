/** The task that plays user mode: held there while its program thinks, and let go for others that could run. */

import type { HostedTask } from '../hosted-task.ts';

export interface UserModeNeeds {
  /** The kernel says that other tasks could run. */
  readonly othersCouldRun: () => boolean;
  /** Makes the held task go back into the kernel, which then runs who waits. */
  readonly interrupt: () => void;
  readonly turn: () => Promise<unknown>;
  readonly isTurnDear: boolean;
  /** Undefined: turns of the event loop come by what is the same in each run alone. */
  readonly monotonicNs: (() => number) | undefined;
}

/**
 * Where programs call again and again and nothing waits, the host's event loop has a turn after so many calls: its timers,
 * deadlines among them, are its own. Long calls count for more: by the bytes that they moved, and by the clock, which is looked at
 * now and then. A Worker's stands still while it computes, and where a run is to be repeatable it is not looked at: who is
 * held when others get their turn decides who runs next.
 */
const CALLS_A_TURN = 256;
/** Where a turn takes a millisecond, as a Worker's does, and where a run is to be repeatable: that is on each host the same. */
const CALLS_A_DEAR_TURN = 1024;
const CALLS_A_LOOK = 16;
const NS_A_TURN = 20e6;
/** A call that moved this much counts as one more. */
const BYTES_A_CALL_BITS = 16;

/** One task at most: exactly one stack of a kernel runs at a time. */
export class UserMode {
  readonly #needs: UserModeNeeds;
  #held: Pick<PromiseWithResolvers<number>, 'resolve' | 'reject'> | undefined;
  #by: HostedTask | undefined;
  /** Whether it keeps others from running is being looked at. */
  #looking = false;
  #stills = 0;
  /** Since the event loop last had a turn. */
  #calls = 0;
  #lookAt = CALLS_A_LOOK;
  #callsALook = CALLS_A_LOOK;
  #turnedNs: number;
  readonly #callsATurn: number;

  constructor(needs: UserModeNeeds) {
    this.#needs = needs;
    this.#turnedNs = needs.monotonicNs?.() ?? 0;
    this.#callsATurn = needs.monotonicNs && !needs.isTurnDear ? CALLS_A_TURN : CALLS_A_DEAR_TURN;
  }

  /** Who is held. */
  get by(): HostedTask | undefined {
    return this.#by;
  }

  /** The task has its result and will call again soon: what the import `user_next` answers then. */
  hold(task: HostedTask): Promise<number> {
    const held = Promise.withResolvers<number>();
    this.#held = held;
    this.#by = task;
    this.#letOthersRun();
    return held.promise;
  }

  /** The task goes on with the call it has made, now or in the next turn of the event loop; false: it is not held. */
  goOn(task: HostedTask): boolean {
    if (this.#by !== task || !this.#held || !task.ready) return false;
    if (!this.#isTurnDue()) return this.#callOf(task);
    this.#callNextTurn(task);
    return true;
  }

  #callOf(task: HostedTask): boolean {
    if (this.#by !== task || !this.#held || !task.take()) return false;
    this.#release()?.resolve(1);
    return true;
  }

  /** What the import `user_next` answers a task that has made its next call already. */
  next(task: HostedTask): number | Promise<number> {
    if (!this.#isTurnDue()) return task.take() ? 1 : 0;
    const held = this.hold(task);
    this.#callNextTurn(task);
    return held;
  }

  #callNextTurn(task: HostedTask): void {
    void this.still(this.#needs.turn()).then(() => this.#callOf(task));
  }

  /** A call has ended with this result, its bytes where it moved some. */
  ended(ret: number): void {
    if (ret >>> BYTES_A_CALL_BITS !== 0 && ret > 0) this.#calls += ret >>> BYTES_A_CALL_BITS;
  }

  #isTurnDue(): boolean {
    if (++this.#calls < this.#lookAt) return false;
    const nowNs = this.#needs.monotonicNs?.() ?? 0;
    const ns = nowNs - this.#turnedNs;
    if (this.#calls < this.#callsATurn && ns < NS_A_TURN) {
      this.#lookAt = this.#calls + this.#callsALook;
      return false;
    }
    this.#turnedNs = nowNs;
    // Calls that take long are looked at one by one.
    this.#callsALook = ns / this.#calls < NS_A_TURN / CALLS_A_LOOK ? CALLS_A_LOOK : 1;
    this.#lookAt = this.#callsALook;
    this.#calls = 0;
    return true;
  }

  /** Whoever is held goes back into the kernel without a call. */
  letGo(): void {
    this.#release()?.resolve(0);
  }

  /** The program of this task makes no other call for now: nobody who could run waits for that. */
  yields(task: HostedTask): void {
    if (this.#by === task && this.#held && this.#stills === 0 && this.#needs.othersCouldRun()) this.#needs.interrupt();
  }

  /** The kernel is no more. */
  end(reason: unknown): void {
    this.#release()?.reject(reason);
  }

  #release() {
    const held = this.#held;
    this.#held = this.#by = undefined;
    return held;
  }

  /** While `work` is awaited, the task that is held stays so, whoever else could run: how long it takes shows nowhere. */
  async still<T>(work: Promise<T>): Promise<T> {
    this.#stills++;
    try {
      return await work;
    } finally {
      this.#stills--;
      this.#letOthersRun();
    }
  }

  /**
   * A program that thinks keeps the kernel for itself: it calls again in this turn of the event loop, mostly, and then no switch was
   * needed. One that has not called by the next turn waits for something else, and that may be what another task would do.
   */
  #letOthersRun(): void {
    const held = this.#held;
    if (this.#looking || this.#stills > 0 || !held || !this.#needs.othersCouldRun()) return;
    this.#looking = true;
    this.#needs.turn().then(() => {
      this.#looking = false;
      if (!this.#held || this.#stills > 0) return;
      if (this.#held === held) this.#needs.interrupt();
      else this.#letOthersRun();
    });
  }
}
