/** The virtio-mmio slots of a kernel: what stands in them, and what they have in flight. */

import { VIRTIO } from '../../abi/shared.ts';
import { emptySlot, type MmioDevice, type TransportState } from './mmio.ts';

/** What stands in a slot. */
export interface Device {
  /** Its registers, as the driver sees them. */
  readonly transport: MmioDevice;
  /**
   * Asked when the kernel sleeps and is to be saved: plain data from which the same device can be made again, or, as a
   * text for people, why there is none now. What stands behind the device is for whoever plugged it in to keep.
   */
  save(): TransportState | string;
  /** It may interrupt the kernel without having been asked for anything: who waits for that waits in no deadlock. Default: no. */
  readonly mayBring?: boolean;
}

/** How a device says that a request is on its way. */
export interface IoLedger {
  begin(): void;
  /** `complete` tells the driver. It is not called once the kernel is dead: its memory may be another kernel's. */
  end(complete: () => void): void;
}

/** A slot is its device's until it is unplugged; accesses of the driver go to the device in whose window the address lies. */
export class DeviceSlots {
  readonly #devices: (Device | undefined)[] = new Array(VIRTIO.slots).fill(undefined);

  /** Into this slot, the first free one unless said; answers its number. `make` is told it. */
  plug(make: (slot: number) => Device, slot = this.#devices.indexOf(undefined)): number {
    if (slot < 0) throw new RangeError(`all ${VIRTIO.slots} device slots are taken`);
    this.#devices[slot] = make(slot);
    return slot;
  }

  unplug(slot: number): void {
    this.#devices[slot] = undefined;
  }

  /** Whether one of them may interrupt the kernel by itself. */
  get mayBring(): boolean {
    return this.#devices.some((device) => device?.mayBring === true);
  }

  /** Why some of them cannot be saved now. */
  get obstacles(): string[] {
    return this.#devices.flatMap((device, slot) => {
      const saved = device?.save();
      return typeof saved === 'string' ? [`the device in slot ${slot}: ${saved}`] : [];
    });
  }

  /** The import `mmio_read`. */
  read(address: number, bytes: number): number {
    const offset = (address >>> 0) - VIRTIO.base;
    const device = this.#devices[Math.floor(offset / VIRTIO.stride)];
    return (device?.transport ?? emptySlot).read(offset % VIRTIO.stride, bytes);
  }

  /** The import `mmio_write`. */
  write(address: number, value: number, bytes: number): void {
    const offset = (address >>> 0) - VIRTIO.base;
    const device = this.#devices[Math.floor(offset / VIRTIO.stride)];
    device?.transport.write(offset % VIRTIO.stride, value >>> 0, bytes);
  }
}
