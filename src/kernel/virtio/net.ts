/** virtio-net over a NetBackend (Virtio 1.2, section 5.1): one queue each way, mergeable buffers, offloads as the back end has them. */

import type { KernelMemory } from '../memory.ts';
import type { Device, IoLedger } from './device-slots.ts';
import { type TransportState, type VirtioDevice, VirtioMmio } from './mmio.ts';
import { ALL_OFFLOADS, MOST_FRAME_BYTES, NET_HEADER_BYTES, type NetBackend, type NetPort } from './net-backend.ts';
import type { Chain, VirtQueue } from './queue.ts';

const F_MTU = 1n << 3n;
const F_MAC = 1n << 5n;
const F_MRG_RXBUF = 1n << 15n;
const F_STATUS = 1n << 16n;

const S_LINK_UP = 1;
const RX = 0;
const TX = 1;
const CONFIG_BYTES = 12;
const CONFIG_STATUS = 6;
const CONFIG_MTU = 10;
/** Where num_buffers is in a header. */
const NUM_BUFFERS = 10;
/** Frames that wait for the kernel to have buffers. */
const MOST_WAITING = 512;

/** What does not change while the device is there. */
export interface NetIdentity {
  /** Six bytes. */
  readonly mac: Uint8Array;
  /** The MTU it begins with and may have at most. Default: Linux's 1500, and any up to 65,535. */
  readonly mtu?: number | undefined;
  /** Which of the back end's offloads are offered. Default: all. */
  readonly offloads?: bigint | undefined;
}

export interface NetNeeds {
  readonly memory: KernelMemory;
  readonly irq: () => void;
  readonly io: IoLedger;
  /** The kernel has ended: its memory is somebody else's. */
  readonly isOver: () => boolean;
  /** Virtual time stands still for so long after a frame went outside, or until one comes; absent: it does not. */
  readonly pause?: ((ms: number) => Promise<void>) | undefined;
}

/** Of the host's time. */
const PATIENCE_MS = 20;

/** A network card in a slot. */
export class VirtioNet implements VirtioDevice, Device {
  readonly id = 1;
  readonly features: bigint;
  readonly config = new Uint8Array(CONFIG_BYTES);
  readonly queues = 2;
  readonly queueSize = 256;
  readonly transport: VirtioMmio;
  /** What the back end said when a frame could not be sent. */
  lastError: unknown;
  /** Frames that came, and had no room. */
  dropped = 0;
  readonly identity: NetIdentity;
  readonly #needs: NetNeeds;
  #backend: NetBackend;
  /** Tells a port of the back end before from the one of now. */
  #generation = 0;
  readonly #waiting: { readonly frame: Uint8Array; readonly header: Uint8Array | undefined }[] = [];
  #room: PromiseWithResolvers<void> | undefined;
  #sending = false;
  #endPatience: (() => void) | undefined;
  #dead = false;

  constructor(backend: NetBackend, identity: NetIdentity, needs: NetNeeds, state?: TransportState) {
    this.#needs = needs;
    this.#backend = backend;
    this.identity = identity;
    const { mac, mtu, offloads = ALL_OFFLOADS } = identity;
    this.features =
      F_MAC | F_STATUS | F_MRG_RXBUF | (mtu === undefined ? 0n : F_MTU) | (backend.offloads & offloads & ALL_OFFLOADS);
    this.config.set(mac);
    const config = new DataView(this.config.buffer);
    config.setUint16(CONFIG_STATUS, S_LINK_UP, true);
    config.setUint16(CONFIG_MTU, mtu ?? 0, true);
    this.transport = new VirtioMmio(this, needs.memory, needs.irq, state);
    backend.open(this.#port());
  }

  /** Frames on their way are lost, as when a card is pulled; whoever sent them sends them again. */
  save(): TransportState {
    return structuredClone(this.transport.state);
  }

  /** What its driver was offered of the offloads. */
  get offloads(): bigint {
    return this.features & ALL_OFFLOADS;
  }

  /** A frame may come without anybody's doing. */
  get mayBring(): boolean {
    return this.#backend.isOutside && this.#isUp;
  }

  /** Another back end, with the offloads that the driver was offered. The one before is closed. */
  async replug(backend: NetBackend): Promise<void> {
    const lacks = this.offloads & ~backend.offloads;
    if (lacks !== 0n) throw new RangeError(`the back end lacks offloads that the driver has: 0x${lacks.toString(16)}`);
    const before = this.#backend;
    this.#generation++;
    this.#waiting.length = 0;
    this.#backend = backend;
    this.#setCarrier(true);
    backend.open(this.#port());
    await before.close();
  }

  /** The kernel is no more, or the device is pulled. */
  async close(): Promise<void> {
    if (this.#dead) return;
    this.#dead = true;
    this.#generation++;
    this.#waiting.length = 0;
    this.#room?.resolve();
    this.#endPatience?.();
    await this.#backend.close();
  }

  notify(queue: VirtQueue, index: number): void {
    if (index === TX) this.#transmit(queue);
    else this.#refill();
  }

  #port(): NetPort {
    const generation = this.#generation;
    const isCurrent = () => generation === this.#generation;
    const device = this;
    return {
      deliver: (frame, header) => isCurrent() && this.#deliver(frame, header),
      get room() {
        return isCurrent() ? device.#roomForOne() : undefined;
      },
      setCarrier: (up) => {
        if (isCurrent()) this.#setCarrier(up);
      },
    };
  }

  get #isDead(): boolean {
    return this.#dead || this.#needs.isOver();
  }

  get #isUp(): boolean {
    return (this.config[CONFIG_STATUS] ?? 0) !== 0;
  }

  #setCarrier(up: boolean): void {
    if (this.#isDead || this.#isUp === up) return;
    this.config[CONFIG_STATUS] = up ? S_LINK_UP : 0;
    this.transport.configChanged();
  }

  // --- to the kernel ---

  #roomForOne(): Promise<void> | undefined {
    if (this.#isDead || this.#waiting.length < MOST_WAITING) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  #deliver(frame: Uint8Array, header: Uint8Array | undefined): boolean {
    const queue = this.transport.queue(RX);
    // Before its driver is ready, or when the cable is out, a card hears nothing.
    if (this.#isDead || !this.#isUp || !queue?.state.ready) return false;
    if (frame.length < 14 || frame.length > MOST_FRAME_BYTES) return this.#drop();
    this.#endPatience?.();
    if (this.#waiting.length > 0 || !this.#put(queue, frame, header)) {
      if (this.#waiting.length >= MOST_WAITING) return this.#drop();
      this.#waiting.push({ frame: frame.slice(), header: header?.slice() });
      return true;
    }
    return true;
  }

  #drop(): false {
    this.dropped++;
    return false;
  }

  /** The driver gave buffers: what waits for them goes in. */
  #refill(): void {
    const queue = this.transport.queue(RX);
    if (!queue) return;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (!this.#put(queue, next.frame, next.header)) break;
      this.#waiting.shift();
    }
    if (this.#waiting.length >= MOST_WAITING / 2) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Into as many of the driver's buffers as it takes; false, and nothing done, when there are too few. */
  #put(queue: VirtQueue, frame: Uint8Array, header: Uint8Array | undefined): boolean {
    const total = NET_HEADER_BYTES + frame.length;
    const chains: Chain[] = [];
    const from = queue.state.lastAvail;
    for (let room = 0; room < total; ) {
      const chain = queue.pop();
      if (!chain) {
        queue.state.lastAvail = from;
        return false;
      }
      chains.push(chain);
      room += roomOf(chain);
    }
    const whole = new Uint8Array(total);
    if (header) whole.set(header.subarray(0, NET_HEADER_BYTES));
    whole.set(frame, NET_HEADER_BYTES);
    new DataView(whole.buffer).setUint16(NUM_BUFFERS, chains.length, true);
    let at = 0;
    let wanted = false;
    for (const chain of chains) {
      const begin = at;
      for (const segment of chain.segments) {
        const piece = whole.subarray(at, at + (segment.writable ? segment.bytes : 0));
        this.#needs.memory.write(segment.at, piece);
        at += piece.length;
      }
      wanted = queue.push(chain, at - begin) || wanted;
    }
    if (wanted) this.transport.interrupt();
    return true;
  }

  // --- from the kernel ---

  #transmit(queue: VirtQueue): void {
    let done = false;
    while (!this.#sending && !this.#dead) {
      const chain = queue.pop();
      if (!chain) break;
      const whole = this.#gather(chain);
      done = queue.push(chain, 0) || done;
      if (whole && this.#isUp) this.#send(whole, queue);
    }
    if (done) this.transport.interrupt();
  }

  /** A copy of a request: header and frame. Undefined: no frame. */
  #gather({ segments }: Chain): Uint8Array | undefined {
    const total = segments.reduce((sum, { bytes, writable }) => sum + (writable ? 0 : bytes), 0);
    if (total < NET_HEADER_BYTES + 14 || total > NET_HEADER_BYTES + MOST_FRAME_BYTES) return undefined;
    const whole = new Uint8Array(total);
    let at = 0;
    for (const segment of segments) {
      if (segment.writable) continue;
      whole.set(this.#needs.memory.view(segment.at, segment.bytes), at);
      at += segment.bytes;
    }
    return whole;
  }

  #send(whole: Uint8Array, queue: VirtQueue): void {
    this.#wait();
    try {
      const sent = this.#backend.send(whole.subarray(NET_HEADER_BYTES), whole.subarray(0, NET_HEADER_BYTES));
      if (!sent) return;
      this.#sending = true;
      this.#needs.io.begin();
      sent
        .catch((error: unknown) => {
          this.lastError = error;
        })
        .then(() => {
          this.#sending = false;
          this.#needs.io.end(() => this.#transmit(queue));
        });
    } catch (error) {
      this.lastError = error;
    }
  }

  /** Virtual time stands still for a little, for an answer may come that took none. */
  #wait(): void {
    const { pause, io } = this.#needs;
    if (!pause || !this.#backend.isOutside || this.#endPatience) return;
    const answered = Promise.withResolvers<void>();
    io.begin();
    this.#endPatience = () => {
      this.#endPatience = undefined;
      answered.resolve();
    };
    Promise.race([pause(PATIENCE_MS), answered.promise]).then(() => {
      this.#endPatience = undefined;
      io.end(() => {});
    });
  }
}

const roomOf = ({ segments }: Chain): number =>
  segments.reduce((sum, { bytes, writable }) => sum + (writable ? bytes : 0), 0);
