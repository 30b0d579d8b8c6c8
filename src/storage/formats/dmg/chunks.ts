/** The chunks of a UDIF image: where each is on the disk and in the file. */

import { FormatError } from '../../errors.ts';
import { big64, viewOf } from '../parts/table.ts';
import { DMG } from './plist.ts';

const SECTOR = 512;
const TABLE_HEADER_BYTES = 204;
const CHUNK_BYTES = 40;

const COMMENT = 0x7ffffffe;
const END = 0xffffffff;

/** Where it is on the disk and in the file, in bytes. */
export interface Chunk {
  readonly type: number;
  readonly start: number;
  readonly bytes: number;
  readonly at: number;
  readonly packedBytes: number;
}

/** In the order of the disk. An image has up to a million: each takes 44 bytes. */
export interface Chunks {
  readonly starts: Float64Array;
  chunk(index: number): Chunk | undefined;
}

const FIELDS = 4;

/** `check` throws where a chunk is none that is read. */
export function chunksOf(
  tables: Iterable<Uint8Array>,
  forkAt: number,
  check: (chunk: Chunk) => void,
): Chunks & { readonly end: number } {
  let types = new Uint32Array(1024);
  let fields = new Float64Array(FIELDS * types.length);
  let count = 0;
  let end = 0;
  let isSorted = true;
  const add = ({ type, start, bytes, at, packedBytes }: Chunk): void => {
    if (count === types.length) {
      types = grown(types, Uint32Array);
      fields = grown(fields, Float64Array);
    }
    if (count > 0 && start < (fields[FIELDS * (count - 1)] ?? 0)) isSorted = false;
    types[count] = type;
    fields.set([start, bytes, at, packedBytes], FIELDS * count);
    end = Math.max(end, start + bytes);
    count += 1;
  };
  for (const table of tables) {
    for (const chunk of chunksIn(table, forkAt)) {
      check(chunk);
      if (chunk.bytes > 0) add(chunk);
    }
  }
  const startOf = (place: number): number => fields[FIELDS * place] ?? 0;
  const order = isSorted ? undefined : Uint32Array.from({ length: count }, (_, place) => place);
  order?.sort((one, other) => startOf(one) - startOf(other));
  const placeOf = (index: number): number => order?.[index] ?? index;
  return {
    end,
    starts: Float64Array.from({ length: count }, (_, index) => startOf(placeOf(index))),
    chunk(index) {
      if (index >= count) return undefined;
      const place = placeOf(index);
      const [start = 0, bytes = 0, at = 0, packedBytes = 0] = fields.subarray(FIELDS * place, FIELDS * (place + 1));
      return { type: types[place] ?? 0, start, bytes, at, packedBytes };
    },
  };
}

function grown<T extends Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(
  list: T,
  make: new (length: number) => T,
): T {
  const longer = new make(list.length * 2);
  longer.set(list);
  return longer;
}

function* chunksIn(table: Uint8Array, forkAt: number): Generator<Chunk, void> {
  const view = viewOf(table);
  if (table.length < TABLE_HEADER_BYTES || String.fromCharCode(...table.subarray(0, 4)) !== 'mish') {
    throw new FormatError(DMG, 'a block table is damaged');
  }
  const [firstSector, dataAt, count] = [big64(view, 8), big64(view, 24), view.getUint32(200)];
  if (TABLE_HEADER_BYTES + count * CHUNK_BYTES > table.length) throw new FormatError(DMG, 'a block table is cut short');
  for (let index = 0; index < count; index += 1) {
    const at = TABLE_HEADER_BYTES + index * CHUNK_BYTES;
    const type = view.getUint32(at);
    if (type === COMMENT) continue;
    if (type === END) break;
    yield {
      type,
      start: (firstSector + big64(view, at + 8)) * SECTOR,
      bytes: big64(view, at + 16) * SECTOR,
      at: forkAt + dataAt + big64(view, at + 24),
      packedBytes: big64(view, at + 32),
    };
  }
}
