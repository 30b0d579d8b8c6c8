/** How far a qcow2's file goes by what it counts and refers to, so that one that was cut short is known at once. */

import type { ByteSource } from '../../byte-source.ts';
import { tableReach } from '../parts/cut.ts';
import { big64, readBytes, viewOf } from '../parts/table.ts';
import { type Active, entryBytesOf, type Header, QCOW2, SUBCLUSTERS } from './header.ts';

const OFFSET_HIGH = 0x00ffffff;
const OFFSET_LOW = 0xfffffe00;
const COMPRESSED = 0x40000000;
const MAX_TABLE_BYTES = 2 ** 20;
/** What is looked through to tell what is missing from what was counted and never used. */
const MAX_LOOK_BYTES = 16 * 2 ** 20;

interface L2 {
  readonly at: number;
  /** In the first table. */
  readonly index: number;
}

const offsetAt = (view: DataView, at: number): number =>
  (view.getUint32(at) & OFFSET_HIGH) * 2 ** 32 + ((view.getUint32(at + 4) & OFFSET_LOW) >>> 0);

/** Bytes of the file that its tables tell of; no more than there are where nothing of the disk is missing. */
export async function qcow2Reach(source: ByteSource, header: Header, active: Active): Promise<number> {
  const tables: L2[] = [];
  const first = { at: active.l1Offset, entries: active.l1Entries, entryBytes: 8 };
  const byTables = await tableReach(source, first, (view, within, index) => {
    const at = offsetAt(view, within);
    if (at === 0) return 0;
    tables.push({ at, index });
    return at + 8;
  });
  const counted = await countedReach(source, header);
  if (byTables > source.sizeBytes) return Math.max(byTables, counted);
  if (counted <= source.sizeBytes) return source.sizeBytes;
  // Whoever was killed leaves clusters that are counted and not used.
  return (await refersBehind(source, header, active, tables)) ? counted : source.sizeBytes;
}

/** Where the last cluster ends that has a count. */
async function countedReach(source: ByteSource, { refcounts, clusterBits }: Header): Promise<number> {
  const clusterBytes = 2 ** clusterBits;
  const tableBytes = Math.min(refcounts.clusters * clusterBytes, MAX_TABLE_BYTES);
  if (refcounts.offset + tableBytes > source.sizeBytes) return refcounts.offset + tableBytes;
  const table = viewOf(await readBytes(QCOW2, source, refcounts.offset, tableBytes));
  const countsEach = (clusterBytes * 8) / refcounts.bits;
  for (let index = tableBytes / 8 - 1; index >= 0; index -= 1) {
    const at = big64(table, 8 * index);
    if (at === 0) continue;
    if (at + clusterBytes > source.sizeBytes) return Number.isSafeInteger(at) ? at + clusterBytes : 0;
    const counts = await readBytes(QCOW2, source, at, clusterBytes);
    const last = counts.findLastIndex((byte) => byte !== 0);
    if (last < 0) continue;
    return (index * countsEach + Math.floor((last * 8) / refcounts.bits) + 1) * clusterBytes;
  }
  return 0;
}

/** Bytes up to where the last subcluster ends that has data (bits 0 to 31 of an extended entry's second word): QEMU makes its file no longer. */
const usedOf = (allocated: number, clusterBytes: number): number =>
  (32 - Math.clz32(allocated)) * (clusterBytes / SUBCLUSTERS);

/** Whether one of the second tables leads to where nothing is; true also where there are too many of them to look. */
async function refersBehind(source: ByteSource, header: Header, active: Active, tables: readonly L2[]) {
  const { clusterBits, extendedL2, dataFile } = header;
  const clusterBytes = 2 ** clusterBits;
  if (tables.length * clusterBytes > MAX_LOOK_BYTES) return true;
  const entryBytes = entryBytesOf(header);
  for (const { at, index } of tables) {
    if (at + clusterBytes > source.sizeBytes) return true;
    // Places of data that lie in a file of their own are no places of this one.
    if (dataFile !== undefined) continue;
    const view = viewOf(await readBytes(QCOW2, source, at, clusterBytes));
    const start = index * (clusterBytes / entryBytes) * clusterBytes;
    for (let within = 0; within < clusterBytes; within += entryBytes) {
      const high = view.getUint32(within);
      const isCompressed = (high & COMPRESSED) !== 0;
      const place = isCompressed
        ? (high & (2 ** (38 - clusterBits) - 1)) * 2 ** 32 + view.getUint32(within + 4)
        : offsetAt(view, within);
      // The last cluster need not be longer than the disk; how long what is compressed is it alone tells.
      const rest = active.sizeBytes - start - (within / entryBytes) * clusterBytes;
      const used = extendedL2 ? usedOf(view.getUint32(within + 12), clusterBytes) : clusterBytes;
      const bytes = isCompressed ? 1 : Math.min(used, rest);
      if (place !== 0 && place + bytes > source.sizeBytes) return true;
    }
  }
  return false;
}
