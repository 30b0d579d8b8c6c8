/** The third version of rings: blocks of packets of any length, which are the program's when they are full or old enough. */

import {
  KERNEL,
  laidOut,
  type Packet,
  places,
  type Ring,
  type RingMemory,
  type RingRequest,
  type RingShape,
  USER,
} from './ring.ts';

/** struct tpacket3_hdr and tpacket_block_desc. */
export const HEADER = 48;
const DESCRIPTOR = 48;
const VERSION = 2;
const BLOCK_TIMEOUT = 0x20;
const DEFAULT_MS = 8;
/** A timer of Node's has no more. */
const MOST_MS = 2 ** 31 - 1;
const align8 = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Where the first packet of a block begins. */
export const beginOf = ({ ownBytes }: RingRequest): number => DESCRIPTOR + align8(ownBytes);

interface Open {
  used: number;
  packets: number;
  /** Where the last packet is. */
  last: number;
  readonly first: Packet;
  latest: Packet;
  readonly timer: NodeJS.Timeout;
}

export class Blocks implements Ring {
  readonly #memory: RingMemory;
  readonly #shape: RingShape;
  readonly #ready: () => void;
  readonly #begin: number;
  #block = 0;
  #retired: number | undefined;
  #sequence = 1n;
  #open: Open | undefined;

  constructor(memory: RingMemory, shape: RingShape, ready: () => void) {
    this.#memory = memory;
    this.#shape = shape;
    this.#ready = ready;
    this.#begin = beginOf(shape);
  }

  put(packet: Packet): boolean {
    const { blockSize } = this.#shape;
    const { mac, net } = places(this.#shape, HEADER, packet);
    const bytes = packet.bytes.subarray(0, Math.max(0, blockSize - this.#begin - mac));
    const total = align8(mac + bytes.length);
    if (this.#open && this.#open.used + total > blockSize) this.#retire(0);
    const open = this.#open ?? this.#start(packet);
    if (!open) return false;
    const at = this.#block * blockSize + open.used;
    const room = Math.min(total, blockSize - open.used);
    const frame = laidOut(packet, bytes, { header: HEADER, mac, room }, (view) => {
      const words = [total, packet.seconds, packet.ns, bytes.length, packet.length, packet.status];
      for (const [i, value] of words.entries()) view.setUint32(4 * i, value, true);
      view.setUint16(24, mac, true);
      view.setUint16(26, net, true);
      view.setUint32(32, packet.vlan.tci, true);
      view.setUint16(36, packet.vlan.tpid, true);
    });
    this.#memory.write(at, frame);
    open.last = at;
    open.used = Math.min(open.used + total, blockSize);
    open.packets++;
    open.latest = packet;
    return true;
  }

  #start(first: Packet): Open | undefined {
    if (this.#memory.u32(this.#block * this.#shape.blockSize + 8) !== KERNEL) return undefined;
    const timer = setTimeout(() => this.#retire(BLOCK_TIMEOUT), Math.min(this.#shape.retireMs || DEFAULT_MS, MOST_MS));
    this.#open = { used: this.#begin, packets: 0, last: 0, first, latest: first, timer };
    return this.#open;
  }

  /** The program's from now on. */
  #retire(why: number): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    clearTimeout(open.timer);
    this.#memory.setU32(open.last, 0);
    const at = this.#block * this.#shape.blockSize;
    const block = new DataView(new ArrayBuffer(DESCRIPTOR));
    for (const [i, value] of [VERSION, DESCRIPTOR, KERNEL, open.packets, this.#begin, open.used].entries())
      block.setUint32(4 * i, value, true);
    block.setBigUint64(24, this.#sequence++, true);
    for (const [i, { seconds, ns }] of [open.first, open.latest].entries()) {
      block.setUint32(32 + 8 * i, seconds, true);
      block.setUint32(36 + 8 * i, ns, true);
    }
    this.#memory.write(at, new Uint8Array(block.buffer));
    this.#memory.setU32(at + 8, USER | why);
    this.#retired = this.#block;
    this.#block = (this.#block + 1) % this.#shape.blocks;
    this.#ready();
  }

  get isReady(): boolean {
    return this.#retired !== undefined && this.#memory.u32(this.#retired * this.#shape.blockSize + 8) !== KERNEL;
  }

  close(): void {
    clearTimeout(this.#open?.timer);
  }
}
