/** Images of a store as devices for the kernels of batches, sessions and programs. */

import type { KernelImages } from '../../batch/kernel-setup.ts';
import type { ByteSource } from '../../storage/byte-source.ts';
import { type DiskChoice, type OpenedDisk, openDisk } from '../../storage/open-disk.ts';
import type { Room } from '../../storage/room.ts';
import type { Hold } from '../bodies/budget.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { lasting } from './disk-limits.ts';
import { named } from './images.ts';
import type { Unpack, UnpackFor } from './undone.ts';

/** Of an image in R2. The kernel has a page cache of its own before it. */
const CACHE_MIB = 4;

/** The disk in what is stored, whatever wraps it; what it caches counts in `room`. Without `unpack` what is compressed inside is refused. */
export const openStored = (
  stored: ByteSource,
  room: Room | undefined,
  choice: DiskChoice = {},
  unpack?: Unpack,
): Promise<OpenedDisk> =>
  openDisk(stored, { ...choice, ...lasting, ...(unpack && { unpack }), cacheMib: CACHE_MIB, room });

/** For one kernel, whose disks' memory `room` counts. */
export const storedImages = (images: ImageStore, unpackFor: UnpackFor, room: Hold): KernelImages => ({
  image: (name, choice) =>
    named(
      name,
      images.source(name).then(async (stored) => ({
        ...(await openStored(stored, room, choice, unpackFor(room))),
        etag: stored.etag,
      })),
    ),
  room,
  release: () => room.release(),
});
