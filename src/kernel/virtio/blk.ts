/** virtio-blk over a BlockDevice (Virtio 1.2, section 5.2). */

import { type BlockDevice, type MaybePromise, SECTOR } from '../../storage/block-device.ts';
import { BehindEndError } from '../../storage/errors.ts';
import { type KernelMemory, plus } from '../memory.ts';
import type { Device, IoLedger } from './device-slots.ts';
import { type TransportState, type VirtioDevice, VirtioMmio } from './mmio.ts';
import type { Chain, Segment, VirtQueue } from './queue.ts';

const F_SEG_MAX = 1n << 2n;
const F_RO = 1n << 5n;
const F_BLK_SIZE = 1n << 6n;
const F_FLUSH = 1n << 9n;
const F_DISCARD = 1n << 13n;

const T_IN = 0;
const T_OUT = 1;
const T_FLUSH = 4;
const T_GET_ID = 8;
const T_DISCARD = 11;

const S_OK = 0;
const S_IOERR = 1;
const S_UNSUPP = 2;

/** Segments of one request, next to its header and status in a queue of 128. */
const SEG_MAX = 126;
const CONFIG_BYTES = 60;
const DISCARD_RANGE_BYTES = 16;

/** A disk in a slot. `lastError` is what the block device said when a request failed last: the kernel only learns EIO. */
export class VirtioBlk implements VirtioDevice, Device {
  readonly id = 2;
  readonly features: bigint;
  readonly config = new Uint8Array(CONFIG_BYTES);
  readonly queues = 1;
  readonly transport: VirtioMmio;
  lastError: unknown;
  readonly #device: BlockDevice;
  readonly #memory: KernelMemory;
  readonly #io: IoLedger;
  #gathered = new Uint8Array();

  constructor(device: BlockDevice, memory: KernelMemory, irq: () => void, io: IoLedger, state?: TransportState) {
    this.#device = device;
    this.#memory = memory;
    this.#io = io;
    this.features =
      F_SEG_MAX |
      F_BLK_SIZE |
      (device.write ? 0n : F_RO) |
      (device.flush ? F_FLUSH : 0n) |
      (device.discard && device.write ? F_DISCARD : 0n);
    const config = new DataView(this.config.buffer);
    config.setBigUint64(0, BigInt(device.sectors), true);
    config.setUint32(12, SEG_MAX, true);
    config.setUint32(20, device.logicalBlockBytes ?? SECTOR, true);
    config.setUint32(36, 0xffff_ffff, true); // max_discard_sectors
    config.setUint32(40, 1, true); // max_discard_seg
    config.setUint32(44, 8, true); // discard_sector_alignment: 4 KiB
    this.transport = new VirtioMmio(this, memory, irq, state);
  }

  /** Nothing is in flight in a kernel that sleeps: its registers and where its queues are is all there is. */
  save(): TransportState {
    return structuredClone(this.transport.state);
  }

  notify(queue: VirtQueue): void {
    let done = false;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      const request = chain;
      let result: MaybePromise<number>;
      try {
        result = this.#serve(request);
      } catch (error) {
        result = this.#failed(error);
      }
      // A device that answers at once costs no task switch: its interrupt is taken before the driver returns.
      if (typeof result === 'number') done = this.#complete(queue, request, result) || done;
      else {
        this.#io.begin();
        result
          .catch((error: unknown) => this.#failed(error))
          .then((status) =>
            this.#io.end(() => {
              if (this.#complete(queue, request, status)) this.transport.interrupt();
            }),
          );
      }
    }
    if (done) this.transport.interrupt();
  }

  #failed(error: unknown): number {
    // Linux is to learn where an image ends; nobody is to be blamed for it.
    if (!(error instanceof BehindEndError)) this.lastError = error;
    return S_IOERR;
  }

  #complete(queue: VirtQueue, chain: Chain, status: number): boolean {
    const last = chain.segments.at(-1);
    if (!last?.writable) return queue.push(chain, 0);
    this.#memory.view(plus(last.at, last.bytes - 1), 1)[0] = status;
    const written = chain.segments.reduce((sum, segment) => sum + (segment.writable ? segment.bytes : 0), 0);
    return queue.push(chain, written);
  }

  /** Header, data, one status byte at the end. Answers the status. */
  #serve(chain: Chain): MaybePromise<number> {
    const [header, ...rest] = chain.segments;
    if (!header || header.bytes < 16 || rest.length === 0) return S_IOERR;
    const type = this.#memory.u32(header.at);
    const sector = this.#memory.u64AsNumber(plus(header.at, 8));
    const data = rest.slice(0, -1);
    const device = this.#device;
    switch (type) {
      case T_IN:
        return this.#each(sector, data, (at, segment) => this.#read(at, segment));
      case T_OUT:
        return ok(device.write?.(sector, this.#taken(data)));
      case T_FLUSH:
        return ok(device.flush?.());
      case T_GET_ID:
        for (const { at, bytes } of data) this.#memory.view(at, bytes).fill(0);
        return S_OK;
      case T_DISCARD:
        return this.#discard(data);
      default:
        return S_UNSUPP;
    }
  }

  /** All segments at once; the request is done when the last one is, failed or not: until then memory may be written to. */
  #each(sector: number, data: readonly Segment[], transfer: (sector: number, segment: Segment) => MaybePromise<void>) {
    const pending: Promise<void>[] = [];
    let at = sector;
    for (const segment of data) {
      try {
        const result = transfer(at, segment);
        if (result) pending.push(result);
      } catch (cause) {
        if (pending.length === 0) throw cause;
        pending.push(Promise.reject(cause));
        break;
      }
      at += segment.bytes / SECTOR;
    }
    if (pending.length === 0) return S_OK;
    return Promise.allSettled(pending).then((results) => {
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      return S_OK;
    });
  }

  /**
   * What is to be written, in one piece: pages of a file lie anywhere in memory, and a device is told once of them all, as a call of
   * it costs more than the copy. It is a copy of its own, too, for a device that may look at it later, when memory may have moved.
   */
  #taken(data: readonly Segment[]): Uint8Array {
    const isAtOnce = this.#device.writesAtOnce === true;
    const [first, ...more] = data;
    if (first && more.length === 0)
      return isAtOnce ? this.#memory.view(first.at, first.bytes) : this.#memory.copy(first.at, first.bytes);
    const bytes = data.reduce((sum, segment) => sum + segment.bytes, 0);
    const into = isAtOnce ? this.#room(bytes) : new Uint8Array(bytes);
    let at = 0;
    for (const segment of data) {
      into.set(this.#memory.view(segment.at, segment.bytes), at);
      at += segment.bytes;
    }
    return into;
  }

  /** Bytes that are used again by the next request. */
  #room(bytes: number): Uint8Array {
    if (this.#gathered.length < bytes) this.#gathered = new Uint8Array(bytes);
    return this.#gathered.subarray(0, bytes);
  }

  #read(sector: number, segment: Segment): MaybePromise<void> {
    const into = this.#memory.view(segment.at, segment.bytes);
    const result = this.#device.read(sector, into);
    if (!result) return;
    // Memory that grew meanwhile has taken the view with it: read again.
    const detached = () => into.byteLength === 0 && segment.bytes > 0;
    return result.then(
      () => (detached() ? this.#read(sector, segment) : undefined),
      (error: unknown) => {
        if (detached()) return this.#read(sector, segment);
        throw error;
      },
    );
  }

  #discard(data: readonly Segment[]): MaybePromise<number> {
    const range = data[0];
    if (!range || range.bytes < DISCARD_RANGE_BYTES) return S_IOERR;
    return ok(this.#device.discard?.(this.#memory.u64AsNumber(range.at), this.#memory.u32(plus(range.at, 8))));
  }
}

const ok = (result: MaybePromise<void>): MaybePromise<number> => (result ? result.then(() => S_OK) : S_OK);
