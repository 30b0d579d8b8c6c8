/** A block device held in memory: an image somebody else owns, or fresh sectors of zeros. */

import { type BlockDevice, SECTOR } from './block-device.ts';
import { checkRange } from './range.ts';

/** Answers at once, always. */
export interface MemoryDevice extends BlockDevice {
  read(sector: number, into: Uint8Array): void;
}

/** A memory device that may be written, at once too. */
export interface WritableMemoryDevice extends MemoryDevice {
  write(sector: number, from: Uint8Array): void;
  discard(sector: number, sectors: number): void;
}

/**
 * Given bytes are shared, not copied, and never written: an `overlay` makes them writable.
 * If they end inside a sector, the rest of that sector reads as zeros. Given a number: so many zeroed sectors, writable.
 */
export function memoryDevice(image: Uint8Array): MemoryDevice;
export function memoryDevice(sectors: number): WritableMemoryDevice;
export function memoryDevice(source: Uint8Array | number): MemoryDevice {
  const bytes = typeof source === 'number' ? new Uint8Array(source * SECTOR) : source;
  const device: MemoryDevice = {
    sectors: Math.ceil(bytes.length / SECTOR),
    sizeBytes: bytes.length,
    read(sector, into) {
      checkRange(device, sector, into.length);
      const found = bytes.subarray(sector * SECTOR, sector * SECTOR + into.length);
      into.set(found);
      into.fill(0, found.length);
    },
  };
  if (typeof source !== 'number') return device;
  return Object.assign(device, {
    write(sector: number, from: Uint8Array) {
      checkRange(device, sector, from.length);
      bytes.set(from, sector * SECTOR);
    },
    discard(sector: number, sectors: number) {
      checkRange(device, sector, sectors * SECTOR);
      bytes.fill(0, sector * SECTOR, (sector + sectors) * SECTOR);
    },
  });
}
