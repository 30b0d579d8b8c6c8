/** VHDX, Hyper-V's format: fixed, dynamic, and differencing with a parent; its log is replayed. */

import type { MaybePromise } from '../../block-device.ts';
import { FormatError } from '../../errors.ts';
import type { Format, FormatContext } from '../format.ts';
import { tableReach } from '../parts/cut.ts';
import { growingDisk } from '../parts/growing.ts';
import { beneath, mapped, type Piece, zeros } from '../parts/mapped.ts';
import { mustBeParent } from '../parts/parent.ts';
import { places } from '../parts/places.ts';
import { after, tables, viewOf } from '../parts/table.ts';
import { damageOf } from '../parts/written-table.ts';
import {
  chunkBlocks,
  ENTRY_BYTES,
  entriesFor,
  indexOfBlock,
  NOT_PRESENT,
  PARTLY_PRESENT,
  PRESENT,
  RESERVED,
  readEntry,
} from './bat.ts';
import { vhdxBlocks } from './blocks.ts';
import { FILE_MAGIC, guid, readHeader, readRegions, text, VHDX } from './header.ts';
import { replayed } from './log.ts';
import { readMetadata } from './metadata.ts';

const MIB = 2 ** 20;

export const vhdx: Format = {
  name: VHDX,
  matches: ({ head }) => text(head, 0, 8) === FILE_MAGIC,
  async open(file, context) {
    const header = await readHeader(file);
    const { source, flushedBytes } = await replayed(file, header, context);
    const { bat, metadata: region } = await readRegions(source);
    const metadata = await readMetadata(source, region);
    const { sizeBytes, blockBytes, sectorBytes } = metadata;
    const parent = metadata.parents && (await openParent(metadata.parents, metadata.parentIds, context));
    const blocksPerChunk = chunkBlocks(sectorBytes, blockBytes);
    const blocks = Math.ceil(sizeBytes / blockBytes);
    if (entriesFor(blocks, blocksPerChunk) * ENTRY_BYTES > bat.bytes)
      throw new FormatError(VHDX, `a table too short for a disk of ${sizeBytes} bytes`);
    let readOnly = parent && 'it holds the changes to a parent';
    if (file.write && !parent) {
      const opened =
        header.log === undefined
          ? await vhdxBlocks(source, { sizeBytes, blockBytes, blocksPerChunk, header, bat, metadata: region }).catch(
              damageOf,
            )
          : 'its log has to be replayed first, as qemu-img check -r all does';
      if (typeof opened !== 'string') return { content: growingDisk(source, opened), writes: true };
      readOnly = opened;
    }
    const table = tables(VHDX, source);

    const entry = (index: number) => {
      if ((index + 1) * ENTRY_BYTES > bat.bytes) throw new FormatError(VHDX, 'a bitmap that it needs is missing');
      return after(table.view(bat.at + ENTRY_BYTES * index, ENTRY_BYTES), (view) => readEntry(view, 0));
    };

    /** A bit for each sector of the chunk, the lowest of a byte first: whether it is here or in the parent. */
    const partly = (block: number, dataAt: number, offset: number): MaybePromise<Piece> => {
      const chunk = Math.floor(block / blocksPerChunk);
      return after(entry(chunk * (blocksPerChunk + 1) + blocksPerChunk), (bitmap) => {
        if (bitmap.state !== PRESENT) throw new FormatError(VHDX, 'a bitmap that it needs is missing');
        const within = offset % blockBytes;
        const sector = ((block % blocksPerChunk) * blockBytes + within) / sectorBytes;
        const first = Math.floor(sector);
        return after(table.view(bitmap.at + (first >> 3), 1), (view) => {
          const bits = view.getUint8(0);
          const isHere = (at: number) => (bits >> (at & 7)) & 1;
          let end = first + 1;
          while ((end & 7) !== 0 && isHere(end) === isHere(first)) end += 1;
          const bytes = (end - sector) * sectorBytes;
          return isHere(first)
            ? { kind: 'bytes', bytes, source, at: dataAt + within }
            : beneath(parent?.content, offset, bytes);
        });
      });
    };

    const regions = [{ at: 0, bytes: MIB }, header.logRegion, bat, region];
    const blocksAt = places(VHDX, regions);
    const content = mapped({
      name: VHDX,
      sizeBytes,
      find(offset) {
        const block = Math.floor(offset / blockBytes);
        const within = offset % blockBytes;
        const bytes = blockBytes - within;
        return after(entry(indexOfBlock(block, blocksPerChunk)), ({ state, at }): MaybePromise<Piece> => {
          switch (state) {
            case NOT_PRESENT:
              return beneath(parent?.content, offset, bytes);
            case PRESENT:
              blocksAt.check(at, 1);
              return { kind: 'bytes', bytes, source, at: at + within };
            case PARTLY_PRESENT:
              if (parent === undefined) throw new FormatError(VHDX, 'a block that needs a parent, in a disk without');
              blocksAt.check(at, 1);
              return partly(block, at, offset);
            case RESERVED:
            case RESERVED + 1:
              throw new FormatError(VHDX, 'its table is damaged: a block is in a state that there is none of');
            default:
              return zeros(bytes); // zero, unmapped, undefined
          }
        });
      },
    });
    const note = parent && { note: 'differencing' };
    const entries = { at: bat.at, entries: bat.bytes / ENTRY_BYTES, entryBytes: ENTRY_BYTES };
    const reach = await tableReach(source, entries, (view, at, index) => {
      const { state, at: place } = readEntry(view, at);
      const block = index - Math.floor(index / (blocksPerChunk + 1));
      const isBitmap = index % (blocksPerChunk + 1) === blocksPerChunk;
      if (isBitmap || block >= blocks || (state !== PRESENT && state !== PARTLY_PRESENT)) return 0;
      return blocksAt.saw(place, Math.min(blockBytes, sizeBytes - block * blockBytes));
    });
    blocksAt.compare();
    // What only the log makes longer is there.
    const claimedBytes = Math.max(reach > source.sizeBytes ? reach : 0, flushedBytes);
    return {
      content,
      claimedBytes,
      ...note,
      layers: parent?.layers ?? [],
      id: guid(viewOf(header.raw), 32),
      ...(readOnly !== undefined && { readOnly }),
    };
  },
};

/** By the first of its names that there is a file of. */
async function openParent(names: readonly string[], ids: readonly string[], context: FormatContext) {
  let missing: unknown;
  for (const name of names) {
    try {
      const parent = await context.parent(VHDX, name);
      mustBeParent(VHDX, name, parent.id, ids);
      return parent;
    } catch (cause) {
      if (!(cause instanceof FormatError && cause.code === 'ENODATA')) throw cause;
      missing ??= cause;
    }
  }
  throw missing;
}
