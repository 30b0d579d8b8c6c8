/** The second version of rings: frames of one size, each with a status of its own. */

import { KERNEL, laidOut, type Packet, places, type Ring, type RingMemory, type RingShape, USER } from './ring.ts';

/** struct tpacket2_hdr */
export const HEADER = 32;

export class Frames implements Ring {
  readonly #memory: RingMemory;
  readonly #shape: RingShape;
  readonly #ready: () => void;
  #next = 0;
  #last: number | undefined;

  /** `ready` is told when the program has a frame more. */
  constructor(memory: RingMemory, shape: RingShape, ready: () => void) {
    this.#memory = memory;
    this.#shape = shape;
    this.#ready = ready;
  }

  #at(index: number): number {
    const { blockSize, frameSize } = this.#shape;
    const perBlock = Math.floor(blockSize / frameSize);
    return Math.floor(index / perBlock) * blockSize + (index % perBlock) * frameSize;
  }

  put(packet: Packet): boolean {
    const at = this.#at(this.#next);
    if (this.#memory.u32(at) !== KERNEL) return false;
    const { mac, net } = places(this.#shape, HEADER, packet);
    const bytes = packet.bytes.subarray(0, Math.max(0, this.#shape.frameSize - mac));
    const room = Math.min(mac + bytes.length, this.#shape.frameSize);
    const frame = laidOut(packet, bytes, { header: HEADER, mac, room }, (view) => {
      for (const [i, value] of [packet.length, bytes.length].entries()) view.setUint32(4 + 4 * i, value, true);
      view.setUint16(12, mac, true);
      view.setUint16(14, net, true);
      view.setUint32(16, packet.seconds, true);
      view.setUint32(20, packet.ns, true);
      view.setUint16(24, packet.vlan.tci, true);
      view.setUint16(26, packet.vlan.tpid, true);
    });
    this.#memory.write(at, frame);
    // What it is comes last: the program looks at it first.
    this.#memory.setU32(at, packet.status | USER);
    this.#last = this.#next;
    this.#next = (this.#next + 1) % this.#shape.frames;
    this.#ready();
    return true;
  }

  get isReady(): boolean {
    return this.#last !== undefined && this.#memory.u32(this.#at(this.#last)) !== KERNEL;
  }

  close(): void {}
}
