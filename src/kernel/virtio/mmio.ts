/** The virtio-mmio transport, device side (Virtio 1.2, section 4.2): registers in front of a device and its queues. */

import type { KernelMemory } from '../memory.ts';
import { newQueueState, type QueueState, VirtQueue } from './queue.ts';

/** What the engine needs of anything in a device slot. */
export interface MmioDevice {
  read(offset: number, bytes: number): number;
  write(offset: number, value: number, bytes: number): void;
}

/** One kind of device behind the transport. */
export interface VirtioDevice {
  /** Virtio device id (section 5): 1 network card, 2 block … */
  readonly id: number;
  /** Feature bits of this device, without those of the transport. */
  readonly features: bigint;
  /** The device's configuration space. */
  readonly config: Uint8Array;
  readonly queues: number;
  /** How many requests a queue may have. Default: 128. */
  readonly queueSize?: number;
  /** The driver put requests into this queue. */
  notify(queue: VirtQueue, index: number): void;
}

const MAGIC = 0x7472_6976; // "virt"
const VENDOR = 0x004c_4b4c; // "LKL"
const F_VERSION_1 = 1n << 32n;
const QUEUE_SIZE_MAX = 128;
const INTERRUPT_USED_RING = 1;
const INTERRUPT_CONFIG = 2;

const REG = {
  magic: 0x000,
  version: 0x004,
  deviceId: 0x008,
  vendorId: 0x00c,
  deviceFeatures: 0x010,
  deviceFeaturesSel: 0x014,
  driverFeatures: 0x020,
  driverFeaturesSel: 0x024,
  queueSel: 0x030,
  queueNumMax: 0x034,
  queueNum: 0x038,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAck: 0x064,
  status: 0x070,
  queueDescLow: 0x080,
  queueDriverLow: 0x090,
  queueDeviceLow: 0x0a0,
  configGeneration: 0x0fc,
  config: 0x100,
} as const;

/** A slot without a device: device id 0 makes the driver leave it alone (section 4.2.2). */
export const emptySlot: MmioDevice = {
  read: (offset) => (offset === REG.magic ? MAGIC : offset === REG.version ? 2 : 0),
  write: () => {},
};

/** Registers and queues as plain data. */
export interface TransportState {
  status: number;
  interrupt: number;
  featuresSel: number;
  queueSel: number;
  queues: QueueState[];
}

/** Devices make one of these around themselves. */
export class VirtioMmio implements MmioDevice {
  readonly #device: VirtioDevice;
  readonly #irq: () => void;
  readonly #queues: VirtQueue[];
  readonly state: TransportState;

  constructor(device: VirtioDevice, memory: KernelMemory, irq: () => void, state?: TransportState) {
    this.#device = device;
    this.#irq = irq;
    this.state = state ?? {
      status: 0,
      interrupt: 0,
      featuresSel: 0,
      queueSel: 0,
      queues: Array.from({ length: device.queues }, newQueueState),
    };
    this.#queues = this.state.queues.map((queue) => new VirtQueue(memory, queue));
  }

  queue(index: number): VirtQueue | undefined {
    return this.#queues[index];
  }

  get #queueSizeMax(): number {
    return this.#device.queueSize ?? QUEUE_SIZE_MAX;
  }

  /** A request was returned: tell the driver. */
  interrupt(): void {
    this.state.interrupt |= INTERRUPT_USED_RING;
    this.#irq();
  }

  /** The configuration changed: tell the driver. */
  configChanged(): void {
    this.state.interrupt |= INTERRUPT_CONFIG;
    this.#irq();
  }

  read(offset: number, bytes: number): number {
    const { state } = this;
    if (offset >= REG.config) return this.#readConfig(offset - REG.config, bytes);
    switch (offset) {
      case REG.magic:
        return MAGIC;
      case REG.version:
        return 2;
      case REG.deviceId:
        return this.#device.id;
      case REG.vendorId:
        return VENDOR;
      case REG.deviceFeatures:
        return Number(BigInt.asUintN(32, (this.#device.features | F_VERSION_1) >> BigInt(32 * state.featuresSel)));
      case REG.queueNumMax:
        return state.queueSel < this.#queues.length ? this.#queueSizeMax : 0;
      case REG.queueReady:
        return this.#selected?.ready ? 1 : 0;
      case REG.interruptStatus:
        return state.interrupt;
      case REG.status:
        return state.status;
      default:
        return 0;
    }
  }

  write(offset: number, value: number, _bytes: number): void {
    const { state } = this;
    const queue = this.#selected;
    switch (offset) {
      case REG.deviceFeaturesSel:
        state.featuresSel = value;
        break;
      case REG.queueSel:
        state.queueSel = value;
        break;
      case REG.queueNum:
        if (queue) queue.size = Math.min(value, this.#queueSizeMax);
        break;
      case REG.queueReady:
        if (queue) queue.ready = value !== 0;
        break;
      case REG.queueDescLow:
        if (queue) queue.desc = value;
        break;
      case REG.queueDriverLow:
        if (queue) queue.avail = value;
        break;
      case REG.queueDeviceLow:
        if (queue) queue.used = value;
        break;
      case REG.queueNotify: {
        const notified = this.#queues[value];
        if (notified) this.#device.notify(notified, value);
        break;
      }
      case REG.interruptAck:
        state.interrupt &= ~value;
        break;
      case REG.status:
        state.status = value;
        if (value === 0) this.#reset();
        break;
    }
  }

  get #selected(): QueueState | undefined {
    return this.state.queues[this.state.queueSel];
  }

  #reset(): void {
    for (const queue of this.state.queues) Object.assign(queue, newQueueState());
    Object.assign(this.state, { interrupt: 0, featuresSel: 0, queueSel: 0 });
  }

  #readConfig(at: number, bytes: number): number {
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (this.#device.config[at + i] ?? 0);
    return value;
  }
}
