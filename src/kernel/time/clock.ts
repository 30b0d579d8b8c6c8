/** The kernel's clock as the host sees it: it lives in shared memory, where the kernel reads it without a call. */

import { IRQ, SHARED } from '../../abi/shared.ts';
import type { ClockPolicy, Host } from '../host.ts';
import { type KernelMemory, type Ptr, plus } from '../memory.ts';

const NEVER = 0xffff_ffff;

/** CLOCK_MONOTONIC and the one timer. Nanoseconds as numbers: exact for 104 days, then to a few ns. */
export class Clock {
  readonly policy: ClockPolicy;
  readonly #memory: KernelMemory;
  readonly #shared: Ptr;
  readonly #host: Host;
  /** Wall policy: what the steady clock said at kernel time 0. */
  #epochNs = 0;
  #stoppedNs: number | undefined;

  constructor(policy: ClockPolicy, memory: KernelMemory, shared: Ptr, host: Host) {
    this.policy = policy;
    this.#memory = memory;
    this.#shared = shared;
    this.#host = host;
    memory.setU32(plus(shared, SHARED.clockWall), policy === 'wall' ? 1 : 0);
    this.forbidJumps();
    if (policy === 'wall') this.#epochNs = host.monotonicNs() - this.nowNs;
  }

  /** The time the kernel last saw. */
  get nowNs(): number {
    return this.#stoppedNs ?? this.#memory.u64AsNumber(plus(this.#shared, SHARED.clockNs));
  }

  /** The kernel is at its end, at this time: its memory is not looked at any more. */
  stop(): void {
    this.#stoppedNs = this.nowNs;
  }

  /** When the next timer is due; undefined: never. */
  get timerNs(): number | undefined {
    const at = plus(this.#shared, SHARED.timerNs);
    return this.#memory.u32(plus(at, 4)) === NEVER ? undefined : this.#memory.u64AsNumber(at);
  }

  /** The import `clock_now`. */
  wallNs(): number {
    return this.#host.monotonicNs() - this.#epochNs;
  }

  /** Virtual policy: jumps to the timer that are left until other work of the event loop gets its turn. */
  get jumps(): number {
    return this.#memory.u32(plus(this.#shared, SHARED.jumps));
  }
  set jumps(count: number) {
    this.#memory.setU32(plus(this.#shared, SHARED.jumps), count);
  }

  /** Virtual policy: while nothing forbids it the idle kernel jumps by itself to timers that are due before `endNs`. */
  allowJumps(endNs: number): void {
    this.#memory.setI64FromNumber(plus(this.#shared, SHARED.jumpNs), endNs);
  }

  /** The idle kernel asks before time passes. Programs come and go when the kernel is dead, too. */
  forbidJumps(): void {
    if (this.#stoppedNs !== undefined) return;
    this.#memory.setI64FromNumber(plus(this.#shared, SHARED.jumpNs), 0);
  }

  /** Virtual policy: go on to this time, unless it is over. */
  advance(ns: number): void {
    if (ns > this.nowNs) this.#memory.setI64FromNumber(plus(this.#shared, SHARED.clockNs), ns);
  }

  /** Virtual policy: jump to the timer and make it pending. */
  fire(timerNs: number): void {
    this.advance(timerNs);
    this.#disarm();
  }

  /** Wall policy: make the timer pending if it is due. Answers whether it was. */
  fireIfDue(): boolean {
    const due = this.timerNs;
    if (due === undefined || this.wallNs() < due) return false;
    this.#disarm();
    return true;
  }

  #disarm(): void {
    this.#memory.setI64FromNumber(plus(this.#shared, SHARED.timerNs), -1);
    const pending = plus(this.#shared, SHARED.irqPending);
    this.#memory.setU32(pending, this.#memory.u32(pending) | (1 << IRQ.timer));
  }
}
