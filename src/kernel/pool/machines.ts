/** Machines kept for the next kernels, each clean or used, of the sizes that were asked for last. */

import { HOST_BYTES, type Machine } from '../machine.ts';
import { cleanMachine, freshMachine, type SnapshotState } from '../snapshot/snapshot.ts';

const MIB = 1 << 20;

/**
 * A machine's maximum is what its kernel may have, whatever that kernel does: so it serves kernels of its own size alone.
 * Sizes go by what a kernel grows by (wasm/arch/lkl/mm/grow.c), so that there are few.
 */
const STEP_MIB = 4;

/** A machine that has grown by more than one step is let go: idle, it would take memory that running kernels may have. */
const REUSED_GROWTH_MIB = STEP_MIB;

export class Machines {
  readonly #module: WebAssembly.Module;
  readonly #state: SnapshotState;
  readonly #count: number;
  /** Clean: they have run nothing, and hold no promise of the request that made them. */
  readonly #ready: Machine[] = [];
  /** What kernels that are gone have left, to be cleaned first. */
  readonly #used: Machine[] = [];
  /** Sizes in MiB, the last asked for first. */
  #asked: number[];

  /** Keeps `count`, at first for kernels of `usualMib`. */
  constructor(module: WebAssembly.Module, state: SnapshotState, count: number, usualMib: number) {
    this.#module = module;
    this.#state = state;
    this.#count = count;
    this.#asked = [this.sizeMib(usualMib)];
  }

  /** What a kernel of `memoryMib` takes of the budget: no machine has less than one that is used again may have grown to. */
  sizeMib(memoryMib: number): number {
    const least = this.#state.memoryBytes / MIB + REUSED_GROWTH_MIB;
    return Math.ceil(Math.max(memoryMib, least) / STEP_MIB) * STEP_MIB;
  }

  /** Memory of all that are kept. */
  get bytes(): number {
    return [...this.#ready, ...this.#used].reduce((sum, { memory }) => sum + memory.size, 0);
  }

  get count(): number {
    return this.#ready.length + this.#used.length;
  }

  /** A clean machine of this size, from `sizeMib`. */
  take(sizeMib: number): Machine {
    this.#asked = [sizeMib, ...this.#asked.filter((size) => size !== sizeMib)].slice(0, Math.max(1, this.#count));
    const ready = pick(this.#ready, sizeMib);
    if (ready) return ready;
    const used = pick(this.#used, sizeMib);
    if (used) cleanMachine(used);
    return used ?? freshMachine(this.#module, this.#state, sizeMib);
  }

  /** A machine whose kernel is gone, with nothing of it left that could run or write. */
  giveBack(machine: Machine): void {
    if (machine.memory.size > this.#state.memoryBytes + REUSED_GROWTH_MIB * MIB + HOST_BYTES) return;
    if (this.count >= this.#count && !this.#makeRoomFor(machine)) return;
    this.#used.push(machine);
  }

  /** Of a size of which there are none it is worth more than one of those of which there are others, or that nobody asked for lately. */
  #makeRoomFor({ maximumBytes }: Machine): boolean {
    const sizes = [...this.#ready, ...this.#used].map((machine) => machine.maximumBytes);
    if (sizes.includes(maximumBytes)) return false;
    const spare = sizes.find(
      (size, i) => sizes.indexOf(size) !== i || !this.#asked.slice(0, sizes.length).includes(size / MIB),
    );
    if (spare === undefined) return false;
    return pick(this.#used, spare / MIB) !== undefined || pick(this.#ready, spare / MIB) !== undefined;
  }

  /** Let one go. Answers whether there was one. */
  drop(): boolean {
    return (this.#used.shift() ?? this.#ready.shift()) !== undefined;
  }

  /** Clean what is used, and make machines while `fits` says that so many bytes more may be. */
  refill(fits: (bytes: number) => boolean): void {
    for (let used = this.#used.pop(); used; used = this.#used.pop()) {
      cleanMachine(used);
      this.#ready.push(used);
    }
    while (this.count < this.#count && fits(this.#state.memoryBytes)) {
      const have = this.#ready.map(({ maximumBytes }) => maximumBytes / MIB);
      const size = this.#asked.find((asked) => !have.includes(asked)) ?? this.#asked[0];
      this.#ready.push(freshMachine(this.#module, this.#state, size));
    }
  }

  /** What every kernel's memory is at first: for immediate use. */
  get cleanMemory(): Uint8Array {
    const size = this.#asked[0] ?? 0;
    if (this.#ready.length === 0) this.#ready.push(this.take(size));
    return this.#ready[0]?.memory.bytes ?? new Uint8Array(0);
  }
}

function pick(machines: Machine[], sizeMib: number): Machine | undefined {
  const at = machines.findIndex(({ maximumBytes }) => maximumBytes === sizeMib * MIB);
  return at < 0 ? undefined : machines.splice(at, 1)[0];
}
