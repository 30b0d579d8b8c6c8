/** A source of bytes as a block device. */

import { type BlockDevice, SECTOR } from './block-device.ts';
import type { ByteSource } from './byte-source.ts';
import { checkRange } from './range.ts';

/** The bytes as they are. The last sector is filled up with zeros. */
export function rawDevice(source: ByteSource): BlockDevice {
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
