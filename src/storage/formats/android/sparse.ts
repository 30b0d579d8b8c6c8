/** Android's sparse images, as fastboot takes them: chunks of data, of one word repeated, and of nothing. */

import { BehindEndError } from '../../errors.ts';
import type { Format } from '../format.ts';
import { mapped, type Piece, zeros } from '../parts/mapped.ts';
import { startsAt } from '../parts/search.ts';
import { viewOf } from '../parts/table.ts';
import { DATA, HEADER_BYTES, MISSING, NOTHING, readChunks, SPARSE, WORD } from './chunks.ts';
import { isOutside, lackOf, type SparseFile, withOthers } from './pieces.ts';

const MAGIC = 0xed26ff3a;
/** A filled chunk is unpacked in pieces of so many bytes. */
const FILL_BYTES = 64 * 1024;

export const androidSparse: Format = {
  name: SPARSE,
  matches({ head }) {
    if (head.length < HEADER_BYTES) return false;
    const view = viewOf(head);
    return view.getUint32(0, true) === MAGIC && view.getUint16(4, true) < 16 && view.getUint16(8, true) >= HEADER_BYTES;
  },
  async open(source, context) {
    const chunks = await readChunks(source);
    const { blocks, blockBytes, has } = chunks;
    const { files, absent } = await withOthers({ source, chunks }, context);
    const disk = mapped({ name: SPARSE, sizeBytes: blocks * blockBytes, find: (offset) => pieceOf(files, offset) });
    const note = files.length > 1 && { note: `${files.length} files` };
    if (has < blocks) {
      const [there, all] = [has.toLocaleString('en'), blocks.toLocaleString('en')];
      return { content: disk, ...note, cut: `the ${SPARSE} has chunks of ${there} of the ${all} blocks of the disk` };
    }
    const { cut, notes, isWhole } = await lackOf(files, absent, disk);
    if (isWhole) return { content: disk, ...note };
    const find = (offset: number): Piece => {
      if (isOutside(files, Math.floor(offset / blockBytes), { isBegun: cut === undefined }))
        throw new BehindEndError(source.sizeBytes);
      return pieceOf(files, offset);
    };
    const content = mapped({ name: SPARSE, sizeBytes: disk.sizeBytes, find });
    return { content, ...note, ...(cut !== undefined && { cut }), ...(notes && { notes }) };
  },
};

/** What the first of the files has at a place that has anything there. */
function pieceOf(files: readonly SparseFile[], offset: number): Piece {
  let nothing = Number.POSITIVE_INFINITY;
  for (const { source, chunks } of files) {
    const { starts, types, places, count, blocks, blockBytes } = chunks;
    const index = startsAt(starts, count, Math.floor(offset / blockBytes));
    const from = (starts[index] ?? 0) * blockBytes;
    const bytes = (index + 1 < count ? (starts[index + 1] ?? 0) : blocks) * blockBytes - offset;
    const place = places[index] ?? 0;
    const type = types[index];
    if (type === MISSING) throw new BehindEndError(source.sizeBytes);
    if (type === DATA) return { kind: 'bytes', bytes, source, at: place + offset - from };
    if (type === WORD && place !== 0) {
      const within = (offset - from) % FILL_BYTES;
      const word = Uint8Array.of(place, place >> 8, place >> 16, place >> 24);
      const unpack = () => Uint8Array.from({ length: FILL_BYTES }, (_, at) => word[at & 3] ?? 0);
      return { kind: 'packed', key: place, bytes: Math.min(bytes, FILL_BYTES - within), from: within, unpack };
    }
    if (type === WORD) return zeros(bytes);
    if (type === NOTHING) nothing = Math.min(nothing, bytes);
  }
  return zeros(nothing);
}
