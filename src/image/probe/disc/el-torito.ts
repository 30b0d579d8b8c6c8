/** Where a bootable disc has the images that firmware starts (El Torito 1.0): a partition there is part of the disc. */

import { SECTOR } from '../../../storage/block-device.ts';
import { fieldsAt } from '../fields.ts';
import type { VolumeBytes } from '../volume-bytes.ts';

const DISC_SECTOR = 2048;
/** The boot record volume descriptor has its own place. */
const BOOT_RECORD = 17;
const ENTRY = 32;
const BOOTABLE = 0x88;

/** Sectors of 512 bytes at which the images begin. */
export async function bootImages(volume: VolumeBytes): Promise<ReadonlySet<number>> {
  const record = await fieldsAt(volume, BOOT_RECORD * DISC_SECTOR, DISC_SECTOR);
  if (record.ascii(1, 5) !== 'CD001' || record.ascii(7, 23) !== 'EL TORITO SPECIFICATION') return new Set();
  const catalog = await fieldsAt(volume, record.u32(71) * DISC_SECTOR, DISC_SECTOR);
  const starts = new Set<number>();
  for (let at = ENTRY; at < DISC_SECTOR; at += ENTRY) {
    if (catalog.u8(at) === BOOTABLE) starts.add((catalog.u32(at + 8) * DISC_SECTOR) / SECTOR);
  }
  return starts;
}
