/** A source of bytes as a block device. */

import { type BlockDevice, SECTOR } from './block-device.ts';
import type { ByteSource } from './byte-source.ts';
import { checkRange } from './range.ts';

/** The bytes as they are. The last sector is filled up with zeros; what is written beyond the last byte is let go of. */
export function rawDevice(source: ByteSource): BlockDevice {
  const { sizeBytes } = source;
  const device: BlockDevice = {
    sectors: Math.ceil(sizeBytes / SECTOR),
    sizeBytes,
    read(sector, into) {
      checkRange(device, sector, into.length);
      const offset = sector * SECTOR;
      const length = Math.min(into.length, sizeBytes - offset);
      if (length === into.length) return source.read(offset, into);
      into.fill(0, Math.max(0, length));
      if (length > 0) return source.read(offset, into.subarray(0, length));
    },
  };
  const { write, flush, discard, writesAtOnce } = source;
  if (!write) return device;
  device.write = (sector, from) => {
    checkRange(device, sector, from.length);
    const offset = sector * SECTOR;
    const length = Math.min(from.length, sizeBytes - offset);
    if (length > 0) return write.call(source, offset, length === from.length ? from : from.subarray(0, length));
  };
  if (flush) device.flush = () => flush.call(source);
  if (discard) {
    device.discard = (sector, sectors) => {
      checkRange(device, sector, sectors * SECTOR);
      const offset = sector * SECTOR;
      const length = Math.min(sectors * SECTOR, sizeBytes - offset);
      if (length > 0) return discard.call(source, offset, length);
    };
  }
  return writesAtOnce ? { ...device, writesAtOnce } : device;
}
