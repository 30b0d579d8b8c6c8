/** Writes the disk in a qcow2: clusters are allocated, shared and compressed ones are copied, and whatever is killed leaves it consistent. */

import { type ByteSource, checkBytes } from '../../../byte-source.ts';
import { FormatError } from '../../../errors.ts';
import { entryBytesOf, type Header, QCOW2, SUBCLUSTERS } from '../header.ts';
import { ClusterCache } from './cluster-cache.ts';
import { Refcounts } from './refcounts.ts';

/** The highest two bits of an entry. */
const COPIED = 1n << 63n;
const COMPRESSED = 1n << 62n;
const OFFSET = 0x00ff_ffff_ffff_fe00n;
const ZERO = 1n;
/** With extended entries: a word behind each, with a bit for each subcluster that has its data, and 32 bits above one for each of zeros. */
const ALL_ALLOCATED = 0xffff_ffffn;
const ALL_ZEROS = ALL_ALLOCATED << 32n;

/** Tables that have changed and are not written: more than that are written between flushes. */
const CHANGED_BYTES = 16 * 2 ** 20;

const REFCOUNT_TABLE_AT = 48;
const AUTOCLEAR_AT = 88;

interface L2 {
  readonly table: number;
  /** In it. */
  readonly at: number;
  readonly entry: bigint;
  /** Of its subclusters, where there are such. */
  readonly bitmap: bigint;
}

/**
 * Order is all there is to it. Data go to clusters that nothing on the disk refers to yet, or in place where the cluster is the active
 * state's own. A flush writes reference counts, then the tables that refer to them, then takes away what they no longer refer to, each
 * durable before the next: a kill in between leaves clusters that are counted and not used, at most.
 */
export class Qcow2Writer {
  readonly #source: ByteSource;
  readonly #header: Header;
  readonly #cache: ClusterCache;
  readonly #refcounts: Refcounts;
  /** The disk as it is now, by whichever way. */
  readonly #disk: ByteSource;
  readonly #hasBacking: boolean;
  readonly #clusterBytes: number;
  /** What the file had when it was opened: from there on it is zeros until it is written. */
  readonly #openedBytes: number;
  readonly #writtenAgain = new Set<number>();
  #autoclear: boolean;
  /** Calls take turns. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(parts: {
    readonly source: ByteSource;
    readonly header: Header;
    readonly cache: ClusterCache;
    readonly refcounts: Refcounts;
    readonly read: (view: TableView) => ByteSource;
    readonly hasBacking: boolean;
  }) {
    this.#source = parts.source;
    this.#header = parts.header;
    this.#cache = parts.cache;
    this.#refcounts = parts.refcounts;
    this.#hasBacking = parts.hasBacking;
    this.#clusterBytes = 2 ** parts.header.clusterBits;
    this.#openedBytes = parts.source.sizeBytes;
    this.#autoclear = parts.header.autoclear;
    this.#disk = parts.read(async (offset, bytes) => {
      mustBeThere(this.#source, offset, bytes);
      const cluster = offset - (offset % this.#clusterBytes);
      return new DataView((await this.#cache.at(cluster)).buffer, offset - cluster, bytes);
    });
  }

  /** `read` makes the disk of a look at its tables. */
  static async open(
    source: ByteSource,
    header: Header,
    read: (view: TableView) => ByteSource,
    hasBacking: boolean,
  ): Promise<ByteSource> {
    const cache = new ClusterCache(source, 2 ** header.clusterBits);
    const refcounts = await Refcounts.open(source, cache, header);
    return new Qcow2Writer({ source, header, cache, refcounts, read, hasBacking }).#content();
  }

  #content(): ByteSource {
    const { sizeBytes } = this.#header;
    const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
      const result = this.#last.then(work);
      this.#last = result.catch(() => {});
      return result;
    };
    return {
      sizeBytes,
      read: (offset, into) => this.#disk.read(offset, into),
      write: (offset, from) => {
        checkBytes({ sizeBytes }, offset, from.length);
        return inTurn(() => this.#write(offset, from));
      },
      flush: () => inTurn(() => this.#flush()),
      discard: (offset, length) => {
        checkBytes({ sizeBytes }, offset, length);
        return inTurn(() => this.#discard(offset, length));
      },
    };
  }

  async #write(offset: number, from: Uint8Array): Promise<void> {
    for (let done = 0; done < from.length; ) {
      const at = offset + done;
      const within = at % this.#clusterBytes;
      const length = Math.min(this.#clusterBytes - within, from.length - done);
      await this.#writeCluster(at - within, within, from.subarray(done, done + length));
      done += length;
    }
    if (this.#cache.changedBytes > CHANGED_BYTES) await this.#flush();
  }

  async #writeCluster(guest: number, within: number, from: Uint8Array): Promise<void> {
    const place = await this.#ownL2(guest);
    if (this.#header.extendedL2) return this.#writeSubclusters(guest, place, within, from);
    const { table, at, entry } = place;
    const isPlain = (entry & (COMPRESSED | ZERO)) === 0n;
    if (isPlain && (entry & COPIED) !== 0n) {
      await this.#source.write?.(this.#hostOf(entry) + within, from);
      return;
    }
    const isHole = entry === 0n && !this.#hasBacking;
    const isZero = isHole || (entry & (COMPRESSED | ZERO)) === ZERO;
    // A cluster of zeros may have a place of its own.
    const keeps = (entry & COMPRESSED) === 0n && (entry & COPIED) !== 0n && (entry & OFFSET) !== 0n;
    const whole = from.length === this.#clusterBytes ? from : await this.#around(guest, within, from, isZero);
    const host = keeps ? this.#hostOf(entry) : await this.#refcounts.allocate();
    const isFresh = !keeps && host >= this.#openedBytes && !this.#writtenAgain.has(host);
    this.#writtenAgain.add(host);
    if (isFresh && isZero) await this.#source.write?.(host + within, from);
    else await this.#source.write?.(host, whole);
    if (!keeps) this.#giveUp(entry);
    await this.#setEntry(table, at, BigInt(host) | COPIED);
  }

  /** Those that have no data yet get them in the cluster, and the others stay what they are; what is shared or compressed is copied whole. */
  async #writeSubclusters(guest: number, place: L2, within: number, from: Uint8Array): Promise<void> {
    const { table, at, entry, bitmap } = place;
    const isOwn = (entry & COMPRESSED) === 0n && (entry & COPIED) !== 0n && (entry & OFFSET) !== 0n;
    const isCopied = !isOwn && entry !== 0n;
    const bytes = this.#clusterBytes / SUBCLUSTERS;
    const first = isCopied ? 0 : Math.floor(within / bytes);
    const end = isCopied ? SUBCLUSTERS : Math.ceil((within + from.length) / bytes);
    const touched = (1n << BigInt(end)) - (1n << BigInt(first));
    if (isOwn && (bitmap & touched) === touched) {
      await this.#source.write?.(this.#hostOf(entry) + within, from);
      return;
    }
    const whole = new Uint8Array((end - first) * bytes);
    const start = guest + first * bytes;
    const there = Math.min(whole.length, this.#header.sizeBytes - start);
    if (from.length < there) await this.#disk.read(start, whole.subarray(0, there));
    whole.set(from, within - first * bytes);
    const host = isOwn ? this.#hostOf(entry) : await this.#refcounts.allocate();
    await this.#source.write?.(host + first * bytes, whole);
    if (!isOwn) this.#giveUp(entry);
    const others = isCopied ? 0n : bitmap & ~(touched | (touched << 32n));
    await this.#setEntry(table, at, BigInt(host) | COPIED, others | touched);
  }

  /** All of a cluster: `from`, and around it what is there. */
  async #around(guest: number, within: number, from: Uint8Array, isZero: boolean): Promise<Uint8Array> {
    const whole = new Uint8Array(this.#clusterBytes);
    const there = Math.min(this.#clusterBytes, this.#header.sizeBytes - guest);
    if (!isZero) await this.#disk.read(guest, whole.subarray(0, there));
    whole.set(from, within);
    return whole;
  }

  /** What becomes zeros, or what is beneath: clusters that are all inside of the range. */
  async #discard(offset: number, length: number): Promise<void> {
    // Version 2 cannot say that there is nothing where a backing file has something.
    if (this.#hasBacking && this.#header.version < 3) return;
    const isExtended = this.#header.extendedL2;
    const empty = this.#hasBacking && !isExtended ? ZERO : 0n;
    const emptyBitmap = this.#hasBacking && isExtended ? ALL_ZEROS : 0n;
    const end = Math.floor((offset + length) / this.#clusterBytes) * this.#clusterBytes;
    for (
      let guest = Math.ceil(offset / this.#clusterBytes) * this.#clusterBytes;
      guest < end;
      guest += this.#clusterBytes
    ) {
      if (!this.#hasBacking && (await this.#l2Of(guest)) === 0) continue;
      const { table, at, entry, bitmap } = await this.#ownL2(guest);
      if (entry === empty && bitmap === emptyBitmap) continue;
      this.#giveUp(entry);
      await this.#setEntry(table, at, empty, emptyBitmap);
    }
  }

  async #flush(): Promise<void> {
    const flush = async () => this.#source.flush?.();
    if (this.#autoclear) {
      await this.#source.write?.(AUTOCLEAR_AT, new Uint8Array(8));
      this.#autoclear = false;
    }
    if (this.#cache.changedBytes === 0 && this.#refcounts.givenUp.length === 0) return flush();
    const table = await this.#refcounts.write();
    await flush();
    if (table) {
      const place = new DataView(new ArrayBuffer(12));
      place.setBigUint64(0, BigInt(table.offset));
      place.setUint32(8, table.clusters);
      await this.#source.write?.(REFCOUNT_TABLE_AT, new Uint8Array(place.buffer));
      await flush();
    }
    const { l1Offset, l1Entries } = this.#header;
    const isL1 = (offset: number) => offset >= l1Offset && offset < l1Offset + 8 * l1Entries;
    await this.#cache.write((offset) => !isL1(offset));
    await flush();
    await this.#cache.write(isL1);
    await flush();
    const freed: number[] = [];
    for (const cluster of this.#refcounts.givenUp.splice(0))
      if ((await this.#refcounts.drop(cluster)) === 0) freed.push(cluster);
    await this.#refcounts.write();
    for (const cluster of freed) {
      this.#cache.drop(cluster);
      this.#writtenAgain.add(cluster);
      await this.#source.discard?.(cluster, Math.min(this.#clusterBytes, this.#source.sizeBytes - cluster));
    }
  }

  /** References of an entry that is replaced: a compressed cluster refers to each that it lies in. */
  #giveUp(entry: bigint): void {
    const { givenUp } = this.#refcounts;
    if ((entry & COMPRESSED) === 0n) {
      if ((entry & OFFSET) !== 0n) givenUp.push(this.#hostOf(entry));
      return;
    }
    const offsetBits = BigInt(62 - (this.#header.clusterBits - 8));
    const at = Number(entry & ((1n << offsetBits) - 1n));
    const sectors = Number((entry & (COMPRESSED - 1n)) >> offsetBits) + 1;
    const end = (Math.floor(at / 512) + sectors) * 512;
    for (let cluster = at - (at % this.#clusterBytes); cluster < end; cluster += this.#clusterBytes)
      givenUp.push(cluster);
  }

  #hostOf(entry: bigint): number {
    const host = Number(entry & OFFSET);
    if (host % this.#clusterBytes === 0) return host;
    throw new FormatError(QCOW2, 'a table points between clusters: it is damaged');
  }

  get #entryBytes(): number {
    return entryBytesOf(this.#header);
  }

  get #l2Entries(): number {
    return this.#clusterBytes / this.#entryBytes;
  }

  #l1Place(guest: number): { readonly cluster: number; readonly at: number } {
    const l1Index = Math.floor(guest / this.#clusterBytes / this.#l2Entries);
    const place = this.#header.l1Offset + 8 * l1Index;
    mustBeThere(this.#source, place, 8);
    return { cluster: place - (place % this.#clusterBytes), at: place % this.#clusterBytes };
  }

  async #l2Of(guest: number): Promise<number> {
    const { cluster, at } = this.#l1Place(guest);
    return this.#hostOf((await this.#cache.at(cluster)).getBigUint64(at));
  }

  /** The table that has a cluster's entry, the active state's own from now on. */
  async #ownL2(guest: number): Promise<L2> {
    const { cluster, at: l1At } = this.#l1Place(guest);
    const l1Entry = (await this.#cache.at(cluster)).getBigUint64(l1At);
    let table = this.#hostOf(l1Entry);
    mustBeThere(this.#source, table, this.#clusterBytes);
    if (table === 0 || (l1Entry & COPIED) === 0n) {
      const shared = table;
      const copy = shared === 0 ? undefined : new Uint8Array((await this.#cache.at(shared)).buffer.slice(0));
      table = await this.#refcounts.allocate();
      this.#writtenAgain.add(table);
      this.#cache.fresh(table, copy);
      const entry = BigInt(table) | COPIED;
      await this.#cache.change(cluster, l1At, 8, (data) => data.setBigUint64(l1At, entry));
      if (shared !== 0) this.#refcounts.givenUp.push(shared);
    }
    const at = this.#entryBytes * (Math.floor(guest / this.#clusterBytes) % this.#l2Entries);
    const data = await this.#cache.at(table);
    const bitmap = this.#header.extendedL2 ? data.getBigUint64(at + 8) : 0n;
    return { table, at, entry: data.getBigUint64(at), bitmap };
  }

  #setEntry(table: number, at: number, entry: bigint, bitmap = 0n): Promise<void> {
    return this.#cache.change(table, at, this.#entryBytes, (data) => {
      data.setBigUint64(at, entry);
      if (this.#header.extendedL2) data.setBigUint64(at + 8, bitmap);
    });
  }
}

function mustBeThere({ sizeBytes }: ByteSource, offset: number, bytes: number): void {
  if (Number.isSafeInteger(offset) && offset + bytes <= sizeBytes) return;
  throw new FormatError(QCOW2, `a table at ${offset} lies behind the end of its file: it is cut short or damaged`);
}

/** At most 64 bytes of a table, as they are now. */
export type TableView = (offset: number, bytes: number) => Promise<DataView>;
