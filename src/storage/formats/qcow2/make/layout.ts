/** The tables of a new qcow2 (version 3), of which clusters of the disk are in it; after QEMU's docs/interop/qcow2.txt. */

import { FormatError } from '../../../errors.ts';
import { MAGIC, QCOW2 } from '../header.ts';

/** QEMU's default. */
const CLUSTER_BITS = 16;
export const CLUSTER = 2 ** CLUSTER_BITS;

/** Entries of a table of the second level, and counts (16 bits each) of one block of them. */
const L2_ENTRIES = CLUSTER / 8;
const COUNTS = CLUSTER / 2;
const HEADER_BYTES = 104;
const COPIED = 1n << 63n;
/** QCOW_MAX_L1_SIZE is 32 MiB. */
const MAX_L1_ENTRIES = 2 ** 22;
/** log2 of the bits of a count. */
const REFCOUNT_ORDER = 4;

/** Which clusters of a disk are in the file, with memory for the parts of the disk that have any. */
export class ClusterSet {
  readonly sizeBytes: number;
  readonly #parts = new Map<number, Uint8Array>();
  #count = 0;

  /** Throws a FormatError for a disk that no qcow2 of such clusters can have. */
  constructor(sizeBytes: number) {
    if (Math.ceil(sizeBytes / CLUSTER / L2_ENTRIES) > MAX_L1_ENTRIES)
      throw new FormatError(QCOW2, `a disk of ${sizeBytes} bytes is larger than it can be`, { code: 'EOPNOTSUPP' });
    this.sizeBytes = sizeBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** All that `bytes` from `at` on touch; `at` is where a cluster begins. They are added in their order, each once. */
  add(at: number, bytes: number): void {
    for (let cluster = at / CLUSTER; cluster * CLUSTER < at + bytes; cluster += 1) {
      const number = Math.floor(cluster / L2_ENTRIES);
      const part = this.#parts.get(number) ?? new Uint8Array(L2_ENTRIES);
      this.#parts.set(number, part);
      part[cluster % L2_ENTRIES] = 1;
      this.#count += 1;
    }
  }

  /** Numbers of the tables of the second level that there are. */
  tables(): readonly number[] {
    return [...this.#parts.keys()].sort((a, b) => a - b);
  }

  /** By cluster of the table, whether it is there. */
  of(table: number): Uint8Array {
    return this.#parts.get(table) ?? new Uint8Array(L2_ENTRIES);
  }
}

/** Where everything is: tables together and data together, one right after the header and the other behind it. */
export interface Layout {
  readonly tablesAt: number;
  readonly dataAt: number;
  readonly fileBytes: number;
  readonly header: Uint8Array;
  /** What lies from `tablesAt` on, cluster by cluster. */
  tables(): Generator<Uint8Array>;
}

/** Data are in the order of the disk. `first` is what follows on the header. */
export function layoutOf(set: ClusterSet, first: 'tables' | 'data'): Layout {
  const l2 = set.tables();
  const l1Entries = Math.max(1, Math.ceil(set.sizeBytes / CLUSTER / L2_ENTRIES));
  const l1Clusters = Math.ceil((8 * l1Entries) / CLUSTER);
  const others = 1 + l1Clusters + l2.length + set.count;
  const { blocks, tableClusters } = countsFor(others);
  const tableBytes = (l1Clusters + l2.length + tableClusters + blocks) * CLUSTER;
  const tablesAt = first === 'tables' ? CLUSTER : CLUSTER + set.count * CLUSTER;
  const dataAt = first === 'tables' ? CLUSTER + tableBytes : CLUSTER;
  const l2At = tablesAt + l1Clusters * CLUSTER;
  const refcountsAt = l2At + l2.length * CLUSTER;
  const blocksAt = refcountsAt + tableClusters * CLUSTER;
  const clusters = others + tableClusters + blocks;

  function* tables(): Generator<Uint8Array> {
    yield* words(l1Clusters, l2.entries(), ([i, table]) => [table, BigInt(l2At + i * CLUSTER) | COPIED]);
    let next = dataAt;
    for (const table of l2) {
      const view = new DataView(new ArrayBuffer(CLUSTER));
      for (const [i, isThere] of set.of(table).entries()) {
        if (!isThere) continue;
        view.setBigUint64(8 * i, BigInt(next) | COPIED);
        next += CLUSTER;
      }
      yield new Uint8Array(view.buffer);
    }
    const numbers = Array.from({ length: blocks }, (_, i) => i);
    yield* words(tableClusters, numbers, (i) => [i, BigInt(blocksAt + i * CLUSTER)]);
    for (const block of numbers) {
      const view = new DataView(new ArrayBuffer(CLUSTER));
      for (let i = 0; i < Math.min(COUNTS, clusters - block * COUNTS); i += 1) view.setUint16(2 * i, 1);
      yield new Uint8Array(view.buffer);
    }
  }

  const header = headerOf({ sizeBytes: set.sizeBytes, l1Entries, l1At: tablesAt, refcountsAt, tableClusters });
  return { tablesAt, dataAt, fileBytes: clusters * CLUSTER, header, tables };
}

/** Blocks of counts for `others` clusters, for themselves, and for the table that says where they are. */
function countsFor(others: number): { readonly blocks: number; readonly tableClusters: number } {
  for (let blocks = 1; ; ) {
    const tableClusters = Math.ceil((8 * blocks) / CLUSTER);
    const needed = Math.ceil((others + blocks + tableClusters) / COUNTS);
    if (needed <= blocks) return { blocks, tableClusters };
    blocks = needed;
  }
}

/** Clusters of 64-bit words, of which those that `place` tells of are not 0; they come in their order. */
function* words<T>(clusters: number, items: Iterable<T>, place: (item: T) => readonly [number, bigint]) {
  const view = new DataView(new ArrayBuffer(clusters * CLUSTER));
  for (const item of items) {
    const [index, word] = place(item);
    view.setBigUint64(8 * index, word);
  }
  for (let at = 0; at < view.byteLength; at += CLUSTER) yield new Uint8Array(view.buffer, at, CLUSTER);
}

function headerOf(places: {
  readonly sizeBytes: number;
  readonly l1Entries: number;
  readonly l1At: number;
  readonly refcountsAt: number;
  readonly tableClusters: number;
}): Uint8Array {
  const view = new DataView(new ArrayBuffer(CLUSTER));
  view.setUint32(0, MAGIC);
  view.setUint32(4, 3);
  view.setUint32(20, CLUSTER_BITS);
  // Disks have whole sectors.
  view.setBigUint64(24, BigInt(Math.ceil(places.sizeBytes / 512) * 512));
  view.setUint32(36, places.l1Entries);
  view.setBigUint64(40, BigInt(places.l1At));
  view.setBigUint64(48, BigInt(places.refcountsAt));
  view.setUint32(56, places.tableClusters);
  view.setUint32(96, REFCOUNT_ORDER);
  view.setUint32(100, HEADER_BYTES);
  return new Uint8Array(view.buffer);
}
