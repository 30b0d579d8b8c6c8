/**
 * Memory of a session's tasks as it is here: the same bytes at the same addresses, so that pointers in them mean the same at both ends. What was
 * written here is found by comparing, and sent with the next call.
 */

import { KernelMemory, type Ptr } from '../../../kernel/memory.ts';

const PAGE = 65_536;
/** Bytes that are the same between two changed ones do not make two pieces of them. */
const GAP = 64;

export interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

interface Region {
  readonly at: number;
  /** As the other end has it. */
  readonly there: Uint8Array;
}

/** One memory for all tasks of a session, which have one there. */
export class Mirror {
  readonly memory = new KernelMemory(new WebAssembly.Memory({ initial: 1, maximum: 65_536 }));

  /** There are bytes up to this address. */
  cover(end: number): void {
    const { memory } = this.memory;
    const missing = Math.ceil(end / PAGE) - memory.buffer.byteLength / PAGE;
    if (missing > 0) memory.grow(missing);
  }
}

/** What one task has of it. */
export class Regions {
  readonly #mirror: Mirror;
  #regions: Region[] = [];

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  /** Fresh memory, zeroed at the other end. */
  add(at: number, bytes: number): void {
    this.#mirror.cover(at + bytes);
    this.#mirror.memory.view(at as Ptr, bytes).fill(0);
    this.#regions.push({ at, there: new Uint8Array(bytes) });
  }

  remove(at: number): void {
    this.#regions = this.#regions.filter((region) => region.at !== at);
  }

  has(at: number): boolean {
    return this.#regions.some((region) => at >= region.at && at < region.at + region.there.length);
  }

  /** How many bytes there are from here to the end of the region. */
  room(at: number): number {
    const region = this.#regions.find((one) => at >= one.at && at < one.at + one.there.length);
    return region ? region.at + region.there.length - at : 0;
  }

  /** What is other here than there; it counts as sent. */
  changed(): readonly Piece[] {
    return this.#regions.flatMap(({ at, there }) => {
      const here = this.#mirror.memory.view(at as Ptr, there.length);
      if (Buffer.compare(here, there) === 0) return [];
      const pieces: Piece[] = [];
      for (let i = 0; i < here.length; i++) {
        if (here[i] === there[i]) continue;
        let end = i + 1;
        for (let j = end; j < here.length && j < end + GAP; j++) if (here[j] !== there[j]) end = j + 1;
        pieces.push({ at: at + i, bytes: here.slice(i, end) });
        i = end - 1;
      }
      there.set(here);
      return pieces;
    });
  }

  /** What was written there. */
  came(at: number, bytes: Uint8Array): void {
    const region = this.#regions.find((one) => at >= one.at && at + bytes.length <= one.at + one.there.length);
    if (!region) return;
    region.there.set(bytes, at - region.at);
    this.#mirror.memory.write(at as Ptr, bytes);
  }
}
