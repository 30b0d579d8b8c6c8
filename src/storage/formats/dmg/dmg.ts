/** DMG: Apple's disk images (UDIF), chunks of several compressions, their table at the end of the file. */

import { bunzip2Chunk } from '../../../archive/decoders/bzip2.ts';
import { unxzChunk } from '../../../archive/decoders/lzma/xz-chunk.ts';
import { endsAsDmg, TRAILER_BYTES } from '../../../archive/decompress.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { Format, FormatContext } from '../format.ts';
import { type ChunkDecoder, type ChunkDecoders, unpackChunk } from '../parts/block-decoders.ts';
import { mapped, type Piece, zeros } from '../parts/mapped.ts';
import { startsAt } from '../parts/search.ts';
import { big64, readBytes, viewOf } from '../parts/table.ts';
import { unadc } from './adc.ts';
import { type Chunk, type Chunks, chunksOf } from './chunks.ts';
import { unlzfse } from './lzfse/lzfse.ts';
import { blockTables, DMG } from './plist.ts';

const SECTOR = 512;

const ZEROS = 0;
const RAW = 1;
const IGNORED = 2;
const decoders = new Map<number, (chunks: ChunkDecoders) => ChunkDecoder>([
  [0x80000004, () => unadc],
  [0x80000005, ({ inflateZlib }) => inflateZlib],
  [0x80000006, () => bunzip2Chunk],
  [0x80000007, () => unlzfse],
  [0x80000008, () => unxzChunk], // LZMA
]);

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
    const tables = blockTables(await readBytes(DMG, source, listAt, listBytes));
    const chunks = chunksOf(tables, big64(trailer, 24), (chunk) => check(chunk, context));
    const sizeBytes = big64(trailer, 492) * SECTOR;
    const { chunks: undo } = context;
    return {
      content: chunkMap(source, undo, chunks, Math.max(chunks.end, Number.isSafeInteger(sizeBytes) ? sizeBytes : 0)),
    };
  },
};

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
function chunkMap(
  source: ByteSource,
  undo: ChunkDecoders,
  { starts, chunk: chunkAt }: Chunks,
  sizeBytes: number,
): ByteSource {
  return mapped({
    name: DMG,
    sizeBytes,
    find(offset): Piece {
      const index = startsAt(starts, starts.length, offset);
      const chunk = chunkAt(index);
      const next = starts[index + 1] ?? sizeBytes;
      if (chunk === undefined || chunk.start > offset) return zeros((chunk?.start ?? sizeBytes) - offset);
      const within = offset - chunk.start;
      const bytes = Math.min(chunk.bytes - within, next > offset ? next - offset : chunk.bytes - within);
      if (bytes <= 0) return zeros(next - offset);
      if (chunk.type === ZEROS || chunk.type === IGNORED) return zeros(bytes);
      if (chunk.type === RAW) return { kind: 'bytes', bytes, source, at: chunk.at + within };
      const { at, packedBytes } = chunk;
      const decode = decoders.get(chunk.type)?.(undo) ?? undo.inflateZlib;
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
