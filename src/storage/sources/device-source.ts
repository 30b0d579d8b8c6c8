/** A block device as a source of bytes: ranges that are not whole sectors are cut out of those that are. */

import { type BlockDevice, type MaybePromise, SECTOR } from '../block-device.ts';
import { type ByteSource, checkBytes } from '../byte-source.ts';

/** The first `sizeBytes` of `device`, whose last sector may be longer than they are. */
export function deviceSource(device: BlockDevice, sizeBytes = device.sectors * SECTOR): ByteSource {
  const { zerosAt } = device;
  return {
    sizeBytes,
    ...(zerosAt && {
      zerosAt: async (offset: number) => Math.min(await zerosAt.call(device, offset), sizeBytes - offset),
    }),
    read(offset, into) {
      checkBytes({ sizeBytes }, offset, into.length);
      if (offset % SECTOR === 0 && into.length % SECTOR === 0) return device.read(offset / SECTOR, into);
      const first = Math.floor(offset / SECTOR);
      const sectors = new Uint8Array((Math.ceil((offset + into.length) / SECTOR) - first) * SECTOR);
      const from = offset - first * SECTOR;
      const cut = (): void => into.set(sectors.subarray(from, from + into.length));
      const reading: MaybePromise<void> = device.read(first, sectors);
      return reading instanceof Promise ? reading.then(cut) : cut();
    },
  };
}
