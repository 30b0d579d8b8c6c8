/** A volume as a device to write: what changes is kept as whole chunks, in memory and then in the store, until it is committed. */

import { toHex } from '../../bytes/hex.ts';
import { isZero } from '../../bytes/zeros.ts';
import { type BlockDevice, bytesOf, SECTOR, sizeOf } from '../block-device.ts';
import { NoMemoryForWritesError, StorageError } from '../errors.ts';
import { gate } from '../gate.ts';
import { checkRange } from '../range.ts';
import type { Room } from '../room.ts';
import { BASE, type Chunk, chunkKey, encodePage, PAGE_CHUNKS, sameChunk, ZEROS } from './chunk-map.ts';
import { fitted } from './fitted.ts';
import type { ObjectStore } from './object-store.ts';
import { publish } from './publish.ts';
import { allDone, Pages, type Piece, pieces, readChunk, volumeReader } from './reader.ts';
import { type HeadObject, type Root, UPLOADED, type Version, VolumeChangedError, writeRoot } from './versions.ts';

/** Puts under way at a time: a Worker may have six connections. */
const MAX_PUTS = 4;

/** Chunks kept in memory at most; the oldest go to the store then. */
const MAX_DIRTY_BYTES = 16 * 2 ** 20;

/** Changed chunks remembered until a commit: discards beyond them are ignored, as the laws of a block device allow. */
const MAX_DISCARDED = 100_000;

/** Hashes remembered, so that equal chunks are one object. */
const MAX_KNOWN = 50_000;

/** Nobody collects what is younger than a day: a writer of half that age may still commit what it has put. */
export const WRITER_LIFE_MS = 12 * 3_600_000;

export interface WriterNeeds {
  readonly store: ObjectStore;
  /** What the volume was begun from; `baseId` names it as it is now. */
  readonly base: BlockDevice;
  readonly baseId: string;
  /** The head as it is stored now, and the root of the version to go on from; undefined: the base itself. */
  readonly head: HeadObject | undefined;
  readonly root: Root | undefined;
  /** That version. Default: the head's current one. */
  readonly version?: Version | undefined;
  /** Of a volume that is begun. A power of two, of 4 KiB or more. */
  readonly chunkBytes: number;
  /** Of the device while it is written. Default: what it has. */
  readonly sizeBytes?: number;
  /** What is committed and comes too late is a version beside the current one. Default: it is none. */
  readonly keepsAside?: boolean | undefined;
  /** 16 hex digits that no other writer has. */
  readonly writer: string;
  readonly room: Room;
  /** Has others give memory back that share the room: whether one did. */
  readonly othersShed?: (() => Promise<boolean>) | undefined;
  readonly nowMs: () => number;
}

export interface Committed extends Version {
  /** Of the head that names it. */
  readonly etag: string;
}

export interface VolumeWriter {
  /** `flush` waits for writes, but keeps nothing for good: `commit` does. */
  readonly device: Required<Pick<BlockDevice, 'write' | 'flush' | 'discard'>> & BlockDevice;
  /**
   * All that was written is a new version, which is there for good once this settles; undefined: nothing differs from what there
   * was. A version that this writer has made before is replaced by it. Rejects with VolumeChangedError when the
   * volume is another's now: it is as that one left it. `sizeBytes`: the version is so large, no larger than the device; what lies
   * behind is zeros if it ever grows again.
   */
  commit(sizeBytes?: number): Promise<Committed | undefined>;
  /** Puts the oldest chunk that is in memory into the store: whether that gave memory back. */
  shed(): Promise<boolean>;
  /** Gives its memory back. What it has put and not committed is collected some day. */
  close(): void;
}

export function volumeWriter(needs: WriterNeeds): VolumeWriter {
  const { store, base, baseId, writer, room, nowMs } = needs;
  const startMs = nowMs();
  const { chunkBytes } = needs.root ?? needs;
  const pageCount = (bytes: number) => Math.ceil(bytes / chunkBytes / PAGE_CHUNKS);
  const limit = gate(MAX_PUTS);

  let head = needs.head;
  let root: Root = needs.root ?? {
    sizeBytes: bytesOf(base),
    chunkBytes,
    pages: Array.from({ length: pageCount(bytesOf(base)) }, () => null),
  };
  const shown = (): BlockDevice => fitted(base, { ...root, sizeBytes: needs.sizeBytes ?? root.sizeBytes });
  const size = shown();
  const deviceBytes = size.sectors * SECTOR;
  const parent = needs.root === undefined ? null : (needs.version?.id ?? head?.head.current ?? null);
  let below = volumeReader({ store, root, base: shown() });
  let commits = 0;
  let writtenBytes = 0;
  let mine: string | undefined;
  let isClosed = false;

  /** Whole chunks in memory, the oldest first. */
  const dirty = new Map<number, Uint8Array<ArrayBuffer>>();
  /** Where chunks are that were changed since the last commit and are in memory no more. */
  const staged = new Map<number, Chunk>();
  /** Chunks that are on their way to the store beside what is written: a write meanwhile keeps them here. */
  const shedding = new Set<number>();
  const known = new Map<string, Chunk>();

  const sizeOfChunk = (chunk: number) => Math.min(chunkBytes, deviceBytes - chunk * chunkBytes);

  /** One change after another; reads go on beside them. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const result = last.then(task);
    last = result.catch(() => {});
    return result;
  };

  /** What a chunk shows now, from wherever it is. */
  async function readInto(chunk: number, start: number, into: Uint8Array): Promise<void> {
    const bytes = dirty.get(chunk);
    if (bytes !== undefined) return into.set(bytes.subarray(start, start + into.length));
    const where = staged.get(chunk);
    if (where === undefined) return below.read((chunk * chunkBytes + start) / SECTOR, into);
    // What was cut off is the base's again, of which nothing shows there.
    if (where === ZEROS || where === BASE) into.fill(0);
    else await readChunk(store, where, start, into);
  }

  async function put(chunk: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    staged.set(chunk, isZero(bytes) ? ZEROS : await stored(bytes));
    if (dirty.delete(chunk)) room.give(bytes.length);
  }

  async function stored(bytes: Uint8Array<ArrayBuffer>): Promise<Chunk> {
    const hash = await sha256(bytes);
    const there = known.get(hash);
    if (there !== undefined) return there;
    const chunk = { hash, writer };
    await limit(() => store.put(chunkKey(chunk), bytes));
    writtenBytes += bytes.length;
    if (known.size < MAX_KNOWN) known.set(hash, chunk);
    return chunk;
  }

  /** A kernel that was ended may still have writes under way, whose memory nobody would give back. */
  function mustBeOpen(): void {
    if (isClosed) throw new StorageError('EIO', 'the volume is not written any more');
  }

  /** Memory for one more chunk; older ones make room. */
  async function take(bytes: number): Promise<void> {
    for (;;) {
      mustBeOpen();
      const held = dirty.size * chunkBytes;
      if (held + bytes <= Math.max(MAX_DIRTY_BYTES, chunkBytes) && room.tryTake(bytes)) return;
      const [oldest] = dirty;
      if (oldest !== undefined) await put(...oldest);
      else if (!(await needs.othersShed?.())) throw new NoMemoryForWritesError();
    }
  }

  function oldestNot(except: ReadonlySet<number>): readonly [number, Uint8Array<ArrayBuffer>] | undefined {
    for (const entry of dirty) if (!except.has(entry[0])) return entry;
    return undefined;
  }

  /** Not in turn: whoever asks for it may hold up another's turn, who asks for it here. */
  async function shed(): Promise<boolean> {
    const oldest = isClosed ? undefined : oldestNot(shedding);
    if (oldest === undefined) return false;
    const [chunk, bytes] = oldest;
    shedding.add(chunk);
    try {
      const where = isZero(bytes) ? ZEROS : await stored(bytes.slice());
      if (!shedding.has(chunk) || dirty.get(chunk) !== bytes) return true;
      staged.set(chunk, where);
      dirty.delete(chunk);
      room.give(bytes.length);
      return true;
    } finally {
      shedding.delete(chunk);
    }
  }

  async function writePiece({ chunk, start, length, offset }: Piece, from: Uint8Array): Promise<void> {
    let bytes = dirty.get(chunk);
    if (bytes === undefined) {
      const size = sizeOfChunk(chunk);
      await take(size);
      bytes = new Uint8Array(size);
      try {
        if (length < size) await readInto(chunk, 0, bytes);
        mustBeOpen();
      } catch (cause) {
        room.give(size);
        throw cause;
      }
      dirty.set(chunk, bytes);
    }
    shedding.delete(chunk);
    bytes.set(from.subarray(offset, offset + length), start);
  }

  function clear(chunk: number): void {
    const bytes = dirty.get(chunk);
    if (bytes !== undefined) room.give(bytes.length);
    dirty.delete(chunk);
    staged.set(chunk, ZEROS);
  }

  const device: VolumeWriter['device'] = {
    ...sizeOf(size),
    async read(sector, into) {
      checkRange(device, sector, into.length);
      const all = [...pieces(sector * SECTOR, into.length, chunkBytes)];
      // The usual case: none of it was written, and what lies behind can be one read.
      if (all.every(({ chunk }) => !dirty.has(chunk) && !staged.has(chunk))) return below.read(sector, into);
      await allDone(
        all.map(({ chunk, start, length, offset }) => readInto(chunk, start, into.subarray(offset, offset + length))),
      );
    },
    async write(sector, from) {
      checkRange(device, sector, from.length);
      await inTurn(async () => {
        for (const piece of pieces(sector * SECTOR, from.length, chunkBytes)) await writePiece(piece, from);
      });
    },
    async flush() {
      await last;
    },
    async discard(sector, sectors) {
      checkRange(device, sector, sectors * SECTOR);
      await inTurn(async () => {
        const first = Math.ceil((sector * SECTOR) / chunkBytes);
        const end = (sector + sectors) * SECTOR;
        // The last chunk of a device need not be whole.
        const isInside = (chunk: number) => chunk * chunkBytes < end && chunk * chunkBytes + sizeOfChunk(chunk) <= end;
        for (let chunk = first; isInside(chunk) && staged.size < MAX_DISCARDED; chunk += 1) clear(chunk);
      });
    },
  };

  /** The pages that what is staged changes, put; answers the pages of the new root. */
  async function putPages(): Promise<Root['pages']> {
    const pages = new Pages(store, root.pages);
    const next = [...root.pages];
    const changed = Map.groupBy(staged.keys(), (chunk) => Math.floor(chunk / PAGE_CHUNKS));
    for (const [number, chunks] of changed) {
      const before = await pages.page(number);
      const entries = Array.from({ length: PAGE_CHUNKS }, (_, index) => before[index] ?? BASE);
      let differs = false;
      for (const chunk of chunks) {
        const [index, entry] = [chunk % PAGE_CHUNKS, staged.get(chunk) ?? BASE];
        const old = entries[index] ?? BASE;
        // The same bytes again, put by another writer: what is there stays.
        if (sameChunk(old, entry) || (typeof old === 'object' && typeof entry === 'object' && old.hash === entry.hash))
          continue;
        entries[index] = entry;
        differs = true;
      }
      if (!differs) continue;
      const bytes = encodePage(entries);
      const key = `pages/${await sha256(bytes)}-${writer}`;
      await limit(() => store.put(key, bytes));
      next[number] = key;
    }
    return next;
  }

  /** What lies behind is nowhere any more. */
  async function cutOff(sizeBytes: number): Promise<void> {
    const inside = sizeBytes % chunkBytes;
    const last = Math.floor(sizeBytes / chunkBytes);
    const rest = inside === 0 ? 0 : Math.min(chunkBytes - inside, deviceBytes - sizeBytes);
    if (rest > 0) await writePiece({ chunk: last, start: inside, length: rest, offset: 0 }, new Uint8Array(rest));
    const behind = Math.ceil(sizeBytes / chunkBytes);
    for (const [chunk, bytes] of dirty) {
      if (chunk < behind) continue;
      dirty.delete(chunk);
      room.give(bytes.length);
    }
    const pages = new Pages(store, root.pages);
    for (const chunk of staged.keys()) if (chunk >= behind) staged.delete(chunk);
    // The rest of the page that has both: other pages go as a whole.
    const number = pageCount(sizeBytes) - 1;
    for (const [index, entry] of (await pages.page(number)).entries()) {
      const chunk = number * PAGE_CHUNKS + index;
      if (chunk >= behind && entry !== BASE) staged.set(chunk, BASE);
    }
  }

  async function commit(sizeBytes = root.sizeBytes): Promise<Committed | undefined> {
    if (nowMs() - startMs > WRITER_LIFE_MS) throw new VolumeChangedError();
    const most = bytesOf(size);
    if (sizeBytes > most) throw new RangeError(`a version of ${sizeBytes} bytes on a device of ${most}`);
    if (sizeBytes < most) await cutOff(sizeBytes);
    // In the order of the disk; as many at a time as the gate lets.
    await allDone([...dirty].toSorted(([a], [b]) => a - b).map(([chunk, bytes]) => put(chunk, bytes)));
    const written = await putPages();
    const pages = Array.from({ length: pageCount(sizeBytes) }, (_, index) => written[index] ?? null);
    if (sizeBytes === root.sizeBytes && pages.every((key, index) => key === root.pages[index])) {
      staged.clear();
      return undefined;
    }
    const baseBytes = Math.min(root.baseBytes ?? bytesOf(base), sizeBytes);
    const next: Root = { ...root, sizeBytes, pages, ...(baseBytes < bytesOf(base) && { baseBytes }) };
    const version: Version = {
      id: `${writer}-${commits}`,
      createdMs: nowMs(),
      parent,
      writtenBytes,
      ...(sizeBytes !== bytesOf(base) && { sizeBytes }),
    };
    await writeRoot(store, version.id, next);
    const expects = mine ?? parent ?? UPLOADED;
    head = await publish(store, { version, base: baseId, expects, replaces: mine, keepsAside: needs.keepsAside }, head);
    commits += 1;
    root = next;
    mine = version.id;
    below = volumeReader({ store, root, base: shown() });
    staged.clear();
    return { ...version, etag: head.etag };
  }

  return {
    device,
    commit: (sizeBytes) => inTurn(() => commit(sizeBytes)),
    shed,
    close() {
      isClosed = true;
      for (const bytes of dirty.values()) room.give(bytes.length);
      dirty.clear();
    },
  };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}
