/** What a volume was begun from, as a disk of the volume's size: cut, or with zeros behind it. */

import { type BlockDevice, bytesOf, SECTOR, sizeOf } from '../block-device.ts';
import { checkRange } from '../range.ts';
import type { Root } from './versions.ts';

export function fitted(
  base: BlockDevice,
  { sizeBytes, baseBytes }: Pick<Root, 'sizeBytes' | 'baseBytes'>,
): BlockDevice {
  const shownBytes = Math.min(baseBytes ?? Infinity, bytesOf(base), sizeBytes);
  if (shownBytes === bytesOf(base) && sizeBytes === shownBytes) return base;
  const { cut: _, ...size } = sizeOf(base);
  const device: BlockDevice = {
    ...size,
    sectors: Math.ceil(sizeBytes / SECTOR),
    sizeBytes,
    async zerosAt(offsetBytes) {
      if (offsetBytes >= shownBytes) return sizeBytes - offsetBytes;
      const known = Math.min((await base.zerosAt?.(offsetBytes)) ?? 0, shownBytes - offsetBytes);
      return offsetBytes + known === shownBytes ? sizeBytes - offsetBytes : known;
    },
    async read(sector, into) {
      checkRange(device, sector, into.length);
      const there = Math.max(0, Math.min(into.length, shownBytes - sector * SECTOR));
      // Whole sectors are read; of the last one the rest is not shown.
      const whole = Math.ceil(there / SECTOR) * SECTOR;
      if (whole > 0) await base.read(sector, into.subarray(0, whole));
      into.fill(0, there);
    },
  };
  return device;
}

/** A disk of nothing but zeros. */
export const zeros = (sizeBytes: number): BlockDevice => {
  const device: BlockDevice = {
    sectors: Math.ceil(sizeBytes / SECTOR),
    sizeBytes,
    zerosAt: (offsetBytes) => sizeBytes - offsetBytes,
    read(sector, into) {
      checkRange(device, sector, into.length);
      into.fill(0);
    },
  };
  return device;
};
