/** Images of a store as devices for the kernels of batches, sessions and programs. */

import type { SetupNeeds } from '../../batch/kernel-setup.ts';
import type { ByteSource } from '../../storage/byte-source.ts';
import { type DiskChoice, type OpenedDisk, openDisk } from '../../storage/open-disk.ts';
import type { Room } from '../../storage/room.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { lasting } from './disk-limits.ts';
import { named } from './images.ts';

/** Of an image in R2. The kernel has a page cache of its own before it. */
const CACHE_MIB = 4;

/** The disk in what is stored, whatever wraps it; what it caches counts in `room`. */
export const openStored = (stored: ByteSource, room: Room | undefined, choice: DiskChoice = {}): Promise<OpenedDisk> =>
  openDisk(stored, { ...choice, ...lasting, cacheMib: CACHE_MIB, room });

export const storedImages =
  (images: ImageStore): SetupNeeds['image'] =>
  (name, choice, room) =>
    named(
      name,
      images.source(name).then(async (stored) => ({ ...(await openStored(stored, room, choice)), etag: stored.etag })),
    );
