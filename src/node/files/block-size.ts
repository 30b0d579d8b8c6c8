/** How large a block device is: stat(2) says 0 of it, and Node has no ioctl to ask for more. */

import { type BigIntStats, readFileSync, readSync } from 'node:fs';
import { SECTOR } from '../../storage/block-device.ts';

/** Bytes of the block device that is open as `fd`. */
export function blockDeviceBytes(fd: number, stats: BigIntStats): number {
  return bytesInSysfs(stats.rdev) ?? bytesByReading(fd);
}

/** Linux counts in sectors of 512 bytes whatever the device's own (Documentation/ABI/stable/sysfs-block: size). */
function bytesInSysfs(rdev: bigint): number | undefined {
  // dev_t as glibc and the kernel pack it: 12 bits of major, 20 of minor.
  const major = (rdev >> 8n) & 0xfffn;
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n);
  try {
    return SECTOR * Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, 'ascii'));
  } catch {
    return undefined; // no Linux, or a container without /sys
  }
}

/** The largest block of any device: raw devices refuse reads of less than theirs. */
const PROBE_BYTES = 4096;

/** A read past the end gives nothing: doubled until one does, then halved. The part of a last, shorter block counts too. */
function bytesByReading(fd: number): number {
  const probe = new Uint8Array(PROBE_BYTES);
  const read = (block: number): number => {
    try {
      return readSync(fd, probe, 0, PROBE_BYTES, block * PROBE_BYTES);
    } catch {
      return 0; // some systems give an error past the end
    }
  };
  if (read(0) === 0) return 0;
  let inside = 0;
  let outside = 1;
  while (read(outside) > 0) {
    inside = outside;
    outside *= 2;
  }
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2);
    if (read(middle) > 0) inside = middle;
    else outside = middle;
  }
  return inside * PROBE_BYTES + read(inside);
}
