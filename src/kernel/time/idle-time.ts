/** What happens while a kernel is idle: virtual time jumps to the next timer, or ends in a deadlock; wall time is waited for. */

import type { Host } from '../host.ts';
import type { Clock } from './clock.ts';

/** After so many jumps of virtual time in one turn of the event loop, other work gets its turn. */
const JUMPS_A_TURN = 4096;

/**
 * Virtual time in which no user task gets on before it is a deadlock. The kernel's own timers never end, so "no timer"
 * does not tell; but what a task waits for without a timeout of its own comes within hours (TCP gives up) or not at all.
 */
const DEADLOCK_NS = 25 * 3600 * 1e9;
/** While a task waits with a timeout of its own. */
const DEADLOCK_TIMED_NS = 400 * 86_400 * 1e9;
/** What is outside has so long to answer before virtual time passes meanwhile: what is at once there takes none. */
const OUTSIDE_MS = 200;

/** What time goes by. */
export interface TimeNeeds {
  readonly clock: Clock;
  readonly host: Pick<Host, 'turn' | 'timer'>;
  /** The kernel sleeps in `idle`. */
  isIdle(): boolean;
  /** Virtual time may pass: someone waits in the kernel for it, and nobody is about to do something now. */
  mayPass(): boolean;
  /** Some task waits with a timeout of its own. */
  someTimeout(): boolean;
  /** Some task's program waits for what is outside: whoever writes its input, or reads its output. */
  someOutside(): boolean;
  /** An interrupt is pending: the kernel goes on. */
  interrupt(): void;
  /** Nothing will ever happen again. */
  deadlock(): void;
}

/**
 * Time passes by one of two policies. *Virtual*: never while anyone thinks or a device is asked, and else at once, to the
 * next timer; what the host does in between takes no time. Where nobody waits for a time, but somebody for what is outside, a leap would
 * lead nowhere: the kernel's timers are due when they are out there. *Wall*: as the host's clock says, by one timer of the host.
 * Both stop for good with `stop()`.
 */
export class IdleTime {
  readonly #needs: TimeNeeds;
  #cancelTimer: (() => void) | undefined;
  /** A jump is about to be made, in the event loop's next turn. */
  #turning = false;
  #stopped = false;
  /** When a user task last got on. */
  #progressNs = 0;
  /** When the last of the timers that tasks set is due, at the latest. */
  #timersNs = 0;
  /** The host itself waits for time to pass, until then. */
  #awaited: { readonly ns: number; readonly there: () => void; readonly cancel?: () => void } | undefined;

  constructor(needs: TimeNeeds) {
    this.#needs = needs;
    needs.clock.jumps = JUMPS_A_TURN;
  }

  stop(): void {
    this.#stopped = true;
    this.cancel();
    this.#needs.clock.stop();
  }

  /** A user task is in user mode: it got on. */
  progress(): void {
    const { clock } = this.#needs;
    clock.forbidJumps();
    this.#progressNs = clock.nowNs;
  }

  /** A task sets a timer that is due after so long. */
  timerSet(ns: number): void {
    this.#timersNs = Math.max(this.#timersNs, this.#needs.clock.nowNs + Math.min(ns, DEADLOCK_TIMED_NS));
  }

  get isAwaited(): boolean {
    return this.#awaited !== undefined;
  }

  /** Tell `there` when so much time has passed; for one at a time. */
  await(ns: number, there: () => void): void {
    const { clock, host } = this.#needs;
    if (this.#awaited) throw new Error('time is awaited already');
    const done = () => {
      this.#awaited = undefined;
      there();
    };
    clock.forbidJumps();
    const dueNs = clock.nowNs + ns;
    if (clock.policy === 'wall') this.#awaited = { ns: dueNs, there: done, cancel: host.timer(ns / 1e6, done) };
    else {
      this.#awaited = { ns: dueNs, there: done };
      this.reconsider();
    }
  }

  /** It is not waited for any more. */
  unawait(): void {
    this.#awaited?.cancel?.();
    this.#awaited = undefined;
    this.#needs.clock.forbidJumps();
  }

  /** The kernel is about to sleep. Answers whether it has jumped instead; while nothing that `mayPass` looks at changes, it jumps on by itself. */
  jumped(): boolean {
    const { clock } = this.#needs;
    if (clock.policy === 'wall' || !this.#needs.mayPass() || this.#isPaced) return false;
    const { timerNs: due, jumps } = clock;
    const endNs = this.#awaited ? Math.min(this.#awaited.ns, this.#hopeNs) : this.#hopeNs;
    if (due === undefined || jumps <= 0 || (due >= endNs && (this.#awaited || this.#isHopeless(due)))) return false;
    clock.jumps = jumps - 1;
    clock.fire(due);
    clock.allowJumps(endNs);
    return true;
  }

  /** Idle, and something changed: see whether time may pass now. */
  reconsider(): void {
    const { clock, host, isIdle, mayPass, interrupt, deadlock } = this.#needs;
    if (!isIdle() || this.#stopped) return;
    if (clock.policy === 'wall') this.arm();
    else if (mayPass() && this.#isPaced) this.#pace();
    else if (mayPass() && !this.#turning) {
      this.#turning = true;
      // Whoever was just woken gets to speak before the clock jumps.
      host.turn().then(() => {
        this.#turning = false;
        if (this.#stopped || !isIdle() || !mayPass()) return;
        if (this.#isPaced) return this.#pace();
        clock.jumps = JUMPS_A_TURN;
        const due = clock.timerNs;
        if (this.#awaited && (due === undefined || due >= this.#awaited.ns)) {
          clock.advance(this.#awaited.ns);
          this.#awaited.there();
        } else if (due === undefined || this.#isHopeless(due)) deadlock();
        else {
          clock.fire(due);
          interrupt();
        }
      });
    }
  }

  get #isPaced(): boolean {
    const { clock, someOutside, someTimeout } = this.#needs;
    return this.#awaited === undefined && this.#timersNs <= clock.nowNs && someOutside() && !someTimeout();
  }

  /** Virtual policy, at the pace of the world outside: to the next timer when that would be due there. */
  #pace(): void {
    this.cancel();
    const { clock, host, isIdle, mayPass, interrupt } = this.#needs;
    const due = clock.timerNs;
    if (due === undefined) return;
    const ms = Math.min(Math.max((due - clock.nowNs) / 1e6, OUTSIDE_MS), 0x7fff_ffff);
    this.#cancelTimer = host.timer(ms, () => {
      if (this.#stopped || !isIdle() || !mayPass()) return;
      clock.fire(due);
      interrupt();
    });
  }

  /** Wall policy: interrupt the kernel when its timer is due. */
  arm(): void {
    const { clock, host, interrupt } = this.#needs;
    this.cancel();
    const due = clock.timerNs;
    if (clock.policy !== 'wall' || due === undefined) return;
    const ms = Math.min(Math.max((due - clock.wallNs()) / 1e6, 0), 0x7fff_ffff);
    this.#cancelTimer = host.timer(ms, () => {
      // A timer of the event loop can fire early.
      if (clock.fireIfDue()) interrupt();
      else this.arm();
    });
  }

  /** The kernel runs: it needs no waking. */
  cancel(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Nobody needs to ask whether it is a deadlock before then. */
  get #hopeNs(): number {
    return Math.max(this.#progressNs, this.#timersNs) + DEADLOCK_NS;
  }

  #isHopeless(dueNs: number): boolean {
    if (dueNs < this.#hopeNs) return false;
    return dueNs - this.#progressNs >= DEADLOCK_TIMED_NS || !this.#needs.someTimeout();
  }
}
