/** A bounded cache before a slow device: hits answer at once, reads in flight are shared, sequential reads run ahead. */

import { type BlockDevice, type MaybePromise, SECTOR, sizeOf } from '../block-device.ts';
import { checkRange } from '../range.ts';
import { ownRoom, type Room } from '../room.ts';

const MIB = 1024 * 1024;
const BLOCK_SECTORS = 128;
const BLOCK_BYTES = BLOCK_SECTORS * SECTOR;

/** The longest single read of the device behind, 4 MiB, unless a quarter of the cache is less. */
const MAX_RUN_BLOCKS = 64;

/** What one read of the device behind brought: adjacent blocks in one buffer, kept and dropped together. */
interface Run {
  readonly first: number;
  readonly blocks: number;
  readonly bytes: Uint8Array;
  /** Blocks the reader of this run is thought to want at a time. */
  readonly window: number;
  /** Follows another run, and nobody has looked at it yet: the first look reads further ahead. */
  sequential: boolean;
  /** While its read is in flight. Settles `false` if that failed; never rejects. */
  loading: Promise<boolean> | undefined;
  /** Reads that wait to copy from it; it is not dropped while there are any. */
  readers: number;
}

/** A cached device, and how much memory it holds. */
export interface Cached extends BlockDevice {
  /** Bytes of all buffers, those of reads in flight included: at most `maxMib`. */
  readonly heldBytes: number;
}

/**
 * Blocks of 64 KiB, least recently used dropped first. Writes and discards go through, and drop what they touch.
 * A read of the device behind that fails is not cached: each of its readers then reads exactly the sectors it wants
 * without the cache, so that nobody sees an error of sectors only read ahead. The same way serves a read for which
 * there is no memory because all of it is in flight, or because `room` has none: what is held counts there too.
 */
export function cached(
  behind: BlockDevice,
  { maxMib, room = ownRoom }: { readonly maxMib: number; readonly room?: Room | undefined },
): Cached {
  const maxBytes = maxMib * MIB;
  const maxRunBlocks = Math.max(1, Math.min(MAX_RUN_BLOCKS, Math.floor(maxBytes / BLOCK_BYTES / 4)));
  const endBlock = Math.ceil(behind.sectors / BLOCK_SECTORS);
  const blocks = new Map<number, Run>();
  const runs = new Set<Run>(); // least recently used first
  let heldBytes = 0;
  let loadingBytes = 0;

  const forget = (run: Run): void => {
    runs.delete(run);
    heldBytes -= run.bytes.length;
    room.give(run.bytes.length);
    for (let block = run.first; block < run.first + run.blocks; block += 1) {
      if (blocks.get(block) === run) blocks.delete(block);
    }
  };

  const take = (length: number): boolean => {
    if (heldBytes + length > maxBytes || !room.tryTake(length)) return false;
    heldBytes += length;
    return true;
  };

  /** A buffer within the bounds, that of a dropped run if one fits: a stream in steady state allocates nothing. */
  const allocate = (length: number): Uint8Array | undefined => {
    let spare: Uint8Array | undefined;
    let taken = take(length);
    for (const run of runs) {
      if (taken) break;
      if (run.loading !== undefined || run.readers > 0) continue;
      forget(run);
      if (run.bytes.length === length) spare = run.bytes;
      taken = take(length);
    }
    return taken ? (spare ?? new Uint8Array(length)) : undefined;
  };

  /** Start to read up to `window` missing blocks from `first` on. Undefined if there is no memory, or it failed at once. */
  const load = (first: number, window: number, sequential: boolean): Run | undefined => {
    let end = first + 1;
    while (end < Math.min(first + window, endBlock) && !blocks.has(end)) end += 1;
    const sector = first * BLOCK_SECTORS;
    const bytes = allocate((Math.min(end * BLOCK_SECTORS, behind.sectors) - sector) * SECTOR);
    if (bytes === undefined) return undefined;
    const run: Run = { first, blocks: end - first, bytes, window, sequential, loading: undefined, readers: 0 };
    runs.add(run);
    for (let block = first; block < end; block += 1) blocks.set(block, run);
    try {
      const pending = behind.read(sector, bytes);
      if (pending instanceof Promise) {
        const settle = (loaded: boolean) => {
          loadingBytes -= bytes.length;
          run.loading = undefined;
          if (!loaded) forget(run);
          return loaded;
        };
        loadingBytes += bytes.length;
        run.loading = pending.then(
          () => settle(true),
          () => settle(false),
        );
      }
    } catch {
      forget(run);
      return undefined;
    }
    return run;
  };

  /** A wanted block is missing: read it with its missing neighbours, and twice what came before it if that is here. */
  const miss = (block: number, wantedEnd: number): Run | undefined => {
    const before = blocks.get(block - 1);
    const window = Math.max(wantedEnd - block, 2 * (before?.window ?? 0));
    return load(block, Math.min(window, maxRunBlocks), before !== undefined);
  };

  /** Keep the window after `run` full, and two once it cannot grow: one arrives while the other is asked for. */
  const readAhead = (run: Run): void => {
    const window = Math.min(2 * run.window, maxRunBlocks);
    const start = run.first + run.blocks;
    const end = Math.min(endBlock, start + (run.window < maxRunBlocks ? window : 2 * window));
    for (let block = start; block < end; ) {
      if (blocks.has(block)) {
        block += 1;
        continue;
      }
      if (loadingBytes + window * BLOCK_BYTES > maxBytes / 2) return;
      const next = load(block, window, true);
      if (next === undefined) return;
      block += next.blocks;
    }
  };

  /** Copy what the block at `sector` has for `into`; answers how many bytes that was. */
  const copy = (run: Run, sector: number, into: Uint8Array, done: number): number => {
    const start = (sector - run.first * BLOCK_SECTORS) * SECTOR;
    const length = Math.min(BLOCK_BYTES - (start % BLOCK_BYTES), into.length - done);
    into.set(run.bytes.subarray(start, start + length), done);
    runs.delete(run);
    runs.add(run);
    if (run.sequential) {
      run.sequential = false;
      readAhead(run);
    }
    return length;
  };

  /** Fill `into` from byte `done` on; goes on without a promise as long as no block is waited for. */
  const fill = (sector: number, into: Uint8Array, done: number): MaybePromise<void> => {
    let filled = done;
    while (filled < into.length) {
      const at = sector + filled / SECTOR;
      const block = Math.floor(at / BLOCK_SECTORS);
      const run = blocks.get(block) ?? miss(block, Math.ceil((sector + into.length / SECTOR) / BLOCK_SECTORS));
      if (run === undefined) return behind.read(at, into.subarray(filled));
      if (run.loading !== undefined) return join(run, run.loading, sector, into, filled);
      filled += copy(run, at, into, filled);
    }
  };

  const join = async (run: Run, loading: Promise<boolean>, sector: number, into: Uint8Array, done: number) => {
    run.readers += 1;
    const loaded = await loading;
    run.readers -= 1;
    const at = sector + done / SECTOR;
    if (!loaded) return behind.read(at, into.subarray(done));
    return fill(sector, into, done + copy(run, at, into, done));
  };

  /**
   * Carry out a write or a discard. What it touches is dropped when it has ended, not before: a read in flight
   * meanwhile may bring what the sectors held until then.
   */
  const change = (sector: number, sectors: number, apply: () => MaybePromise<void>): MaybePromise<void> => {
    const drop = () => {
      const first = Math.floor(sector / BLOCK_SECTORS);
      const end = Math.ceil((sector + sectors) / BLOCK_SECTORS);
      // The cache is small and a discard may not be: walk the cache.
      for (const block of blocks.keys()) if (block >= first && block < end) blocks.delete(block);
    };
    let pending: MaybePromise<void>;
    try {
      pending = apply();
    } finally {
      drop();
    }
    return pending instanceof Promise ? pending.finally(drop) : pending;
  };

  const device: Cached = {
    ...sizeOf(behind),
    get heldBytes() {
      return heldBytes;
    },
    read(sector, into) {
      checkRange(device, sector, into.length);
      return fill(sector, into, 0);
    },
  };
  const write = behind.write?.bind(behind);
  const flush = behind.flush?.bind(behind);
  const discard = behind.discard?.bind(behind);
  if (write !== undefined) {
    device.write = (sector, from) => {
      checkRange(device, sector, from.length);
      return change(sector, from.length / SECTOR, () => write(sector, from));
    };
  }
  if (discard !== undefined) {
    device.discard = (sector, sectors) => {
      checkRange(device, sector, sectors * SECTOR);
      return change(sector, sectors, () => discard(sector, sectors));
    };
  }
  if (flush !== undefined) device.flush = flush;
  return device;
}
