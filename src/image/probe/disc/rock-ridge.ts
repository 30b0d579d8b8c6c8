/** Whether an ISO 9660 file system has Rock Ridge: modes, owners, long names and links of Unix. */

import { fieldsAt } from '../fields.ts';
import type { VolumeBytes } from '../volume-bytes.ts';

const DESCRIPTOR = 32_768;

/**
 * SUSP 5.3 and RRIP 4.1: the first record of the root directory has "SP" and, of Rock Ridge, "RR" or "PX". `session`: the
 * block where that begins; its directories are counted from the beginning of the disc.
 */
export async function hasRockRidge(volume: VolumeBytes, session = 0): Promise<boolean> {
  const descriptor = await fieldsAt(volume, session * 2048 + DESCRIPTOR, 2048);
  const at = (descriptor.u32(158) + descriptor.u8(157)) * descriptor.u16(128);
  const block = await fieldsAt(volume, at, 2048);
  const [recordBytes, nameBytes] = [block.u8(0), block.u8(32)];
  for (let field = 33 + nameBytes + ((nameBytes + 1) % 2); field + 4 <= recordBytes; ) {
    const signature = block.ascii(field, 2);
    if (signature === 'RR' || signature === 'PX') return true;
    const length = block.u8(field + 2);
    if (length < 4) return false;
    field += length;
  }
  return false;
}
