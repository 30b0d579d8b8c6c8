/** One version of a volume as a device to read: its own chunks, and behind them what it was begun from. */

import { type BlockDevice, SECTOR } from '../block-device.ts';
import { checkRange } from '../range.ts';
import { BASE, type Chunk, type ChunkObject, chunkKey, decodePage, PAGE_CHUNKS, ZEROS } from './chunk-map.ts';
import { ObjectGoneError, type ObjectStore } from './object-store.ts';
import type { Root } from './versions.ts';

/** Pages kept in memory, 40 KiB each and twice that decoded: they map 4 GiB of chunks of 256 KiB. */
const MAX_PAGES = 16;

/** A piece of one chunk: `length` bytes from `start` of it, at `offset` in what is read or written. */
export interface Piece {
  readonly chunk: number;
  readonly start: number;
  readonly length: number;
  readonly offset: number;
}

export function* pieces(at: number, length: number, chunkBytes: number): Generator<Piece> {
  for (let offset = 0; offset < length; ) {
    const start = (at + offset) % chunkBytes;
    const size = Math.min(chunkBytes - start, length - offset);
    yield { chunk: Math.floor((at + offset) / chunkBytes), start, length: size, offset };
    offset += size;
  }
}

/** Looks up chunks of a version: pages are fetched when they are needed, the least recently used ones forgotten. */
export class Pages {
  readonly #store: ObjectStore;
  readonly #keys: readonly (string | null)[];
  readonly #decoded = new Map<number, Promise<readonly Chunk[]>>();

  constructor(store: ObjectStore, keys: readonly (string | null)[]) {
    this.#store = store;
    this.#keys = keys;
  }

  async chunk(index: number): Promise<Chunk> {
    const page = Math.floor(index / PAGE_CHUNKS);
    return this.#keys[page] ? ((await this.page(page))[index % PAGE_CHUNKS] ?? BASE) : BASE;
  }

  /** All chunks of a page. */
  page(page: number): Promise<readonly Chunk[]> {
    const key = this.#keys[page];
    if (!key) return Promise.resolve([]);
    const known = this.#decoded.get(page);
    const decoded = known ?? this.#fetch(key);
    this.#decoded.delete(page);
    this.#decoded.set(page, decoded);
    decoded.catch(() => this.#decoded.delete(page));
    const [oldest] = this.#decoded.keys();
    if (this.#decoded.size > MAX_PAGES && oldest !== undefined) this.#decoded.delete(oldest);
    return decoded;
  }

  async #fetch(key: string): Promise<readonly Chunk[]> {
    const object = await this.#store.get(key);
    if (object === undefined) throw new ObjectGoneError(key);
    return decodePage(object.bytes);
  }
}

export interface VolumeSource {
  readonly store: ObjectStore;
  readonly root: Root;
  /** What the volume was begun from, of the same size. */
  readonly base: BlockDevice;
}

/** Read-only. Each read asks for just what it wants: a cache belongs in front. */
export function volumeReader({ store, root, base }: VolumeSource): BlockDevice {
  const pages = new Pages(store, root.pages);
  const { chunkBytes, sizeBytes } = root;
  const device: BlockDevice = {
    sectors: base.sectors,
    sizeBytes,
    ...(base.logicalBlockBytes !== undefined && { logicalBlockBytes: base.logicalBlockBytes }),
    async zerosAt(offsetBytes) {
      const chunk = Math.floor(offsetBytes / chunkBytes);
      const left = Math.min((chunk + 1) * chunkBytes, sizeBytes) - offsetBytes;
      const where = await pages.chunk(chunk);
      if (where === ZEROS) return left;
      return where === BASE ? Math.min((await base.zerosAt?.(offsetBytes)) ?? 0, left) : 0;
    },
    async read(sector, into) {
      checkRange(device, sector, into.length);
      const reads: Promise<void>[] = [];
      /** Pieces of the base that touch are one read of it. */
      let run: { from: number; to: number } | undefined;
      const flush = () => {
        if (run) reads.push(Promise.resolve(base.read(sector + run.from / SECTOR, into.subarray(run.from, run.to))));
        run = undefined;
      };
      for (const { chunk, start, length, offset } of pieces(sector * SECTOR, into.length, chunkBytes)) {
        const where = await pages.chunk(chunk);
        if (where === BASE) {
          run ??= { from: offset, to: offset };
          run.to = offset + length;
          continue;
        }
        flush();
        const part = into.subarray(offset, offset + length);
        if (where === ZEROS) part.fill(0);
        else reads.push(readChunk(store, where, start, part));
      }
      flush();
      await allDone(reads);
    },
  };
  return device;
}

/** As Promise.all, but what failed is told once nothing is under way any more. */
export async function allDone(tasks: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected') throw result.reason;
}

export const readChunk = (store: ObjectStore, chunk: ChunkObject, start: number, into: Uint8Array): Promise<void> =>
  store.read(chunkKey(chunk), start, into);
