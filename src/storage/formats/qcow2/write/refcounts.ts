/** How often each cluster of a qcow2 is referred to: which are free, and which are shared with snapshots. */

import type { ByteSource } from '../../../byte-source.ts';
import { FormatError, StorageError } from '../../../errors.ts';
import { big64, readBytes, viewOf } from '../../parts/table.ts';
import { type Header, QCOW2 } from '../header.ts';
import type { ClusterCache } from './cluster-cache.ts';

/** QEMU's limit, QCOW_MAX_REFTABLE_SIZE. */
const MAX_TABLE_BYTES = 8 * 2 ** 20;
/** Offsets of 56 bits, of which we count 53. */
const MAX_FILE_BYTES = 2 ** 53 - 1;

export class Refcounts {
  readonly #source: ByteSource;
  readonly #cache: ClusterCache;
  readonly #clusterBytes: number;
  readonly #bits: number;
  /** Where the counts of so many clusters each are; 0: none of them is used. */
  #blocks: number[];
  #table: { offset: number; clusters: number };
  /** The table lies elsewhere now, and the header has to say so. */
  #moved = false;
  readonly #changedEntries = new Set<number>();
  /** Below it no cluster is free. */
  #cursor = 0;

  private constructor(source: ByteSource, cache: ClusterCache, header: Header, blocks: number[]) {
    this.#source = source;
    this.#cache = cache;
    this.#clusterBytes = 2 ** header.clusterBits;
    this.#bits = header.refcounts.bits;
    this.#table = { offset: header.refcounts.offset, clusters: header.refcounts.clusters };
    this.#blocks = blocks;
  }

  static async open(source: ByteSource, cache: ClusterCache, header: Header): Promise<Refcounts> {
    const { offset, clusters } = header.refcounts;
    const clusterBytes = 2 ** header.clusterBits;
    const bytes = clusters * clusterBytes;
    if (bytes === 0 || bytes > MAX_TABLE_BYTES || offset % clusterBytes !== 0 || offset === 0)
      throw new FormatError(QCOW2, 'its table of reference counts is damaged');
    const there = Math.max(0, Math.min(bytes, source.sizeBytes - offset));
    const table = viewOf(await readBytes(QCOW2, source, offset, there - (there % 8)));
    const blocks = Array.from({ length: bytes / 8 }, (_, i) => (8 * i < table.byteLength ? big64(table, 8 * i) : 0));
    for (const block of blocks)
      if (block % clusterBytes !== 0 || (block !== 0 && block >= source.sizeBytes))
        throw new FormatError(QCOW2, 'its table of reference counts is damaged');
    return new Refcounts(source, cache, header, blocks);
  }

  get #perBlock(): number {
    return (this.#clusterBytes * 8) / this.#bits;
  }

  /** Of the cluster at this offset. */
  async of(offset: number): Promise<number> {
    const cluster = Math.floor(offset / this.#clusterBytes);
    const block = this.#blocks[Math.floor(cluster / this.#perBlock)] ?? 0;
    return block === 0 ? 0 : this.#read(await this.#cache.at(block), cluster % this.#perBlock);
  }

  /** One reference less to the cluster at this offset; answers how many are left. */
  async drop(offset: number): Promise<number> {
    const cluster = Math.floor(offset / this.#clusterBytes);
    const before = await this.of(offset);
    if (before === 0)
      throw new FormatError(QCOW2, 'its reference counts are wrong: `qemu-img check -r all` mends them');
    await this.#set(cluster, before - 1);
    if (before === 1) this.#cursor = Math.min(this.#cursor, cluster);
    return before - 1;
  }

  /** A cluster that nothing refers to, with one reference from now on. Rejects with ENOSPC where the file cannot grow. */
  async allocate(): Promise<number> {
    for (;;) {
      const cluster = this.#cursor;
      const index = Math.floor(cluster / this.#perBlock);
      if (index >= this.#blocks.length) await this.#growTable();
      else if (this.#blocks[index] === 0) {
        // A block counts itself.
        await this.#reserve(cluster);
        this.#setBlock(index, cluster * this.#clusterBytes);
        this.#cache.fresh(cluster * this.#clusterBytes);
        await this.#set(cluster, 1);
        this.#cursor = cluster + 1;
      } else {
        this.#cursor = cluster + 1;
        if ((await this.of(cluster * this.#clusterBytes)) !== 0) continue;
        await this.#reserve(cluster);
        await this.#set(cluster, 1);
        return cluster * this.#clusterBytes;
      }
    }
  }

  /** Blocks and the table, so that counts are never below what refers to a cluster. Answers the table's place if it is new. */
  async write(): Promise<{ readonly offset: number; readonly clusters: number } | undefined> {
    const blocks = new Set(this.#blocks);
    await this.#cache.write((offset) => blocks.has(offset));
    if (this.#changedEntries.size > 0) {
      const [from, to] = [Math.min(...this.#changedEntries), Math.max(...this.#changedEntries) + 1];
      const entries = new DataView(new ArrayBuffer(8 * (to - from)));
      for (let i = from; i < to; i += 1) entries.setBigUint64(8 * (i - from), BigInt(this.#blocks[i] ?? 0));
      await this.#source.write?.(this.#table.offset + 8 * from, new Uint8Array(entries.buffer));
    }
    this.#changedEntries.clear();
    const moved = this.#moved;
    this.#moved = false;
    return moved ? this.#table : undefined;
  }

  /** Behind all clusters that it covers: blocks for what is new, and the longer table. The old one is given up when nothing names it. */
  async #growTable(): Promise<void> {
    const first = this.#blocks.length * this.#perBlock;
    const entriesOf = (clusters: number) => (clusters * this.#clusterBytes) / 8;
    const clusters = this.#table.clusters + Math.max(1, Math.ceil(this.#table.clusters / 2));
    if (clusters * this.#clusterBytes > MAX_TABLE_BYTES)
      throw new StorageError('ENOSPC', 'the qcow2 has as many clusters as it can count');
    let blocks = 1;
    while (blocks * this.#perBlock < blocks + clusters) blocks += 1;
    const tableAt = (first + blocks) * this.#clusterBytes;
    await this.#reserve(first + blocks + clusters - 1);
    const old = this.#table;
    this.#blocks = [...this.#blocks, ...Array<number>(entriesOf(clusters) - this.#blocks.length).fill(0)];
    this.#table = { offset: tableAt, clusters };
    this.#moved = true;
    for (let i = 0; i < blocks; i += 1) {
      const at = (first + i) * this.#clusterBytes;
      this.#blocks[Math.floor(first / this.#perBlock) + i] = at;
      this.#cache.fresh(at);
    }
    for (let i = 0; i < blocks + clusters; i += 1) await this.#set(first + i, 1);
    this.#changedEntries.add(0).add(this.#blocks.length - 1); // and so all between
    this.#cursor = first + blocks + clusters;
    for (let i = 0; i < old.clusters; i += 1) this.givenUp.push(old.offset + i * this.#clusterBytes);
  }

  /** Clusters that nothing will refer to once what has changed is written. */
  readonly givenUp: number[] = [];

  #setBlock(index: number, offset: number): void {
    this.#blocks[index] = offset;
    this.#changedEntries.add(index);
  }

  /** The file is long enough for a cluster. */
  async #reserve(cluster: number): Promise<void> {
    const end = (cluster + 1) * this.#clusterBytes;
    if (end <= this.#source.sizeBytes) return;
    if (!this.#source.grow || end > MAX_FILE_BYTES)
      throw new StorageError('ENOSPC', 'the qcow2 cannot become longer here');
    await this.#source.grow(end);
  }

  #read(data: DataView, index: number): number {
    const bits = this.#bits;
    if (bits < 8) return ((data.getUint8((index * bits) >> 3) >> ((index * bits) & 7)) & (2 ** bits - 1)) >>> 0;
    if (bits === 8) return data.getUint8(index);
    if (bits === 16) return data.getUint16(2 * index);
    return bits === 32 ? data.getUint32(4 * index) : big64(data, 8 * index);
  }

  async #set(cluster: number, count: number): Promise<void> {
    const block = this.#blocks[Math.floor(cluster / this.#perBlock)] ?? 0;
    const index = cluster % this.#perBlock;
    const bits = this.#bits;
    const at = Math.floor((index * bits) / 8);
    await this.#cache.change(block, at, Math.max(1, bits / 8), (data) => {
      if (bits < 8) {
        const shift = (index * bits) & 7;
        const others = data.getUint8(at) & ~((2 ** bits - 1) << shift);
        data.setUint8(at, others | (count << shift));
      } else if (bits === 8) data.setUint8(at, count);
      else if (bits === 16) data.setUint16(at, count);
      else if (bits === 32) data.setUint32(at, count);
      else data.setBigUint64(at, BigInt(count));
    });
  }
}
