/** EWF, the evidence files of EnCase and FTK (.E01): compressed chunks with checksums, in one file or several segments. */

import { adler32 } from '../../../bytes/adler32.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import type { Format, FormatContext, Layer } from '../format.ts';
import { type ChunkDecoder, unpackChunk } from '../parts/block-decoders.ts';
import { cutSentence } from '../parts/cut.ts';
import { mapped, type Piece } from '../parts/mapped.ts';
import { startsAt } from '../parts/search.ts';
import { after, little64, readBytes, tables, viewOf } from '../parts/table.ts';
import { EWF, MAGIC, readSections, type Section } from './sections.ts';

/** E01 to E99, then EAA to EZZ, then FAA and so on, up to ZZZ. */
const MAX_SEGMENTS = 14_971;
const TABLE_HEADER_BYTES = 24;
const COMPRESSED = 0x80000000;

/** How the name of a segment ends. */
function segmentSuffix(number: number): string {
  if (number <= 99) return `E${String(number).padStart(2, '0')}`;
  const letters = number - 100;
  const letter = (value: number) => String.fromCharCode(65 + value);
  return letter(4 + Math.floor(letters / 676)) + letter(Math.floor(letters / 26) % 26) + letter(letters % 26);
}

/** Chunks `[first, first + count)`, whose places are in a table of one segment. */
interface Table {
  readonly first: number;
  readonly count: number;
  readonly source: ByteSource;
  readonly number: number;
  readonly entriesAt: number;
  readonly baseAt: number;
  /** Where the last chunk ends. */
  readonly dataEnd: number;
}

interface Volume {
  readonly chunks: number;
  readonly chunkBytes: number;
  readonly sizeBytes: number;
  readonly inflate: ChunkDecoder;
}

export const ewf: Format = {
  name: EWF,
  matches: ({ head }) => MAGIC.every((byte, at) => head[at] === byte),
  async open(source, context) {
    const found: Table[] = [];
    const layers: Layer[] = [];
    let volume: Volume | undefined;
    let cut: string | undefined;
    for (let number = 1, segment = source; ; number += 1) {
      const head = viewOf(await readBytes(EWF, segment, 0, 13));
      if (head.getUint16(9, true) !== number) {
        throw new FormatError(EWF, `it is segment ${head.getUint16(9, true)} where segment ${number} should be`);
      }
      const sections = await readSections(segment);
      const place = sections.find(({ type }) => type === 'volume' || type === 'disk');
      if (place !== undefined) volume ??= await readVolume(segment, place, context);
      found.push(
        ...(await readTables(segment, sections, number, (found.at(-1)?.first ?? 0) + (found.at(-1)?.count ?? 0))),
      );
      const end = sections.at(-1);
      if (end?.type === 'done') break;
      if (end?.type !== 'next') {
        const claimed = Math.max(end?.end ?? 0, segment.sizeBytes + 1);
        const which = number === 1 ? EWF : `segment ${number} of the ${EWF}`;
        cut = cutSentence(which, segment.sizeBytes, claimed);
        break;
      }
      if (number === MAX_SEGMENTS) throw new FormatError(EWF, `more than ${MAX_SEGMENTS} segments`);
      const next = await segmentAfter(number, context);
      segment = next.source;
      layers.push({ format: EWF, name: next.name });
    }
    if (volume === undefined) throw new FormatError(EWF, 'it does not tell its size');
    const last = found.at(-1);
    const chunks = last === undefined ? 0 : last.first + last.count;
    if (chunks < Math.ceil(volume.sizeBytes / volume.chunkBytes)) {
      const numbers = `${chunks.toLocaleString('en')} of its ${volume.chunks.toLocaleString('en')} chunks`;
      if (cut === undefined) throw new FormatError(EWF, `it has ${numbers}`);
      if (chunks === 0) throw new FormatError(EWF, `${cut}: the table of its chunks, which is behind them, is missing`);
      cut += `: it has ${numbers}`;
    }
    return { content: chunkMap(volume, found), layers, ...(cut !== undefined && { cut }) };
  },
};

/** Of EnCase and its like the names end in E02, of SMART in s02; some tools write small letters. */
async function segmentAfter(number: number, { sibling }: FormatContext) {
  const suffix = segmentSuffix(number + 1);
  const names = [suffix, suffix.toLowerCase(), suffix.replace('E', 's'), suffix.replace('E', 'S')];
  let missing: unknown;
  for (const name of names.map((ending) => `*.${ending}`)) {
    try {
      return { name, source: await sibling(EWF, name) };
    } catch (cause) {
      if (!(cause instanceof FormatError && cause.code === 'ENODATA')) throw cause;
      missing ??= cause;
    }
  }
  throw missing;
}

/** The long form of EnCase, or the short one of SMART. */
async function readVolume(source: ByteSource, { dataAt }: Section, context: FormatContext): Promise<Volume> {
  const view = viewOf(await readBytes(EWF, source, dataAt, 24));
  const [chunks, chunkSectors, sectorBytes] = [4, 8, 12].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  const sectors = little64(view, 16);
  const chunkBytes = chunkSectors * sectorBytes;
  const sizeBytes = sectors * sectorBytes;
  if (chunkBytes === 0) throw new FormatError(EWF, 'chunks of no bytes');
  context.mustFit(EWF, 'chunks', chunkBytes);
  if (!Number.isSafeInteger(sizeBytes)) throw new FormatError(EWF, `a disk of ${sectors} sectors`);
  return { chunks, chunkBytes, sizeBytes, inflate: context.chunks.inflateZlib };
}

async function readTables(
  source: ByteSource,
  sections: readonly Section[],
  number: number,
  chunksBefore: number,
): Promise<Table[]> {
  const found: Table[] = [];
  let first = chunksBefore;
  let dataEnd = 0;
  for (const section of sections) {
    if (section.type === 'sectors') dataEnd = section.end;
    if (section.type !== 'table' || section.dataAt + TABLE_HEADER_BYTES > source.sizeBytes) continue;
    const header = await readBytes(EWF, source, section.dataAt, TABLE_HEADER_BYTES);
    const view = viewOf(header);
    const count = view.getUint32(0, true);
    const entriesAt = section.dataAt + TABLE_HEADER_BYTES;
    if (view.getUint32(20, true) !== adler32(header.subarray(0, 20)) || entriesAt + 4 * count > section.end) {
      throw new FormatError(EWF, 'a table is damaged');
    }
    // The oldest files have the data in the table's own section.
    const end = dataEnd > 0 ? dataEnd : section.end;
    if (count > 0) found.push({ first, count, source, number, entriesAt, baseAt: little64(view, 8), dataEnd: end });
    first += count;
  }
  return found;
}

function chunkMap({ chunkBytes, sizeBytes, inflate }: Volume, found: readonly Table[]): ByteSource {
  const starts = found.map(({ first }) => first);
  const looks = new Map(found.map(({ number, source }) => [number, tables(EWF, source)]));
  return mapped({
    name: EWF,
    sizeBytes,
    find(offset) {
      const chunk = Math.floor(offset / chunkBytes);
      const within = offset % chunkBytes;
      const table = found[startsAt(starts, starts.length, chunk)];
      const look = table && looks.get(table.number);
      if (table === undefined || look === undefined || chunk >= table.first + table.count)
        throw new FormatError(EWF, 'a chunk is missing');
      const index = chunk - table.first;
      const isLast = index + 1 === table.count;
      const length = Math.min(chunkBytes, sizeBytes - chunk * chunkBytes);
      return after(look.view(table.entriesAt + 4 * index, isLast ? 4 : 8), (entries): Piece => {
        const entry = entries.getUint32(0, true);
        const at = table.baseAt + (entry & ~COMPRESSED);
        const end = isLast ? table.dataEnd : table.baseAt + (entries.getUint32(4, true) & ~COMPRESSED);
        const packed = (entry & COMPRESSED) !== 0;
        if (end <= at || end - at > 2 * chunkBytes + 1024) throw new FormatError(EWF, 'its tables are damaged');
        return {
          kind: 'packed',
          key: chunk,
          bytes: length - within,
          from: within,
          unpack: async () => {
            // Data that is not compressed ends in a checksum, and only that tells how long the last is.
            const bytes = await readBytes(EWF, table.source, at, packed ? end - at : length + 4);
            return packed ? unpackChunk(EWF, inflate, bytes, chunkBytes, length) : checked(bytes, length);
          },
        };
      });
    },
  });
}

function checked(bytes: Uint8Array, length: number): Uint8Array {
  const data = bytes.subarray(0, length);
  if (viewOf(bytes).getUint32(length, true) !== adler32(data)) {
    throw new FormatError(EWF, 'the checksum of a chunk is wrong');
  }
  return data;
}
