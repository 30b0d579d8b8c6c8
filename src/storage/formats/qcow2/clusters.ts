/** Finds the clusters of a qcow2 disk through its two levels of tables. */

import type { MaybePromise } from '../../block-device.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { type ChunkDecoders, unpackChunk } from '../parts/block-decoders.ts';
import { beneath, type Mapping, type Piece, zeros } from '../parts/mapped.ts';
import { places } from '../parts/places.ts';
import { after, readBytes, type Tables, tables } from '../parts/table.ts';
import { type Active, entryBytesOf, type Header, QCOW2, SUBCLUSTERS } from './header.ts';

/** Bits 9 to 55, as the parts of a big-endian word above and below 2^32. */
const OFFSET_HIGH = 0x00ffffff;
const OFFSET_LOW = 0xfffffe00;
const COPIED = 0x80000000;
const COMPRESSED = 0x40000000;
const ZERO = 1;

export interface Files {
  /** What the tables are in. */
  readonly source: ByteSource;
  /** What the clusters are in, where that is another. */
  readonly data: ByteSource | undefined;
  readonly backing: ByteSource | undefined;
  readonly chunks: ChunkDecoders;
}

/** `table`: a look at the tables in `source`. Default: as they are in the file. */
export function clusterMap(
  header: Header,
  active: Active,
  { source, data, backing, chunks }: Files,
  table: Tables = tables(QCOW2, source),
): Mapping {
  const { clusterBits, extendedL2 } = header;
  const clusterBytes = 2 ** clusterBits;
  const entryBytes = entryBytesOf(header);
  const l2Entries = clusterBytes / entryBytes;
  const decode = header.compression === 'zstd' ? chunks.unzstd : chunks.inflateRaw;

  const tablesAt = places(QCOW2, [
    { at: active.l1Offset, bytes: 8 * active.l1Entries },
    { at: header.refcounts.offset, bytes: header.refcounts.clusters * clusterBytes },
  ]);
  const offsetOf = (high: number, low: number): number => {
    const offset = (high & OFFSET_HIGH) * 2 ** 32 + ((low & OFFSET_LOW) >>> 0);
    if (offset % clusterBytes !== 0) throw new FormatError(QCOW2, 'a table points between clusters: it is damaged');
    return offset;
  };

  const placeOf = (high: number, low: number): number => {
    const offset = offsetOf(high, low);
    if (data === undefined) tablesAt.check(offset, 1);
    return offset;
  };

  /** Bits 0 to x are where the data begins, the rest up to bit 61 how many sectors of 512 bytes it touches besides the first. */
  const compressed = (high: number, low: number, within: number): Piece => {
    const sectorBits = clusterBits - 8;
    const offsetHighBits = 30 - sectorBits;
    const at = (high & (2 ** offsetHighBits - 1)) * 2 ** 32 + low;
    const sectors = ((high & 0x3fffffff) >>> offsetHighBits) + 1;
    const most = sectors * 512 - (at % 512);
    const bytes = at < source.sizeBytes ? Math.min(most, source.sizeBytes - at) : most;
    return {
      kind: 'packed',
      key: at,
      bytes: clusterBytes - within,
      from: within,
      unpack: async () => unpackChunk(QCOW2, decode, await readBytes(QCOW2, source, at, bytes), clusterBytes),
    };
  };

  const subcluster = (entry: DataView, offset: number, within: number): Piece => {
    const [high, low] = [entry.getUint32(0), entry.getUint32(4)];
    const [zero, allocated] = [entry.getUint32(8), entry.getUint32(12)];
    const subBytes = clusterBytes / SUBCLUSTERS;
    const number = Math.floor(within / subBytes);
    const bytes = subBytes - (within % subBytes);
    const [isZero, isAllocated] = [(zero >>> number) & 1, (allocated >>> number) & 1];
    if (isZero && isAllocated) throw new FormatError(QCOW2, 'a subcluster is both data and zeros: it is damaged');
    if (isZero) return zeros(bytes);
    if (!isAllocated) return beneath(backing, offset, bytes);
    return { kind: 'bytes', bytes, source: data ?? source, at: placeOf(high, low) + within };
  };

  const cluster = (entry: DataView, offset: number): Piece => {
    const [high, low] = [entry.getUint32(0), entry.getUint32(4)];
    const within = offset % clusterBytes;
    const bytes = clusterBytes - within;
    if ((high & COMPRESSED) !== 0) {
      if (data) throw new FormatError(QCOW2, 'a compressed cluster in a data file of its own: it is damaged');
      return compressed(high, low, within);
    }
    if (extendedL2) return subcluster(entry, offset, within);
    if (header.version >= 3 && (low & ZERO) !== 0) return zeros(bytes);
    const at = placeOf(high, low);
    // A data file of its own begins with data.
    const allocated = at !== 0 || (data !== undefined && (high & COPIED) !== 0);
    return allocated
      ? { kind: 'bytes', bytes, source: data ?? source, at: at + within }
      : beneath(backing, offset, bytes);
  };

  return {
    name: QCOW2,
    sizeBytes: active.sizeBytes,
    find(offset): MaybePromise<Piece> {
      const number = Math.floor(offset / clusterBytes);
      const l1Index = Math.floor(number / l2Entries);
      return after(table.view(active.l1Offset + 8 * l1Index, 8), (l1) => {
        const l2Offset = offsetOf(l1.getUint32(0), l1.getUint32(4));
        if (l2Offset === 0) {
          const tableEnd = (l1Index + 1) * l2Entries * clusterBytes;
          return beneath(backing, offset, tableEnd - offset);
        }
        const entryAt = l2Offset + entryBytes * (number % l2Entries);
        return after(table.view(entryAt, entryBytes), (entry) => cluster(entry, offset));
      });
    },
  };
}
