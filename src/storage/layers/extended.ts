/** A device shown longer than it is: an image that was cut short, at the size it once had. */

import { type BlockDevice, bytesOf, SECTOR, sizeOf } from '../block-device.ts';
import { BehindEndError } from '../errors.ts';
import { checkRange } from '../range.ts';

/** While it is on, who asks whether the last sectors can be read at all is told that they can. */
export interface Sizing {
  on: boolean;
}

/** XFS reads as much of a device's end, looks at none of it and keeps none of it: fs/xfs/xfs_mount.c, xfs_check_sizes. */
const SIZING_BYTES = 4096;

/**
 * What lies behind the end of `behind` rejects with a BehindEndError, so that nobody takes zeros for data: Linux reads what
 * reaches over the end of a device as far as it goes and fills up with zeros. With `zeros`, it reads as zeros: for what only
 * lacks the filling of its last block. Read-only.
 */
export function extended(
  behind: BlockDevice,
  sectors: number,
  { zeros = false, sizing }: { readonly zeros?: boolean; readonly sizing?: Sizing | undefined } = {},
): BlockDevice {
  const there = bytesOf(behind);
  if (sectors <= behind.sectors && (zeros || there === behind.sectors * SECTOR)) return behind;
  const { logicalBlockBytes } = sizeOf(behind);
  const device: BlockDevice = {
    sectors: Math.max(sectors, behind.sectors),
    sizeBytes: there,
    ...(logicalBlockBytes !== undefined && { logicalBlockBytes }),
    read(sector, into) {
      checkRange(device, sector, into.length);
      if (sizing?.on && into.length <= SIZING_BYTES && sector * SECTOR + into.length === device.sectors * SECTOR) {
        into.fill(0);
        return;
      }
      if (!zeros && sector * SECTOR + into.length > there) throw new BehindEndError(there);
      const inside = Math.max(0, Math.min(into.length, (behind.sectors - sector) * SECTOR));
      into.fill(0, inside);
      if (inside > 0) return behind.read(sector, into.subarray(0, inside));
    },
  };
  return device;
}
