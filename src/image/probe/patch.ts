/** Bytes that are read in place of what lies there: nothing is written. */

import { type BlockDevice, bytesOf, SECTOR } from '../../storage/block-device.ts';
import type { VolumeBytes } from './volume-bytes.ts';

/** Bytes and where they belong. */
export interface Patch {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Lays `patches` over what was read at `start`. */
function lay(patches: readonly Patch[], start: number, into: Uint8Array): void {
  for (const { at, bytes } of patches) {
    const offset = at - start;
    const from = Math.max(0, -offset);
    const to = Math.min(bytes.length, into.length - offset);
    if (from < to) into.set(bytes.subarray(from, to), offset + from);
  }
}

/** `device` with `patches` over it; the device itself is not written. */
export function patched(device: BlockDevice, patches: readonly Patch[]): BlockDevice {
  if (patches.length === 0) return device;
  return {
    ...device,
    sizeBytes: bytesOf(device),
    read(sector, into) {
      const pending = device.read(sector, into);
      const change = () => lay(patches, sector * SECTOR, into);
      return pending instanceof Promise ? pending.then(change) : change();
    },
  };
}

/** The same of the bytes of a volume. */
export const patchedVolume = (volume: VolumeBytes, patch: Patch): VolumeBytes => ({
  ...volume,
  async read(at, length) {
    const bytes = (await volume.read(at, length)).slice();
    lay([patch], at, bytes);
    return bytes;
  },
});
