/** A split virtqueue in the kernel's memory, from the device's side (Virtio 1.2, section 2.7). */

import { type KernelMemory, type Ptr, plus } from '../memory.ts';

const DESC_F_NEXT = 1;
const DESC_F_WRITE = 2;
const AVAIL_F_NO_INTERRUPT = 1;
const DESC_BYTES = 16;
const USED_BYTES = 8;

/** One piece of a request's memory: the device reads it, or writes it when `writable`. */
export interface Segment {
  readonly at: Ptr;
  readonly bytes: number;
  readonly writable: boolean;
}

/** One request of the driver: a chain of descriptors, named by its head. */
export interface Chain {
  readonly head: number;
  readonly segments: readonly Segment[];
}

/** Where the rings are and how far the device has read; plain data, so that a snapshot can keep it. */
export interface QueueState {
  size: number;
  ready: boolean;
  desc: number;
  avail: number;
  used: number;
  lastAvail: number;
}

export const newQueueState = (): QueueState => ({ size: 0, ready: false, desc: 0, avail: 0, used: 0, lastAvail: 0 });

/** Takes requests from the available ring and returns them on the used ring. */
export class VirtQueue {
  readonly #memory: KernelMemory;
  readonly state: QueueState;

  constructor(memory: KernelMemory, state: QueueState) {
    this.#memory = memory;
    this.state = state;
  }

  /** The next request; undefined when there is none. A chain that cannot be (a loop, an index out of range) ends where it breaks. */
  pop(): Chain | undefined {
    const { state } = this;
    const memory = this.#memory;
    if (!state.ready || memory.u16((state.avail + 2) as Ptr) === state.lastAvail) return undefined;
    const head = memory.u16((state.avail + 4 + 2 * (state.lastAvail % state.size)) as Ptr);
    state.lastAvail = (state.lastAvail + 1) & 0xffff;
    const segments: Segment[] = [];
    let index = head;
    while (index < state.size && segments.length < state.size) {
      const desc = (state.desc + index * DESC_BYTES) as Ptr;
      const flags = memory.u16(plus(desc, 12));
      segments.push({
        at: memory.u32(desc) as Ptr,
        bytes: memory.u32(plus(desc, 8)),
        writable: (flags & DESC_F_WRITE) !== 0,
      });
      if (!(flags & DESC_F_NEXT)) break;
      index = memory.u16(plus(desc, 14));
    }
    return { head, segments };
  }

  /** Give a request back, with how many bytes were written into its memory. Answers whether the driver wants an interrupt. */
  push(chain: Chain, written: number): boolean {
    const { state } = this;
    const memory = this.#memory;
    const index = memory.u16((state.used + 2) as Ptr);
    const slot = (state.used + 4 + USED_BYTES * (index % state.size)) as Ptr;
    memory.setU32(slot, chain.head);
    memory.setU32(plus(slot, 4), written);
    memory.setU16((state.used + 2) as Ptr, (index + 1) & 0xffff);
    return (memory.u16(state.avail as Ptr) & AVAIL_F_NO_INTERRUPT) === 0;
  }
}
