/** A writable device over a read-only one that keeps only what differs from it, in memory and, beyond that, elsewhere. */

import { type BlockDevice, type MaybePromise, SECTOR, sizeOf } from '../block-device.ts';
import { DeviceFullError } from '../errors.ts';
import { checkRange } from '../range.ts';
import { ownRoom, type Room } from '../room.ts';

const BLOCK_SECTORS = 8;
const BLOCK_BYTES = BLOCK_SECTORS * SECTOR;
const MIB = 1024 * 1024;

/** Where blocks go that memory is too dear for: numbered slots of 4 KiB. */
export interface Spill {
  write(slot: number, block: Uint8Array): MaybePromise<void>;
  read(slot: number, into: Uint8Array): MaybePromise<void>;
  /** Gives back what it took. */
  close(): MaybePromise<void>;
}

export interface ChangesOptions {
  /** Differing blocks kept in memory. */
  readonly memoryMib: number;
  /** Opened when that is full. Default: more is refused. */
  readonly spill?: (() => MaybePromise<Spill>) | undefined;
  /** Differing blocks altogether; default: `memoryMib`. */
  readonly limitMib?: number | undefined;
  /** Where what is in memory counts; what finds no room is spilled. Default: nowhere. */
  readonly room?: Room | undefined;
}

export interface Changes extends BlockDevice {
  write(sector: number, from: Uint8Array): Promise<void>;
  /** Bytes of blocks that differ, wherever they are kept. */
  readonly usedBytes: number;
  /** The device may not be used any more. */
  close(): Promise<void>;
}

/**
 * For journals that are replayed: most of what a replay writes is on the disk already, so each block is compared with the
 * lower's before it is kept. A write beyond the limit rejects with DeviceFullError; of it, blocks may have been written.
 * Discards are ignored, as the laws of a block device allow.
 */
export function changes(lower: BlockDevice, { memoryMib, spill, limitMib, room = ownRoom }: ChangesOptions): Changes {
  const most = spill === undefined ? memoryMib : Math.max(memoryMib, limitMib ?? memoryMib);
  const memory = new Map<number, Uint8Array>();
  const slots = new Map<number, number>();
  /** Slots are not used again: a read of one may be in flight. */
  let nextSlot = 0;
  let opened: Promise<Spill> | undefined;

  const usedBytes = () => (memory.size + slots.size) * BLOCK_BYTES;
  const store = async (): Promise<Spill> => {
    if (spill === undefined) throw new DeviceFullError(most);
    opened ??= Promise.resolve(spill());
    return opened;
  };

  const forget = (number: number): void => {
    if (memory.delete(number)) room.give(BLOCK_BYTES);
    slots.delete(number);
  };

  /** The lower's blocks that a range touches, as far as it goes. */
  async function lowerBlocks(first: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array((end - first) * BLOCK_BYTES);
    const sectors = Math.min(end * BLOCK_SECTORS, lower.sectors) - first * BLOCK_SECTORS;
    await lower.read(first * BLOCK_SECTORS, bytes.subarray(0, sectors * SECTOR));
    return bytes;
  }

  /** What a block shows now. */
  async function current(number: number, below: Uint8Array): Promise<Uint8Array> {
    const kept = memory.get(number);
    if (kept !== undefined) return kept.slice();
    const slot = slots.get(number);
    if (slot === undefined) return below.slice();
    const bytes = new Uint8Array(BLOCK_BYTES);
    await (await store()).read(slot, bytes);
    return bytes;
  }

  async function keep(number: number, block: Uint8Array): Promise<void> {
    const known = memory.get(number);
    if (known !== undefined) {
      known.set(block);
      return;
    }
    const slot = slots.get(number);
    if (slot !== undefined) {
      await (await store()).write(slot, block);
      return;
    }
    if (usedBytes() + BLOCK_BYTES > most * MIB) throw new DeviceFullError(most);
    if ((memory.size + 1) * BLOCK_BYTES <= memoryMib * MIB && room.tryTake(BLOCK_BYTES)) {
      memory.set(number, block);
      return;
    }
    const fresh = nextSlot++;
    await (await store()).write(fresh, block);
    slots.set(number, fresh);
  }

  async function put(sector: number, from: Uint8Array): Promise<void> {
    const first = Math.floor(sector / BLOCK_SECTORS);
    const end = Math.ceil((sector + from.length / SECTOR) / BLOCK_SECTORS);
    const below = await lowerBlocks(first, end);
    for (let number = first; number < end; number += 1) {
      const there = below.subarray((number - first) * BLOCK_BYTES, (number - first + 1) * BLOCK_BYTES);
      const at = number * BLOCK_BYTES - sector * SECTOR;
      const whole = at >= 0 && at + BLOCK_BYTES <= from.length;
      const block = whole ? from.slice(at, at + BLOCK_BYTES) : await current(number, there);
      if (!whole) block.set(from.subarray(Math.max(0, at), at + BLOCK_BYTES), Math.max(0, -at));
      if (same(block, there)) forget(number);
      else await keep(number, block);
    }
  }

  /** Writes happen one after another: each looks at what the one before has kept. */
  let last: Promise<void> = Promise.resolve();

  const device: Changes = {
    ...sizeOf(lower),
    get usedBytes() {
      return usedBytes();
    },
    read(sector, into) {
      checkRange(device, sector, into.length);
      const pending = lower.read(sector, into);
      if (memory.size === 0 && slots.size === 0) return pending;
      const over = () => copyOver(sector, into);
      return pending instanceof Promise ? pending.then(over) : over();
    },
    write(sector, from) {
      checkRange(device, sector, from.length);
      const copy = from.slice();
      const result = last.then(() => put(sector, copy));
      last = result.catch(() => {});
      return result;
    },
    discard(sector, sectors) {
      checkRange(device, sector, sectors * SECTOR);
    },
    async close() {
      await last;
      room.give(memory.size * BLOCK_BYTES);
      memory.clear();
      if (opened) await (await opened).close();
    },
  };

  /** Put the blocks that differ over what was read of the lower. */
  function copyOver(sector: number, into: Uint8Array): MaybePromise<void> {
    const end = sector + into.length / SECTOR;
    const reads: Promise<void>[] = [];
    for (let number = Math.floor(sector / BLOCK_SECTORS); number * BLOCK_SECTORS < end; number += 1) {
      const at = (number * BLOCK_SECTORS - sector) * SECTOR;
      const place = (block: Uint8Array) =>
        into.set(block.subarray(Math.max(0, -at), Math.min(BLOCK_BYTES, into.length - at)), Math.max(0, at));
      const kept = memory.get(number);
      const slot = slots.get(number);
      if (kept !== undefined) place(kept);
      else if (slot !== undefined) {
        const bytes = new Uint8Array(BLOCK_BYTES);
        reads.push(store().then((from) => Promise.resolve(from.read(slot, bytes)).then(() => place(bytes))));
      }
    }
    return reads.length > 0 ? Promise.all(reads).then(() => {}) : undefined;
  }

  return device;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
};
