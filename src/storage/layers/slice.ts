/** A part of a device as a device of its own, from any byte on. */

import { type BlockDevice, bytesOf, SECTOR } from '../block-device.ts';
import { checkRange } from '../range.ts';

/**
 * What the last sector of the part lacks reads as zeros. Written only where it begins and ends between sectors of what is behind, and
 * that can be. Throws a RangeError unless the part lies inside.
 */
export function slice(behind: BlockDevice, offsetBytes: number, sizeBytes: number): BlockDevice {
  const inside = [offsetBytes, sizeBytes].every((number) => Number.isSafeInteger(number) && number >= 0);
  if (!inside || offsetBytes + sizeBytes > bytesOf(behind)) {
    throw new RangeError(`${sizeBytes} bytes at ${offsetBytes} are outside a device of ${bytesOf(behind)} bytes`);
  }
  const shift = offsetBytes % SECTOR;
  const first = (offsetBytes - shift) / SECTOR;
  const device: BlockDevice = {
    sectors: Math.ceil(sizeBytes / SECTOR),
    sizeBytes,
    read(sector, into) {
      checkRange(device, sector, into.length);
      const there = Math.min(into.length, sizeBytes - sector * SECTOR);
      if (there < into.length) into.fill(0, Math.max(0, there));
      if (there <= 0) return;
      if (shift === 0 && there % SECTOR === 0) return behind.read(first + sector, into.subarray(0, there));
      const whole = new Uint8Array(Math.ceil((shift + there) / SECTOR) * SECTOR);
      const take = () => into.set(whole.subarray(shift, shift + there));
      const pending = behind.read(first + sector, whole);
      return pending instanceof Promise ? pending.then(take) : take();
    },
  };
  if (shift !== 0 || sizeBytes % SECTOR !== 0 || !behind.write) return device;
  return { ...device, ...writingOf(behind, device, first) };
}

function writingOf(
  behind: BlockDevice,
  part: BlockDevice,
  first: number,
): Pick<BlockDevice, 'write' | 'flush' | 'discard'> {
  const { write, flush, discard } = behind;
  return {
    ...(write && {
      write(sector: number, from: Uint8Array) {
        checkRange(part, sector, from.length);
        return write.call(behind, first + sector, from);
      },
    }),
    ...(flush && { flush: () => flush.call(behind) }),
    ...(discard && {
      discard(sector: number, sectors: number) {
        checkRange(part, sector, sectors * SECTOR);
        return discard.call(behind, first + sector, sectors);
      },
    }),
  };
}
