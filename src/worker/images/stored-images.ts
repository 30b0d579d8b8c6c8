/** Images of a store as devices for the kernels of batches and sessions. */

import type { SetupNeeds } from '../../batch/kernel-setup.ts';
import { ImageNotFoundError } from '../../storage/errors.ts';
import { openDisk } from '../../storage/open-disk.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { MAX_ENTRIES, notUnpacked } from './disk-limits.ts';
import { imageNotFound } from './images.ts';

/** Of an image in R2. The kernel has a page cache of its own before it. */
const CACHE_MIB = 4;

export const storedImages =
  (images: ImageStore): SetupNeeds['image'] =>
  async (name, choice, room) => {
    try {
      const stored = await images.source(name);
      return {
        ...(await openDisk(stored, {
          ...choice,
          cacheMib: CACHE_MIB,
          room,
          maxEntries: MAX_ENTRIES,
          unpack: notUnpacked,
        })),
        etag: stored.etag,
      };
    } catch (cause) {
      throw cause instanceof ImageNotFoundError ? imageNotFound(name) : cause;
    }
  };
