/** Where bytes become a disk: the one place that every host, route and command goes through. */

import { type BlockDevice, SECTOR } from './block-device.ts';
import type { ByteSource } from './byte-source.ts';
import { cached } from './cached.ts';
import { checkRange } from './range.ts';

/** What the bytes were: `raw`, or a format that wraps a disk. */
export type DiskFormat = 'raw';

export interface OpenedDisk {
  readonly format: DiskFormat;
  readonly device: BlockDevice;
  /** Bytes of the disk, which need not be whole sectors. */
  readonly sizeBytes: number;
}

export interface OpenDiskOptions {
  /** Keep so much of what was read, and read ahead: for sources that are slow to ask. Default: none. */
  readonly cacheMib?: number;
}

/** The disk in `source`, of which only what is read is ever asked for. */
export async function openDisk(source: ByteSource, { cacheMib }: OpenDiskOptions = {}): Promise<OpenedDisk> {
  const raw = rawDevice(source);
  const device = cacheMib === undefined ? raw : cached(raw, { maxMib: cacheMib });
  return { format: 'raw', device, sizeBytes: source.sizeBytes };
}

/** The bytes as they are. The last sector is filled up with zeros. */
function rawDevice(source: ByteSource): BlockDevice {
  const { sizeBytes } = source;
  const device: BlockDevice = {
    sectors: Math.ceil(sizeBytes / SECTOR),
    read(sector, into) {
      checkRange(device, sector, into.length);
      const offset = sector * SECTOR;
      const length = Math.min(into.length, sizeBytes - offset);
      if (length === into.length) return source.read(offset, into);
      into.fill(0, Math.max(0, length));
      if (length > 0) return source.read(offset, into.subarray(0, length));
    },
  };
  return device;
}
