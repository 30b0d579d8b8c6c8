/** Clusters of a qcow2's tables in memory, changed there and written when it is their turn. */

import type { ByteSource } from '../../../byte-source.ts';
import { FormatError } from '../../../errors.ts';
import { QCOW2 } from '../header.ts';

/** Unchanged ones that are kept. */
const KEPT_BYTES = 8 * 2 ** 20;

interface Held {
  readonly data: DataView<ArrayBuffer>;
  /** The part of it that has changed; nothing where `from` is not below `to`. */
  from: number;
  to: number;
}

export class ClusterCache {
  readonly #source: ByteSource;
  readonly #clusterBytes: number;
  /** Least recently used first. */
  readonly #held = new Map<number, Held>();
  /** A cluster that two want at once is read once: what one changes is not read over. */
  readonly #loading = new Map<number, Promise<Held>>();
  #changed = 0;

  constructor(source: ByteSource, clusterBytes: number) {
    this.#source = source;
    this.#clusterBytes = clusterBytes;
  }

  /** Bytes of clusters that are not yet written. */
  get changedBytes(): number {
    return this.#changed * this.#clusterBytes;
  }

  /** The cluster at `offset`, to be looked at. A FormatError where its file ends before it. */
  async at(offset: number): Promise<DataView<ArrayBuffer>> {
    return (await this.#at(offset)).data;
  }

  async #at(offset: number): Promise<Held> {
    const known = this.#held.get(offset);
    if (known) {
      this.#held.delete(offset);
      this.#held.set(offset, known);
      return known;
    }
    const loading = this.#loading.get(offset) ?? this.#load(offset);
    this.#loading.set(offset, loading);
    try {
      return await loading;
    } finally {
      this.#loading.delete(offset);
    }
  }

  async #load(offset: number): Promise<Held> {
    const { sizeBytes } = this.#source;
    if (offset >= sizeBytes)
      throw new FormatError(QCOW2, `a table at ${offset} lies behind the end of its file: it is cut short or damaged`);
    const bytes = new Uint8Array(this.#clusterBytes);
    // The file may end in its last cluster.
    await this.#source.read(offset, bytes.subarray(0, Math.min(bytes.length, sizeBytes - offset)));
    return this.#keep(offset, bytes);
  }

  /** A new cluster, of zeros or of `bytes`, which become the cache's own. */
  fresh(offset: number, bytes = new Uint8Array(this.#clusterBytes)): DataView<ArrayBuffer> {
    const before = this.#held.get(offset);
    if (before && before.from < before.to) this.#changed -= 1;
    this.#held.delete(offset);
    const held = this.#keep(offset, bytes);
    this.#mark(held, 0, this.#clusterBytes);
    return held.data;
  }

  /** Changes `bytes` bytes at `at` of a cluster. */
  async change(
    offset: number,
    at: number,
    bytes: number,
    change: (data: DataView<ArrayBuffer>) => void,
  ): Promise<void> {
    let held = await this.#at(offset);
    // Others may have pushed it out since: what is changed must be what is kept.
    while (this.#held.get(offset) !== held) held = await this.#at(offset);
    change(held.data);
    this.#mark(held, at, at + bytes);
  }

  /** Writes what has changed of the clusters that `which` names. */
  async write(which: (offset: number) => boolean): Promise<void> {
    const due = [...this.#held].filter(([offset, { from, to }]) => from < to && which(offset));
    for (const [offset, held] of due.sort(([a], [b]) => a - b)) {
      const { data, from, to } = held;
      await this.#source.write?.(offset + from, new Uint8Array(data.buffer, from, to - from));
      [held.from, held.to] = [this.#clusterBytes, 0];
      this.#changed -= 1;
    }
  }

  /** What is there was given up. */
  drop(offset: number): void {
    const held = this.#held.get(offset);
    if (held && held.from < held.to) this.#changed -= 1;
    this.#held.delete(offset);
  }

  #mark(held: Held, from: number, to: number): void {
    if (held.from >= held.to) this.#changed += 1;
    held.from = Math.min(held.from, from);
    held.to = Math.max(held.to, to);
  }

  #keep(offset: number, bytes: Uint8Array<ArrayBuffer>): Held {
    const held = { data: new DataView(bytes.buffer), from: this.#clusterBytes, to: 0 };
    this.#held.set(offset, held);
    const most = Math.max(4, KEPT_BYTES / this.#clusterBytes);
    for (const [other, { from, to }] of this.#held) {
      if (this.#held.size - this.#changed <= most) break;
      if (from >= to && other !== offset) this.#held.delete(other);
    }
    return held;
  }
}
