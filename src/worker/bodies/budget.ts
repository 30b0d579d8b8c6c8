/** Memory of an isolate beside its kernels: bodies, spools, lines, caches and queues, counted against one budget. */

import { HostError } from '../../errors/host-error.ts';
import type { Host } from '../../kernel/host.ts';
import { BEAT_MS, Life, Pace } from '../../kernel/pool/lease.ts';
import type { Room } from '../../storage/room.ts';
import { WaitingLine } from './line.ts';

/** What one request has of the budget. */
export interface Hold extends Room {
  readonly bytes: number;
  /** Whose it is from now on: no owner has all there is. */
  belongTo(owner: string): void;
  /** The same, waiting for room in line. Rejects with `service-busy` when none comes free in time, be it waited for once or in pieces. */
  take(bytes: number): Promise<void>;
  /**
   * All of it, for good; whoever ends does: a cache that reads ahead of one that has ended gets no more, or nobody would
   * ever give that back. One whose request has vanished is found out by others.
   */
  release(): void;
  /** Told when it ends: what lasts as long as this memory is let go of then. At once where it has ended. */
  atRelease(work: () => void): void;
}

export interface BudgetOptions {
  readonly bytes: number;
  /** How long a request waits for room, in all: until it gives some back, which shows that it gets on. */
  readonly patienceMs: number;
  readonly host: Pick<Host, 'pause' | 'monotonicNs' | 'heartbeat'>;
}

/** How often a waiting request looks again. */
const LOOK_MS = 10;
/** Whoever is first in line waits so many times longer: those behind him give up before, and what they had is his. */
const FIRST_WAITS = 2;
/** Small sums are taken so much at a time: what a chunk costs is to be less than the chunk. */
const STEP_BYTES = 64 * 1024;

/** Of all there is, what one owner may have: something is left for the next. */
const OWNERS_SHARE = 3 / 4;

export interface HoldOptions {
  /** So much is left for others: for what can do with less, as caches can. Default: none. */
  readonly leaveBytes?: number;
}

interface Account {
  bytes: number;
  owner: string | undefined;
  readonly life: Life;
}

export class MemoryBudget {
  readonly #options: BudgetOptions;
  readonly #accounts = new Set<Account>();
  readonly #pace = new Pace();
  readonly #line = new WaitingLine();

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const { bytes } of this.#accounts) sum += bytes;
    return sum;
  }

  get totalBytes(): number {
    return this.#options.bytes;
  }

  /** An account of the caller's own; it costs nothing until something is taken. */
  hold({ leaveBytes = 0 }: HoldOptions = {}): Hold {
    const { host, patienceMs, bytes: all } = this.#options;
    let account: Account | undefined;
    let isOver = false;
    const atRelease: (() => void)[] = [];
    let owner: string | undefined;
    /** Taken in steps, so that most chunks only count down. */
    let taken = 0;
    /** In line, since it last gave something back. */
    let waitedMs = 0;
    let place: number | undefined;
    const gotOn = () => {
      waitedMs = 0;
      place = undefined;
    };
    const open = (): Account => {
      const opened: Account = { bytes: 0, owner, life: new Life(host.monotonicNs(), this.#pace) };
      this.#accounts.add(opened);
      host.heartbeat?.(BEAT_MS, () => {
        opened.life.beat(host.monotonicNs());
        return this.#accounts.has(opened);
      });
      return opened;
    };
    const tryTake = (bytes: number): boolean => {
      if (isOver) return false;
      const more = taken + bytes - (account?.bytes ?? 0);
      if (more > 0) {
        const step = Math.ceil(more / STEP_BYTES) * STEP_BYTES;
        if (!this.#isFree(step, leaveBytes, owner)) return false;
        account ??= open();
        // One that was taken for gone is back.
        this.#accounts.add(account);
        account.bytes += step;
      }
      taken += bytes;
      return true;
    };
    return {
      get bytes() {
        return taken;
      },
      belongTo(name) {
        owner = name;
        if (account) account.owner = name;
      },
      tryTake,
      take: async (bytes) => {
        if (bytes > all || isOver) throw new HostError('service-busy');
        if (this.#line.isEmpty && tryTake(bytes)) return;
        const could = (other: string | undefined) => this.#isFree(STEP_BYTES, leaveBytes, other);
        const waiting = this.#line.enter(owner, host.monotonicNs(), place);
        place = waiting.number;
        try {
          for (;;) {
            const isFirst = waiting.isFirst(host.monotonicNs(), could);
            if (isFirst && tryTake(bytes)) return;
            if (isOver || waitedMs >= patienceMs * (isFirst ? FIRST_WAITS : 1)) throw new HostError('service-busy');
            const beforeNs = host.monotonicNs();
            await host.pause(LOOK_MS);
            waitedMs += (host.monotonicNs() - beforeNs) / 1e6; // by the clock: under load a look is late
          }
        } finally {
          waiting.leave();
        }
      },
      give(bytes) {
        gotOn();
        taken = Math.max(0, taken - bytes); // what is given back late was released already
        if (account) account.bytes = Math.ceil(taken / STEP_BYTES) * STEP_BYTES;
      },
      release: () => {
        isOver = true;
        taken = 0;
        if (account) this.#accounts.delete(account);
        account = undefined;
        gotOn();
        for (const work of atRelease.splice(0)) work();
      },
      atRelease(work) {
        if (isOver) work();
        else atRelease.push(work);
      },
    };
  }

  #isFree(bytes: number, leaveBytes: number, owner: string | undefined): boolean {
    const fits = () => {
      const { bytes: all } = this.#options;
      return (
        this.usedBytes + bytes + leaveBytes <= all &&
        (owner === undefined || this.#heldBy(owner) + bytes <= OWNERS_SHARE * all)
      );
    };
    if (fits()) return true;
    this.sweep();
    return fits();
  }

  #heldBy(owner: string): number {
    let sum = 0;
    for (const account of this.#accounts) if (account.owner === owner) sum += account.bytes;
    return sum;
  }

  /** Take back what belongs to requests that are gone. */
  sweep(): void {
    if (!this.#options.host.heartbeat) return;
    const nowNs = this.#options.host.monotonicNs();
    for (const account of this.#accounts) if (account.life.isOver(nowNs)) this.#accounts.delete(account);
  }
}
