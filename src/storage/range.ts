/** The rule on ranges, said once for every block device. */

import { type BlockDevice, SECTOR } from './block-device.ts';

/** Throw a RangeError unless `length` bytes from `sector` on are whole sectors inside the device. */
export function checkRange(device: Pick<BlockDevice, 'sectors'>, sector: number, length: number): void {
  if (length % SECTOR !== 0) throw new RangeError(`${length} bytes are not whole sectors`);
  if (!(Number.isInteger(sector) && sector >= 0 && length >= 0 && sector + length / SECTOR <= device.sectors)) {
    throw new RangeError(`${length} bytes at sector ${sector} are outside a device of ${device.sectors} sectors`);
  }
}
