/** Kernels of one isolate: machines kept ready, used again, and counted against a memory budget. */

import { HostError } from '../errors/host-error.ts';
import type { BlockDevice } from '../storage/block-device.ts';
import type { Kernel, KernelOptions } from './kernel.ts';
import type { Machine } from './machine.ts';
import { cleanMachine, freshMachine, restore, type SnapshotState } from './snapshot.ts';
import { resume, type Suspended } from './suspend.ts';

const MIB = 1 << 20;

export interface PoolOptions {
  /** All linear memory of all kernels, ready and running ones together. A Worker has 128 MiB for everything. */
  readonly budgetMib: number;
  /** What a kernel may have that runs alone, with nothing else of the isolate under way that needs memory. Default: the budget. */
  readonly aloneMib?: number;
  /** Machines kept ready for the next requests. */
  readonly ready: number;
  /** How long a request waits for memory before it is told to come back. */
  readonly patienceMs: number;
  /** A pause that keeps a waiting request alive; a bare promise that another request settles would not. */
  readonly pause: (ms: number) => Promise<void>;
}

type PooledOptions = KernelOptions & { readonly memoryMib: number };

/** How often a waiting request looks whether it is its turn. */
const LOOK_MS = 5;

/** A machine that has grown by more than one step (wasm/arch/lkl/mm/grow.c) is let go: idle, it would take memory that running kernels may have. */
const REUSED_GROWTH_MIB = 4;

/**
 * Each kernel is restored from the snapshot into a machine with nothing of anyone else in it. A machine that is ready
 * has run nothing: it holds no promise of the request that made it.
 */
export class KernelPool {
  readonly #module: WebAssembly.Module;
  readonly #state: SnapshotState;
  readonly #options: PoolOptions;
  /** Clean: a request may start at once. */
  readonly #ready: Machine[] = [];
  /** Used by a kernel that is dead, to be cleaned before they serve again. */
  readonly #used: Machine[] = [];
  #runningBytes = 0;
  /** Requests that wait, in the order they came. */
  readonly #queue: symbol[] = [];

  constructor(module: WebAssembly.Module, state: SnapshotState, options: PoolOptions) {
    this.#module = module;
    this.#state = state;
    this.#options = options;
  }

  /** Bytes that count against the budget: what running kernels may grow to, and the machines that wait. */
  get bytes(): number {
    return [...this.#ready, ...this.#used].reduce((sum, { memory }) => sum + memory.size, this.#runningBytes);
  }

  /** The most memory of a machine that is used again. */
  get #reusedBytes(): number {
    return this.#state.memoryBytes + REUSED_GROWTH_MIB * MIB;
  }

  get #idle(): number {
    return this.#ready.length + this.#used.length;
  }

  /** A kernel of the caller's own. Rejects with `kernel-busy` when memory does not come free in time. First come, first served. */
  acquire(options: PooledOptions): Promise<Kernel> {
    return this.#start(options, this.#state.memoryBytes, (machine) => restore(machine, this.#state, options));
  }

  /** The same of a kernel that was suspended: it goes on. */
  resume(suspended: Suspended, options: PooledOptions & { readonly disks: readonly BlockDevice[] }): Promise<Kernel> {
    const { memoryBytes } = suspended.state;
    return this.#start(options, memoryBytes, (machine) => resume(machine, suspended, this.#state.buildId, options));
  }

  /** What every kernel's memory is at first: for immediate use. */
  get cleanMemory(): Uint8Array {
    if (this.#ready.length === 0) this.#ready.push(this.#clean(this.#used.pop()));
    return this.#ready[0]?.memory.bytes ?? new Uint8Array(0);
  }

  /** `start` makes the kernel of a clean machine that has `memoryBytes` at least. */
  async #start(
    { memoryMib }: PooledOptions,
    memoryBytes: number,
    start: (machine: Machine) => Kernel | Promise<Kernel>,
  ): Promise<Kernel> {
    const bytes = Math.max(memoryMib * MIB, memoryBytes, this.#reusedBytes);
    await this.#admit(bytes);
    try {
      const machine = this.#take();
      machine.grow(memoryBytes);
      const kernel = await start(machine);
      kernel.engine.onDeath(() => {
        this.#runningBytes -= bytes;
        const small = machine.memory.size <= this.#reusedBytes;
        // A device's request that is still under way could write into the next kernel's memory.
        if (small && kernel.engine.ioInFlight === 0 && this.#idle < this.#options.ready) this.#used.push(machine);
      });
      return kernel;
    } catch (cause) {
      this.#runningBytes -= bytes;
      throw cause;
    }
  }

  /** Make machines ready for the next requests, within the budget: for after a response. */
  refill(): void {
    for (let used = this.#used.pop(); used; used = this.#used.pop()) this.#ready.push(this.#clean(used));
    while (this.#idle < this.#options.ready && this.bytes + this.#state.memoryBytes <= this.#options.budgetMib * MIB) {
      this.#ready.push(freshMachine(this.#module, this.#state));
    }
  }

  /** Wait for our turn and for room, then take the room. */
  async #admit(bytes: number): Promise<void> {
    const { budgetMib, aloneMib = budgetMib, patienceMs, pause } = this.#options;
    const free = () =>
      budgetMib * MIB - this.#runningBytes >= bytes || (this.#runningBytes === 0 && bytes <= aloneMib * MIB);
    if (!free() || this.#queue.length > 0) {
      if (bytes > Math.max(budgetMib, aloneMib) * MIB)
        throw new HostError('kernel-oom', `a kernel of ${bytes / MIB} MiB never fits`);
      const ticket = Symbol();
      this.#queue.push(ticket);
      try {
        for (let waitedMs = 0; this.#queue[0] !== ticket || !free(); waitedMs += LOOK_MS) {
          if (waitedMs >= patienceMs) throw new HostError('kernel-busy');
          await pause(LOOK_MS);
        }
      } finally {
        this.#queue.splice(this.#queue.indexOf(ticket), 1);
      }
    }
    this.#runningBytes += bytes;
  }

  /** The best machine there is; idle ones that no longer fit beside it are let go. */
  #take(): Machine {
    const machine = this.#ready.pop() ?? this.#clean(this.#used.pop());
    while (this.#idle > 0 && this.bytes > this.#options.budgetMib * MIB) {
      if (!this.#used.pop()) this.#ready.pop();
    }
    return machine;
  }

  #clean(used: Machine | undefined): Machine {
    if (used) cleanMachine(used);
    return used ?? freshMachine(this.#module, this.#state);
  }
}
