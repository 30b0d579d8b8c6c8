/** The chunks of a file of Android's sparse images: where each begins on the disk, and what it is. */

import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { readBytes, tables, viewOf } from '../parts/table.ts';

export const SPARSE = 'android-sparse';
export const HEADER_BYTES = 28;
const CHUNK_HEADER_BYTES = 12;
const RAW = 0xcac1;
const FILL = 0xcac2;
const DONT_CARE = 0xcac3;
const CRC32 = 0xcac4;
/** Each takes 13 bytes of memory here. */
const MAX_CHUNKS = 2 ** 20;
/** img2simg makes 4 KiB. */
const MAX_BLOCK_BYTES = 2 ** 24;
/** What a chunk is. */
export const NOTHING = 0;
export const DATA = 1;
export const WORD = 2;
/** What follows the last chunk that is there. */
export const MISSING = 3;

/** Where each chunk begins, in blocks of the disk; what it is: nothing, data or a word; where its data is, or the word. */
export interface Chunks {
  readonly blockBytes: number;
  /** Of the disk. */
  readonly blocks: number;
  /** The blocks from which on, and up to which, there is more than chunks of nothing. */
  readonly first: number;
  readonly end: number;
  readonly count: number;
  /** Blocks of the disk that are there. */
  readonly has: number;
  readonly starts: Uint32Array;
  readonly types: Uint8Array;
  readonly places: Float64Array;
}

export async function readChunks(source: ByteSource): Promise<Chunks> {
  const head = viewOf(await readBytes(SPARSE, source, 0, HEADER_BYTES));
  const version = head.getUint16(4, true);
  if (version !== 1) throw new FormatError(SPARSE, `version ${version} is not read here`, { code: 'EOPNOTSUPP' });
  const [headerBytes, chunkHeaderBytes] = [head.getUint16(8, true), head.getUint16(10, true)];
  const [blockBytes, blocks, claimed] = [head.getUint32(12, true), head.getUint32(16, true), head.getUint32(20, true)];
  if (blockBytes === 0 || blockBytes % 4 !== 0 || blockBytes > MAX_BLOCK_BYTES) {
    throw new FormatError(SPARSE, `blocks of ${blockBytes} bytes`);
  }
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
  let first = blocks;
  let end = 0;
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
      chunks.types[chunks.count] = type === RAW ? DATA : type === FILL ? WORD : NOTHING;
      const isThere = type !== FILL || at + chunkHeaderBytes + 4 <= source.sizeBytes;
      if (!isThere) break;
      chunks.places[chunks.count] = type === FILL ? await word(at + chunkHeaderBytes) : at + chunkHeaderBytes;
      chunks.count += 1;
      if (type !== DONT_CARE) {
        first = Math.min(first, block);
        end = block + length;
      }
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
  return { ...chunks, blockBytes, blocks, first, end, has };
}
