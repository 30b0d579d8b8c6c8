/** Android's sparse images, as fastboot takes them: chunks of data, of one word repeated, and of nothing. */

import type { ByteSource } from '../byte-source.ts';
import { BehindEndError, FormatError } from '../errors.ts';
import type { Format } from './format.ts';
import { mapped, type Piece, zeros } from './parts/mapped.ts';
import { startsAt } from './parts/search.ts';
import { readBytes, tables, viewOf } from './parts/table.ts';

const SPARSE = 'android-sparse';
const MAGIC = 0xed26ff3a;
const HEADER_BYTES = 28;
const CHUNK_HEADER_BYTES = 12;
const RAW = 0xcac1;
const FILL = 0xcac2;
const DONT_CARE = 0xcac3;
const CRC32 = 0xcac4;
/** Each takes 13 bytes of memory here. */
const MAX_CHUNKS = 2 ** 20;
/** img2simg makes 4 KiB. */
const MAX_BLOCK_BYTES = 2 ** 24;
/** A filled chunk is unpacked in pieces of so many bytes. */
const FILL_BYTES = 64 * 1024;
/** A type of ours: what follows the last chunk that is there. */
const MISSING = 3;

export const androidSparse: Format = {
  name: SPARSE,
  matches({ head }) {
    if (head.length < HEADER_BYTES) return false;
    const view = viewOf(head);
    return view.getUint32(0, true) === MAGIC && view.getUint16(4, true) < 16 && view.getUint16(8, true) >= HEADER_BYTES;
  },
  async open(source) {
    const head = viewOf(await readBytes(SPARSE, source, 0, HEADER_BYTES));
    const version = head.getUint16(4, true);
    if (version !== 1) throw new FormatError(SPARSE, `version ${version} is not read here`, { code: 'EOPNOTSUPP' });
    const blockBytes = head.getUint32(12, true);
    const blocks = head.getUint32(16, true);
    if (blockBytes === 0 || blockBytes % 4 !== 0 || blockBytes > MAX_BLOCK_BYTES) {
      throw new FormatError(SPARSE, `blocks of ${blockBytes} bytes`);
    }
    const chunks = await readChunks(source, head);
    const sizeBytes = blocks * blockBytes;
    return {
      ...(chunks.has < blocks && {
        cut: `the ${SPARSE} has chunks of ${chunks.has.toLocaleString('en')} of the ${blocks.toLocaleString('en')} blocks of the disk`,
      }),
      content: mapped({
        name: SPARSE,
        sizeBytes,
        find(offset): Piece {
          const { starts, types, places } = chunks;
          const index = startsAt(starts, chunks.count, Math.floor(offset / blockBytes));
          const from = (starts[index] ?? 0) * blockBytes;
          const end = index + 1 < chunks.count ? (starts[index + 1] ?? 0) * blockBytes : sizeBytes;
          const place = places[index] ?? 0;
          const bytes = end - offset;
          if (types[index] === MISSING) throw new BehindEndError(source.sizeBytes);
          if (types[index] === 1) return { kind: 'bytes', bytes, source, at: place + offset - from };
          if (types[index] === 2 && place !== 0) {
            const within = (offset - from) % FILL_BYTES;
            const word = Uint8Array.of(place, place >> 8, place >> 16, place >> 24);
            const unpack = () => Uint8Array.from({ length: FILL_BYTES }, (_, at) => word[at & 3] ?? 0);
            return { kind: 'packed', key: place, bytes: Math.min(bytes, FILL_BYTES - within), from: within, unpack };
          }
          return zeros(bytes);
        },
      }),
    };
  },
};

/** Where each chunk begins, in blocks of the disk; what it is: nothing, data or a word; where its data is, or the word. */
interface Chunks {
  readonly count: number;
  /** Blocks of the disk that are there. */
  readonly has: number;
  readonly starts: Uint32Array;
  readonly types: Uint8Array;
  readonly places: Float64Array;
}

async function readChunks(source: ByteSource, head: DataView): Promise<Chunks> {
  const [headerBytes, chunkHeaderBytes] = [head.getUint16(8, true), head.getUint16(10, true)];
  const [blockBytes, blocks, claimed] = [head.getUint32(12, true), head.getUint32(16, true), head.getUint32(20, true)];
  if (chunkHeaderBytes < CHUNK_HEADER_BYTES) throw new FormatError(SPARSE, 'its chunks have too short headers');
  if (claimed > MAX_CHUNKS) throw new FormatError(SPARSE, `more than ${MAX_CHUNKS} chunks`, { code: 'EOPNOTSUPP' });
  const table = tables(SPARSE, source);
  const chunks = {
    count: 0,
    starts: new Uint32Array(claimed + 1),
    types: new Uint8Array(claimed + 1),
    places: new Float64Array(claimed + 1),
  };
  const word = async (offset: number) => (await table.view(offset, 4)).getUint32(0, true);
  let at = headerBytes;
  let block = 0;
  let has = 0;
  let number = 0;
  for (; number < claimed; number += 1) {
    if (at + CHUNK_HEADER_BYTES > source.sizeBytes) break;
    const view = await table.view(at, CHUNK_HEADER_BYTES);
    const [type, length, total] = [view.getUint16(0, true), view.getUint32(4, true), view.getUint32(8, true)];
    const dataBytes = total - chunkHeaderBytes;
    const expected = { [RAW]: length * blockBytes, [FILL]: 4, [DONT_CARE]: 0, [CRC32]: 4 }[type];
    if (expected === undefined || dataBytes !== expected) throw new FormatError(SPARSE, `chunk ${number} is damaged`);
    if (type !== CRC32 && length > 0) {
      chunks.starts[chunks.count] = block;
      chunks.types[chunks.count] = type === RAW ? 1 : type === FILL ? 2 : 0;
      const isThere = type !== FILL || at + chunkHeaderBytes + 4 <= source.sizeBytes;
      if (!isThere) break;
      chunks.places[chunks.count] = type === FILL ? await word(at + chunkHeaderBytes) : at + chunkHeaderBytes;
      chunks.count += 1;
      block += length;
    }
    at += total;
    if (block > blocks) throw new FormatError(SPARSE, 'its chunks are more than the disk');
    if (at > source.sizeBytes) {
      // Of the last one a part is there.
      has = block - Math.ceil((at - source.sizeBytes) / blockBytes);
      break;
    }
    has = block;
  }
  if (block < blocks) {
    if (at <= source.sizeBytes && number === claimed)
      throw new FormatError(SPARSE, `its chunks have ${block} of the ${blocks} blocks of the disk`);
    chunks.starts[chunks.count] = block;
    chunks.types[chunks.count] = MISSING;
    chunks.count += 1;
  }
  return { ...chunks, has };
}
