/** What is compressed inside of stored images (layers of containers), undone for as long as what reads it has its memory. */

import type { Hold } from '../bodies/budget.ts';
import { type SpoolNeeds, type Unpacking, unpacking } from './spool.ts';

export type Unpack = Unpacking['unpack'];

/** For disks whose memory `hold` counts: a kernel's, a request's. What is not small is in the bucket, and goes when that is released. */
export type UnpackFor = (hold: Hold) => Unpack;

export const unpackFor =
  (needs: Omit<SpoolNeeds, 'memory' | 'room'>): UnpackFor =>
  (hold) => {
    const { unpack, discard } = unpacking({ ...needs, memory: hold, room: hold });
    hold.atRelease(() => needs.keepAlive(discard()));
    return unpack;
  };
