/** Kernels of one isolate: counted against a memory budget, and leased to whoever asks, in turn. */

import { HostError } from '../../errors/host-error.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import type { Host } from '../host.ts';
import type { Kernel, KernelOptions } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { restore, type SnapshotState } from '../snapshot/snapshot.ts';
import { resume, type Suspended } from '../snapshot/suspend.ts';
import { BEAT_MS, Life, Pace } from './lease.ts';
import { Machines } from './machines.ts';
import { WaitingRoom } from './waiting-room.ts';

const MIB = 1 << 20;

export interface PoolOptions {
  /** All linear memory of all kernels and of their programs, ready and running ones together. A Worker has 128 MiB for everything. */
  readonly budgetMib: number;
  /** What a kernel may have that runs alone, with nothing else of the isolate under way that needs memory. Default: the budget. */
  readonly aloneMib?: number;
  /** Machines kept ready for the next requests. */
  readonly ready: number;
  /** What most kernels may have: the size of the first machines that are kept ready. Default 24. */
  readonly usualMib?: number;
  /** How long a request waits for memory before it is told to come back. */
  readonly patienceMs: number;
  /** A kernel that ran for so long is ended when another owner, who has less, waits for memory. Default: 30 seconds. */
  readonly shareMs?: number;
  readonly host: Pick<Host, 'pause' | 'monotonicNs' | 'heartbeat'>;
}

export interface AcquireOptions extends KernelOptions {
  readonly memoryMib: number;
  /** Taken at once for kernels that are made beside this one: who waits for them while he has it could wait for another who does the same. */
  readonly besideMib?: number | undefined;
  /** One that the caller has, made with `besideMib`: what fits into what is left of that is not waited for. */
  readonly beside?: Kernel | undefined;
  /** Who asks, by any name: those who wait are served so that each owner gets his share. Default: all are one. */
  readonly owner?: string | undefined;
  /** Aborted: he waits no more. */
  readonly signal?: AbortSignal | undefined;
  /** Told how long he waited for memory, and how long making the kernel took, in milliseconds. */
  readonly timed?: ((phase: 'queue' | 'restore', ms: number) => void) | undefined;
}

/** How the pool is, for those who ask whether the service is well. */
export interface PoolHealth {
  /** A kernel of the usual size could start now. */
  readonly ready: boolean;
  /** Kernels that run. */
  readonly kernels: number;
  /** Requests that wait for one. */
  readonly waiting: number;
  /** Kernels made since it began: of the snapshot, and of suspended ones. */
  readonly restored: number;
  readonly resumed: number;
  /** Linear memory that is taken, and all there is. */
  readonly bytes: number;
  readonly budgetBytes: number;
}

/** How often a waiting request looks whether it is its turn. */
const LOOK_MS = 5;
const USUAL_MIB = 24;
/** Who had a kernel within so much may want another. */
const REMEMBERED_NS = 60e9;
/** A share is fair when nobody has to wait longer for it. */
const SHARE_MS = 30_000;

/** What someone has of the budget, from before his kernel is made until it is dead or he is found gone. */
interface Lease {
  readonly owner: string | undefined;
  bytes: number;
  /** Of these, for kernels beside it. */
  besideBytes: number;
  readonly life: Life;
  readonly sinceNs: number;
  kernel: Kernel | undefined;
}

/**
 * Each kernel is restored from the snapshot into a machine with nothing of anyone else in it.
 *
 * What is taken belongs to a *lease*, not to the code that asked: in a Worker a request whose client hangs up may stop for
 * ever at any `await`. Three laws:
 * - Memory is given back the moment the kernel dies, whoever kills it. `kernel.kill()` is enough, and may come twice.
 * - Where requests vanish the host has a `heartbeat`, which beats in the event loop of whoever called `acquire`, for as
 *   long as his context lives. A lease that is silent for 2.5 s is judged by *others* (whoever waits for memory, asks
 *   `health()`, calls `acquire` or `refill`): found silent three times it is over, and its kernel is killed. A client that
 *   reads slowly is not silent: how long he may hold a kernel is the business of the route.
 * - A machine is used again only when nothing of its kernel is left (`Engine.onGone`). One whose device will never
 *   answer, because the request that asked it is gone, is left to the garbage collector: no machine ever serves two.
 */
export class KernelPool {
  readonly #state: SnapshotState;
  readonly #options: PoolOptions;
  readonly #machines: Machines;
  readonly #leases = new Set<Lease>();
  readonly #pace = new Pace();
  readonly #waiting = new WaitingRoom(this.#pace);
  /** When each owner was last given a kernel. */
  readonly #askedNs = new Map<string, number>();
  readonly #made = { restored: 0, resumed: 0 };

  constructor(module: WebAssembly.Module, state: SnapshotState, options: PoolOptions) {
    this.#state = state;
    this.#options = options;
    this.#machines = new Machines(module, state, options.ready, options.usualMib ?? USUAL_MIB);
  }

  /** Bytes that count against the budget: what running kernels and their programs may grow to, and the machines that wait. */
  get bytes(): number {
    return this.#leasedBytes + this.#machines.bytes;
  }

  get #leasedBytes(): number {
    let sum = 0;
    for (const { bytes } of this.#leases) sum += bytes;
    return sum;
  }

  /**
   * A kernel of the caller's own; to be killed in the end. Rejects with `kernel-busy` when memory does not come free in
   * time, with `kernel-oom` when there never is so much. Each in turn: the owner who has least comes next, and of his
   * requests the first.
   */
  acquire(options: AcquireOptions): Promise<Kernel> {
    return this.#start(options, this.#state.memoryBytes, (machine) => {
      this.#made.restored++;
      return restore(machine, this.#state, { ...options, programMib: options.programMib ?? 0 });
    });
  }

  /** The same of a kernel that was suspended: it goes on. */
  resume(suspended: Suspended, options: AcquireOptions & { readonly disks: readonly BlockDevice[] }): Promise<Kernel> {
    const { memoryBytes } = suspended.state;
    return this.#start(options, memoryBytes, (machine) => {
      this.#made.resumed++;
      return resume(machine, suspended, this.#state.buildId, { ...options, programMib: options.programMib ?? 0 });
    });
  }

  /**
   * Counts what a kernel takes that somebody runs in another thread of this process, as `acquire` would have; what it answers
   * gives that back.
   */
  async hold(options: Pick<AcquireOptions, 'memoryMib' | 'programMib' | 'owner' | 'signal'>): Promise<() => void> {
    const { memoryMib, programMib = 0, owner, signal } = options;
    const sizeMib = this.#machines.sizeMib(Math.max(memoryMib, this.#state.memoryBytes / MIB));
    const lease = await this.#admit((sizeMib + programMib) * MIB, 0, owner, signal);
    while (this.bytes > this.#options.budgetMib * MIB && this.#machines.drop());
    return () => void this.#leases.delete(lease);
  }

  /** What every kernel's memory is at first: for immediate use. */
  get cleanMemory(): Uint8Array {
    return this.#machines.cleanMemory;
  }

  /** Make machines ready for the next requests, within the budget: for after a response. */
  refill(): void {
    this.#sweep();
    this.#machines.refill((bytes) => this.bytes + bytes <= this.#options.budgetMib * MIB);
  }

  /** Look after the pool, and tell how it is. Cheap: for every request that asks whether the service is well. */
  health(): PoolHealth {
    this.#sweep();
    const usual = this.#machines.sizeMib(this.#options.usualMib ?? USUAL_MIB) * MIB;
    return {
      ready: this.#waiting.size === 0 && this.#isFree(usual),
      kernels: this.#leases.size,
      waiting: this.#waiting.size,
      ...this.#made,
      bytes: this.bytes,
      budgetBytes: this.#options.budgetMib * MIB,
    };
  }

  /** `start` makes the kernel of a clean machine that has `memoryBytes` at least. */
  async #start(
    { memoryMib, programMib = 0, besideMib = 0, beside, owner, signal, timed }: AcquireOptions,
    memoryBytes: number,
    start: (machine: Machine) => Kernel | Promise<Kernel>,
  ): Promise<Kernel> {
    const sizeMib = this.#machines.sizeMib(Math.max(memoryMib, memoryBytes / MIB));
    const { monotonicNs } = this.#options.host;
    const askedNs = monotonicNs();
    const bytes = (sizeMib + programMib) * MIB;
    const besideBytes = besideMib && this.#machines.sizeMib(besideMib) * MIB;
    const lease =
      this.#besideOf(beside, bytes, owner) ?? (await this.#admit(bytes + besideBytes, besideBytes, owner, signal));
    const admittedNs = monotonicNs();
    timed?.('queue', (admittedNs - askedNs) / 1e6);
    try {
      const machine = this.#machines.take(sizeMib);
      while (this.bytes > this.#options.budgetMib * MIB && this.#machines.drop());
      machine.grow(memoryBytes);
      const kernel = await start(machine);
      timed?.('restore', (monotonicNs() - admittedNs) / 1e6);
      lease.kernel = kernel;
      kernel.engine.onDeath(() => this.#leases.delete(lease));
      kernel.engine.onGone(() => this.#machines.giveBack(machine));
      if (this.#leases.has(lease)) return kernel;
      kernel.kill();
      throw new HostError('kernel-busy', 'this request was taken for gone');
    } catch (cause) {
      this.#leases.delete(lease);
      throw cause;
    }
  }

  /** Of what the lease of `beside` has for others, if it is enough. */
  #besideOf(beside: Kernel | undefined, bytes: number, owner: string | undefined): Lease | undefined {
    if (!beside) return undefined;
    for (const lease of this.#leases) {
      if (lease.kernel !== beside || lease.besideBytes < bytes) continue;
      lease.bytes -= bytes;
      lease.besideBytes -= bytes;
      return this.#lease(bytes, 0, owner);
    }
    return undefined;
  }

  /** Wait for our turn and for room, then take the room. */
  async #admit(
    bytes: number,
    besideBytes: number,
    owner: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Lease> {
    const { budgetMib, aloneMib = budgetMib, patienceMs, host } = this.#options;
    if (bytes > Math.max(budgetMib, aloneMib) * MIB)
      throw new HostError('kernel-oom', `a kernel of ${bytes / MIB} MiB never fits`);
    const mayHave = () => this.#isFree(bytes) && this.#isShare(owner, bytes);
    if (!mayHave() || this.#waiting.size > 0) {
      const ticket = this.#waiting.enter(owner, host.monotonicNs());
      try {
        const untilNs = host.monotonicNs() + 1e6 * patienceMs;
        for (;;) {
          this.#sweep();
          if (this.#waiting.next((who) => this.#heldBy(who)) === ticket && mayHave()) break;
          if (host.monotonicNs() >= untilNs) throw new HostError('kernel-busy');
          this.#endOvertime(owner, bytes);
          await host.pause(LOOK_MS);
          signal?.throwIfAborted();
          this.#waiting.beat(ticket, host.monotonicNs());
        }
      } finally {
        this.#waiting.leave(ticket);
      }
    }
    this.#waiting.served(owner);
    if (owner !== undefined) this.#askedNs.set(owner, host.monotonicNs());
    return this.#lease(bytes, besideBytes, owner);
  }

  #lease(bytes: number, besideBytes: number, owner: string | undefined): Lease {
    const { host } = this.#options;
    const nowNs = host.monotonicNs();
    const life = new Life(nowNs, this.#pace);
    const lease: Lease = { owner, bytes, besideBytes, life, sinceNs: nowNs, kernel: undefined };
    this.#leases.add(lease);
    host.heartbeat?.(BEAT_MS, () => {
      lease.life.beat(host.monotonicNs());
      if (this.#leases.has(lease)) return true;
      lease.kernel?.kill(); // were it taken for gone while it lives, it would wait for ever
      return false;
    });
    return lease;
  }

  #isFree(bytes: number): boolean {
    const { budgetMib, aloneMib = budgetMib } = this.#options;
    return budgetMib * MIB - this.#leasedBytes >= bytes || (this.#leases.size === 0 && bytes <= aloneMib * MIB);
  }

  /** While others come and go, nobody has all: room for a kernel of the usual size is left for them. */
  #isShare(owner: string | undefined, bytes: number): boolean {
    const held = owner === undefined ? 0 : this.#heldBy(owner);
    if (owner === undefined || held === 0) return true;
    const { budgetMib, usualMib = USUAL_MIB, host } = this.#options;
    const sinceNs = host.monotonicNs() - REMEMBERED_NS;
    for (const [other, askedNs] of this.#askedNs) {
      if (askedNs < sinceNs) this.#askedNs.delete(other);
      else if (other !== owner) return held + bytes + this.#machines.sizeMib(usualMib) * MIB <= budgetMib * MIB;
    }
    return true;
  }

  /** Of the owner who has most, the kernel that has run longest: when its time is over and `owner` has less, it makes room. */
  #endOvertime(owner: string | undefined, bytes: number): void {
    const { shareMs = SHARE_MS, host } = this.#options;
    const overNs = host.monotonicNs() - shareMs * 1e6;
    let longest: Lease | undefined;
    for (const lease of this.#leases) {
      // One without an owner is a session's, which stays; one that is being made will have its time.
      if (lease.owner === undefined || lease.owner === owner || !lease.kernel || lease.sinceNs > overNs) continue;
      if (this.#heldBy(lease.owner) < this.#heldBy(owner) + bytes) continue;
      if (longest === undefined || lease.sinceNs < longest.sinceNs) longest = lease;
    }
    longest?.kernel?.kill('deadline', `others waited for its memory, and it had had its ${shareMs / 1000} s`);
  }

  /** What an owner has now, of those who wait nothing. */
  heldBy(owner: string): { readonly kernels: number; readonly mib: number } {
    let kernels = 0;
    for (const lease of this.#leases) if (lease.owner === owner) kernels++;
    return { kernels, mib: this.#heldBy(owner) / MIB };
  }

  #heldBy(owner: string | undefined): number {
    let sum = 0;
    for (const lease of this.#leases) if (lease.owner === owner) sum += lease.bytes;
    return sum;
  }

  /** Take back what belongs to requests that are gone. */
  #sweep(): void {
    const { host } = this.#options;
    const nowNs = host.monotonicNs();
    this.#waiting.sweep(nowNs);
    if (!host.heartbeat) return;
    for (const lease of this.#leases) {
      if (!lease.life.isOver(nowNs)) continue;
      this.#leases.delete(lease);
      lease.kernel?.engine.abandon('whoever had this kernel is gone');
    }
  }
}
