/** DMG: Apple's disk images (UDIF), chunks of several compressions, their table at the end of the file. */

import { bunzip2Chunk } from '../../../archive/decoders/bzip2.ts';
import { unxzChunk } from '../../../archive/decoders/lzma/xz-chunk.ts';
import { endsAsDmg, TRAILER_BYTES } from '../../../archive/decompress.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { Format, FormatContext } from '../format.ts';
import { type ChunkDecoder, inflateZlib, unpackChunk } from '../parts/block-decoders.ts';
import { mapped, type Piece, zeros } from '../parts/mapped.ts';
import { startsAt } from '../parts/search.ts';
import { big64, readBytes, viewOf } from '../parts/table.ts';
import { unadc } from './adc.ts';
import { unlzfse } from './lzfse/lzfse.ts';
import { blockTables, DMG } from './plist.ts';

const SECTOR = 512;
const TABLE_HEADER_BYTES = 204;
const CHUNK_BYTES = 40;

const ZEROS = 0;
const RAW = 1;
const IGNORED = 2;
const COMMENT = 0x7ffffffe;
const END = 0xffffffff;
const decoders: ReadonlyMap<number, ChunkDecoder> = new Map([
  [0x80000004, unadc],
  [0x80000005, inflateZlib],
  [0x80000006, bunzip2Chunk],
  [0x80000007, unlzfse],
  [0x80000008, unxzChunk], // LZMA
]);

/** Where it is on the disk and in the file, in bytes. */
interface Chunk {
  readonly type: number;
  readonly start: number;
  readonly bytes: number;
  readonly at: number;
  readonly packedBytes: number;
}

export const dmg: Format = {
  name: DMG,
  matches: ({ tail }) => endsAsDmg(tail.subarray(-TRAILER_BYTES)),
  async open(source, context) {
    const trailer = viewOf(await readBytes(DMG, source, source.sizeBytes - TRAILER_BYTES, TRAILER_BYTES));
    const [listAt, listBytes] = [big64(trailer, 216), big64(trailer, 224)];
    if (listBytes === 0) {
      throw new FormatError(DMG, 'its table is in a resource fork, or missing', { code: 'EOPNOTSUPP' });
    }
    context.mustFit(DMG, 'a property list', listBytes); // of which a chunk of a table takes 53
    const xml = new TextDecoder().decode(await readBytes(DMG, source, listAt, listBytes));
    const forkAt = big64(trailer, 24);
    const chunks = blockTables(xml)
      .flatMap((table) => chunksOf(table, forkAt, context))
      .sort((one, other) => one.start - other.start);
    const sizeBytes = big64(trailer, 492) * SECTOR;
    const end = chunks.reduce((most, { start, bytes }) => Math.max(most, start + bytes), 0);
    return { content: chunkMap(source, chunks, Math.max(end, Number.isSafeInteger(sizeBytes) ? sizeBytes : 0)) };
  },
};

function chunksOf(table: Uint8Array, forkAt: number, context: FormatContext): Chunk[] {
  const view = viewOf(table);
  if (table.length < TABLE_HEADER_BYTES || String.fromCharCode(...table.subarray(0, 4)) !== 'mish') {
    throw new FormatError(DMG, 'a block table is damaged');
  }
  const [firstSector, dataAt, count] = [big64(view, 8), big64(view, 24), view.getUint32(200)];
  if (TABLE_HEADER_BYTES + count * CHUNK_BYTES > table.length) throw new FormatError(DMG, 'a block table is cut short');
  const chunks: Chunk[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = TABLE_HEADER_BYTES + index * CHUNK_BYTES;
    const type = view.getUint32(at);
    if (type === COMMENT) continue;
    if (type === END) break;
    const chunk = {
      type,
      start: (firstSector + big64(view, at + 8)) * SECTOR,
      bytes: big64(view, at + 16) * SECTOR,
      at: forkAt + dataAt + big64(view, at + 24),
      packedBytes: big64(view, at + 32),
    };
    check(chunk, context);
    if (chunk.bytes > 0) chunks.push(chunk);
  }
  return chunks;
}

function check({ type, start, bytes, packedBytes }: Chunk, context: FormatContext): void {
  if (!Number.isSafeInteger(start + bytes)) throw new FormatError(DMG, 'a block table is damaged');
  if (type === ZEROS || type === IGNORED) return;
  if (type === RAW) {
    if (packedBytes < bytes) throw new FormatError(DMG, 'a block table is damaged');
    return;
  }
  if (!decoders.has(type)) {
    throw new FormatError(DMG, `chunks of type ${type.toString(16)} are not read here`, { code: 'EOPNOTSUPP' });
  }
  // Tools write chunks of 256 KiB to 8 MiB.
  context.mustFit(DMG, 'a chunk', Math.max(bytes, packedBytes));
}

/** What no chunk covers is zeros. */
function chunkMap(source: ByteSource, chunks: readonly Chunk[], sizeBytes: number): ByteSource {
  const starts = Float64Array.from(chunks, ({ start }) => start);
  return mapped({
    name: DMG,
    sizeBytes,
    find(offset): Piece {
      const index = startsAt(starts, starts.length, offset);
      const chunk = chunks[index];
      const next = starts[index + 1] ?? sizeBytes;
      if (chunk === undefined || chunk.start > offset) return zeros((chunk?.start ?? sizeBytes) - offset);
      const within = offset - chunk.start;
      const bytes = Math.min(chunk.bytes - within, next > offset ? next - offset : chunk.bytes - within);
      if (bytes <= 0) return zeros(next - offset);
      if (chunk.type === ZEROS || chunk.type === IGNORED) return zeros(bytes);
      if (chunk.type === RAW) return { kind: 'bytes', bytes, source, at: chunk.at + within };
      const { at, packedBytes } = chunk;
      const decode = decoders.get(chunk.type) ?? inflateZlib;
      return {
        kind: 'packed',
        key: chunk.start,
        bytes,
        from: within,
        unpack: async () => unpackChunk(DMG, decode, await readBytes(DMG, source, at, packedBytes), chunk.bytes),
      };
    },
  });
}
