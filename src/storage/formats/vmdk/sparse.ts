/** A sparse extent of a VMDK: two levels of tables, then grains, which may be compressed. */

import type { ByteSource } from '../../byte-source.ts';
import { BehindEndError, FormatError } from '../../errors.ts';
import type { FormatContext } from '../format.ts';
import { type ChunkDecoder, unpackChunk } from '../parts/block-decoders.ts';
import { tableReach } from '../parts/cut.ts';
import { beneath, mapped, type Piece, zeros } from '../parts/mapped.ts';
import { type Places, places } from '../parts/places.ts';
import { after, little64, readBytes, tables, viewOf } from '../parts/table.ts';
import { SECTOR, VMDK } from './descriptor.ts';

export const HOSTED_MAGIC = 'KDMV';
export const ESX_MAGIC = 'COWD';
const HEADER_BYTES = 512;
/** A stream ends with a marker, a header with the place of its tables, and a marker of its end. */
const FOOTER_BYTES = 1024;
/** A stream's header says so: its tables' place is told by the footer. */
const AT_END = 0xffffffff;

/** Flags. */
const REDUNDANT = 1 << 1;
const ZEROED_GRAINS = 1 << 2;
const COMPRESSED = 1 << 16;
/** In place of a grain's sector. */
const ZEROED = 1;
/** Entries that tell how far a file goes: 16 GiB in grains of 64 KiB. */
const MAX_LOOKED_AT = 2 ** 18;
const MAX_GRAIN_SECTORS = 2 ** 16;
/** Before a compressed grain: the sector of the disk, and the length. */
const MARKER_BYTES = 12;

export interface SparseHeader {
  readonly sectors: number;
  readonly grainSectors: number;
  readonly tableEntries: number;
  readonly directoryAt: number;
  /** Of its copy; 0: there is none. */
  readonly copyAt: number;
  readonly zeroedGrains: boolean;
  readonly compressed: boolean;
  /** Where grains may begin. */
  readonly grainsAt: number;
  /** A stream whose tables were behind where it ends. */
  readonly lacksTables: boolean;
  readonly descriptor: { readonly at: number; readonly bytes: number };
}

/** With what undoes its compressed grains. */
export interface SparseFile extends SparseHeader {
  readonly inflate: ChunkDecoder;
}

const magicOf = (header: Uint8Array) => String.fromCharCode(...header.subarray(0, 4));

/** Where its grains are compressed each has to be in memory at once. */
export async function readSparseHeader(source: ByteSource, context: FormatContext): Promise<SparseFile> {
  const header = await sparseHeader(source);
  if (header.compressed) context.mustFit(VMDK, 'grains', header.grainSectors * SECTOR);
  return { ...header, inflate: context.chunks.inflateZlib };
}

async function sparseHeader(source: ByteSource): Promise<SparseHeader> {
  const bytes = await readBytes(VMDK, source, 0, HEADER_BYTES);
  if (magicOf(bytes) === ESX_MAGIC) return checked(esxHeader(viewOf(bytes)));
  if (magicOf(bytes) !== HOSTED_MAGIC) throw new FormatError(VMDK, 'an extent does not begin as one');
  const first = viewOf(bytes);
  const version = first.getUint32(4, true);
  if (version < 1 || version > 3) {
    throw new FormatError(VMDK, `version ${version} is not read here`, { code: 'EOPNOTSUPP' });
  }
  // "\n \r\n": bytes that a transfer as text would have changed.
  if (first.getUint32(73, true) !== 0x0a0d200a) throw new FormatError(VMDK, 'it was transferred as text');
  const atEnd = first.getUint32(56, true) === AT_END && first.getUint32(60, true) === AT_END;
  if (!atEnd) return checked(hostedHeader(first));
  const footer = await footerOf(source);
  return checked(footer === undefined ? { ...hostedHeader(first), lacksTables: true } : hostedHeader(footer));
}

/** Undefined: the stream lost its end. */
async function footerOf(source: ByteSource): Promise<DataView | undefined> {
  if (source.sizeBytes < FOOTER_BYTES) return undefined;
  const footer = await readBytes(VMDK, source, source.sizeBytes - FOOTER_BYTES, HEADER_BYTES).catch((cause) => {
    if (cause instanceof BehindEndError) return new Uint8Array(HEADER_BYTES);
    throw cause;
  });
  return magicOf(footer) === HOSTED_MAGIC ? viewOf(footer) : undefined;
}

function hostedHeader(head: DataView): SparseHeader {
  const flags = head.getUint32(8, true);
  const compressed = (flags & COMPRESSED) !== 0;
  const method = head.getUint16(77, true);
  if (compressed && method !== 1) {
    throw new FormatError(VMDK, `compression of type ${method} is not read here`, { code: 'EOPNOTSUPP' });
  }
  return {
    sectors: little64(head, 12),
    grainSectors: little64(head, 20),
    tableEntries: head.getUint32(44, true),
    directoryAt: little64(head, 56) * SECTOR,
    copyAt: (flags & REDUNDANT) === 0 ? 0 : little64(head, 48) * SECTOR,
    zeroedGrains: (flags & ZEROED_GRAINS) !== 0,
    compressed,
    grainsAt: little64(head, 64) * SECTOR,
    lacksTables: false,
    descriptor: { at: little64(head, 28) * SECTOR, bytes: little64(head, 36) * SECTOR },
  };
}

/** COWD, the copy-on-write format of ESX. */
const ESX_TABLE_ENTRIES = 4096;

const esxHeader = (head: DataView): SparseHeader => ({
  sectors: head.getUint32(12, true),
  grainSectors: head.getUint32(16, true),
  tableEntries: ESX_TABLE_ENTRIES,
  directoryAt: head.getUint32(20, true) * SECTOR,
  copyAt: 0,
  zeroedGrains: false,
  compressed: false,
  grainsAt: 0,
  lacksTables: false,
  descriptor: { at: 0, bytes: 0 },
});

function checked(header: SparseHeader): SparseHeader {
  const { sectors, grainSectors, tableEntries } = header;
  if (!Number.isSafeInteger(sectors * SECTOR)) throw new FormatError(VMDK, `a disk of ${sectors} sectors`);
  if (grainSectors < 1 || grainSectors > MAX_GRAIN_SECTORS)
    throw new FormatError(VMDK, `grains of ${grainSectors} sectors`);
  if (tableEntries < 1 || tableEntries > 2 ** 20) throw new FormatError(VMDK, `tables of ${tableEntries} entries`);
  return header;
}

/** What is at `offset` of the disk, whose grain is at `at` of the file. */
export function compressedGrain(
  source: ByteSource,
  { sectors, grainSectors, inflate }: SparseFile,
  at: number,
  offset: number,
): Piece {
  const grainBytes = grainSectors * SECTOR;
  const within = offset % grainBytes;
  return {
    kind: 'packed',
    key: at,
    bytes: grainBytes - within,
    from: within,
    unpack: async () => {
      const marker = viewOf(await readBytes(VMDK, source, at, MARKER_BYTES));
      const bytes = marker.getUint32(8, true);
      if (little64(marker, 0) * SECTOR !== offset - within || bytes > 2 * grainBytes + SECTOR) {
        throw new FormatError(VMDK, 'a compressed grain is not where the tables have it');
      }
      const packed = await readBytes(VMDK, source, at + MARKER_BYTES, bytes);
      // The last one need not be longer than the disk.
      const least = Math.min(grainBytes, sectors * SECTOR - (offset - within));
      return unpackChunk(VMDK, inflate, packed, grainBytes, least);
    },
  };
}

/** What no grain lies in. Where tables of grains are is told by the directory alone. */
export const grainPlaces = ({ sectors, grainSectors, tableEntries, directoryAt }: SparseHeader): Places =>
  places(VMDK, [
    { at: 0, bytes: HEADER_BYTES },
    { at: directoryAt, bytes: 4 * Math.ceil(sectors / grainSectors / tableEntries) },
  ]);

/** How far the file goes by its tables, with where its grains are for \`sparseExtent\`. */
export async function sparseReach(source: ByteSource, header: SparseHeader, grainsAt: Places): Promise<number> {
  const { sectors, grainSectors, tableEntries, directoryAt, compressed, lacksTables } = header;
  if (lacksTables) return 0;
  const grains = Math.ceil(sectors / grainSectors);
  const found: { readonly at: number; readonly firstGrain: number }[] = [];
  const directory = { at: directoryAt, entries: Math.ceil(grains / tableEntries), entryBytes: 4 };
  let most = await tableReach(source, directory, (view, at, number) => {
    const tableAt = view.getUint32(at, true) * SECTOR;
    if (tableAt === 0) return 0;
    found.push({ at: tableAt, firstGrain: number * tableEntries });
    return tableAt + SECTOR;
  });
  let entries = 0;
  for (const { at, firstGrain } of found) {
    entries += tableEntries;
    if (most > source.sizeBytes || entries > MAX_LOOKED_AT) break;
    const table = { at, entries: Math.min(tableEntries, grains - firstGrain), entryBytes: 4 };
    const reach = await tableReach(source, table, (view, place, number) => {
      const sector = view.getUint32(place, true);
      if (sector <= ZEROED) return 0;
      const rest = (sectors - (firstGrain + number) * grainSectors) * SECTOR;
      const length = Math.min(grainSectors * SECTOR, Math.max(rest, SECTOR));
      return grainsAt.saw(sector * SECTOR, compressed ? MARKER_BYTES : length);
    });
    most = Math.max(most, reach);
  }
  grainsAt.compare();
  return most;
}

/** The extent's bytes; of grains that are not in it, what is `below` at the same place. */
export function sparseExtent(
  source: ByteSource,
  header: SparseFile,
  below: ByteSource | undefined,
  grainsAt: Places,
): ByteSource {
  const { sectors, grainSectors, tableEntries, directoryAt, zeroedGrains, compressed } = header;
  const grainBytes = grainSectors * SECTOR;
  const table = tables(VMDK, source);

  return mapped({
    name: VMDK,
    sizeBytes: sectors * SECTOR,
    find(offset) {
      const grain = Math.floor(offset / grainBytes);
      const within = offset % grainBytes;
      const bytes = grainBytes - within;
      const tableNumber = Math.floor(grain / tableEntries);
      return after(table.view(directoryAt + 4 * tableNumber, 4), (directory) => {
        const tableAt = directory.getUint32(0, true) * SECTOR;
        if (tableAt === 0) return beneath(below, offset, (tableNumber + 1) * tableEntries * grainBytes - offset);
        return after(table.view(tableAt + 4 * (grain % tableEntries), 4), (view) => {
          const sector = view.getUint32(0, true);
          if (sector === 0) return beneath(below, offset, bytes);
          if (sector === ZEROED && zeroedGrains) return zeros(bytes);
          const at = sector * SECTOR;
          grainsAt.check(at, 1);
          return compressed
            ? compressedGrain(source, header, at, offset)
            : { kind: 'bytes', bytes, source, at: at + within };
        });
      });
    },
  });
}
