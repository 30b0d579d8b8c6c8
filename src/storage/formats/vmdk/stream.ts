/** A stream of a VMDK that lost its end, where its tables are: its grains tell themselves where they belong. */

import type { ByteSource } from '../../byte-source.ts';
import { BehindEndError, FormatError } from '../../errors.ts';
import { mapped, type Piece, zeros } from '../parts/mapped.ts';
import { little64, tables } from '../parts/table.ts';
import { SECTOR, VMDK } from './descriptor.ts';
import { compressedGrain, type SparseFile } from './sparse.ts';

const MARKER_BYTES = 12;
/** 64 GiB of data in grains of 64 KiB. */
const MAX_GRAINS = 2 ** 20;

/**
 * The disk of what is there. Markers are gone through as far as a read needs, from the beginning on: a stream has its grains in
 * the order of the disk, so one that is missing before another is zeros; where they are in another order nothing is said of it.
 */
export function streamWithoutTables(source: ByteSource, header: SparseFile): ByteSource {
  const { sectors, grainSectors, grainsAt } = header;
  const grainBytes = grainSectors * SECTOR;
  const places = new Map<number, number>();
  const look = tables(VMDK, source);
  let next = grainsAt;
  let highest = -1;
  let isInOrder = true;
  let hasEnded = false;
  let walking: Promise<void> = Promise.resolve();

  /** One marker further. */
  async function step(): Promise<void> {
    if (next + MARKER_BYTES > source.sizeBytes) {
      hasEnded = true;
      return;
    }
    const marker = await look.view(next, MARKER_BYTES);
    const [value, bytes] = [little64(marker, 0), marker.getUint32(8, true)];
    if (bytes === 0) {
      // A table, or the end: as many sectors follow, and none of them is needed.
      next += SECTOR + value * SECTOR;
      if (!Number.isSafeInteger(next)) throw new FormatError(VMDK, 'a marker of its stream is damaged');
      return;
    }
    const grain = value / grainSectors;
    const end = next + MARKER_BYTES + bytes;
    if (!Number.isSafeInteger(grain) || value >= sectors || bytes > 2 * grainBytes + SECTOR)
      throw new FormatError(VMDK, 'a marker of its stream is damaged');
    if (end > source.sizeBytes) {
      hasEnded = true;
      return;
    }
    if (places.size === MAX_GRAINS)
      throw new FormatError(VMDK, `a stream without its end of more than ${MAX_GRAINS} grains`);
    if (grain <= highest) isInOrder = false;
    highest = Math.max(highest, grain);
    places.set(grain, next);
    next = Math.ceil(end / SECTOR) * SECTOR;
  }

  const walkTo = (grain: number): Promise<void> => {
    const walked = walking.then(async () => {
      while (!hasEnded && !places.has(grain) && !(isInOrder && highest > grain)) {
        await step().catch((cause: unknown) => {
          // Behind a marker that is lost nobody knows where the next one is.
          if (!(cause instanceof BehindEndError || cause instanceof FormatError)) throw cause;
          hasEnded = true;
        });
      }
    });
    walking = walked.catch(() => {}); // whoever waits is told; the next one tries again
    return walked;
  };

  return mapped({
    name: VMDK,
    sizeBytes: sectors * SECTOR,
    async find(offset): Promise<Piece> {
      const grain = Math.floor(offset / grainBytes);
      await walkTo(grain);
      const at = places.get(grain);
      if (at !== undefined) return compressedGrain(source, header, at, offset);
      if (isInOrder && highest > grain) return zeros(grainBytes - (offset % grainBytes));
      throw new BehindEndError(source.sizeBytes);
    },
  });
}
