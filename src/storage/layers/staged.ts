/** A device whose writes wait until it is settled: then they reach the device behind, in the order in which they came. */

import { type BlockDevice, type MaybePromise, SECTOR, sizeOf } from '../block-device.ts';
import { DeviceFullError } from '../errors.ts';
import { checkRange } from '../range.ts';
import type { Spill } from './changes.ts';

const BLOCK_SECTORS = 8;
const BLOCK_BYTES = BLOCK_SECTORS * SECTOR;
const MIB = 1024 * 1024;

export interface StagedOptions {
  /** Blocks that wait in memory. */
  readonly memoryMib: number;
  /** Opened when that is full. Default: more is refused. */
  readonly spill?: (() => MaybePromise<Spill>) | undefined;
  /** Blocks that wait altogether; default: `memoryMib`. */
  readonly limitMib?: number | undefined;
}

export interface Staged extends BlockDevice {
  /**
   * Writes what waits, with a flush wherever there was one; from then on everything goes straight to the device behind. When it
   * rejects, some of it may have been written, none of it out of order.
   */
  settle(): Promise<void>;
  /** Lets go of what waits. Neither the device nor what is behind may be used through it any more. */
  close(): Promise<void>;
}

/** A block that waits: in memory, or in a slot of the spill. */
type Kept = Uint8Array | number;

/**
 * For a mount that may yet be refused: until it stands nothing of the image changes. Blocks that are equal to what is behind do not
 * wait, as most of what replaying a journal writes. A write beyond the limit rejects with DeviceFullError.
 */
export function staged(behind: BlockDevice, { memoryMib, spill, limitMib = memoryMib }: StagedOptions): Staged {
  const { write: writeBehind, flush: flushBehind, discard: discardBehind } = behind;
  if (!writeBehind) throw new TypeError('what is behind cannot be written');
  const most = spill === undefined ? memoryMib : Math.max(memoryMib, limitMib);
  /** What was written between two flushes; the last one is being written. */
  let epochs: Map<number, Kept>[] = [new Map()];
  let waiting = 0;
  let inMemory = 0;
  let nextSlot = 0;
  let opened: Promise<Spill> | undefined;
  let isSettled = false;
  /** Calls take turns while writes wait: each looks at what the ones before have left. */
  let last: Promise<unknown> = Promise.resolve();

  const inTurn = <T>(work: () => MaybePromise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  const store = (): Promise<Spill> => {
    if (spill === undefined) throw new DeviceFullError(most);
    opened ??= Promise.resolve(spill());
    return opened;
  };
  const bytesOf = async (kept: Kept): Promise<Uint8Array> => {
    if (typeof kept !== 'number') return kept;
    const bytes = new Uint8Array(BLOCK_BYTES);
    await (await store()).read(kept, bytes);
    return bytes;
  };
  const newest = (number: number): Kept | undefined => {
    for (let i = epochs.length - 1; i >= 0; i -= 1) {
      const kept = epochs[i]?.get(number);
      if (kept !== undefined) return kept;
    }
    return undefined;
  };

  async function keep(number: number, block: Uint8Array): Promise<void> {
    const current = epochs.at(-1);
    const known = current?.get(number);
    if (known !== undefined) {
      if (typeof known === 'number') await (await store()).write(known, block);
      else known.set(block);
      return;
    }
    if ((waiting + 1) * BLOCK_BYTES > most * MIB) throw new DeviceFullError(most);
    let kept: Kept = block;
    if ((inMemory + 1) * BLOCK_BYTES > memoryMib * MIB) {
      kept = nextSlot++;
      await (await store()).write(kept, block);
    } else inMemory += 1;
    waiting += 1;
    current?.set(number, kept);
  }

  /** The blocks that a range touches, as they are behind, and as many bytes as there are. */
  async function blocksBehind(first: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array((end - first) * BLOCK_BYTES);
    const sectors = Math.min(end * BLOCK_SECTORS, behind.sectors) - first * BLOCK_SECTORS;
    await behind.read(first * BLOCK_SECTORS, bytes.subarray(0, sectors * SECTOR));
    return bytes;
  }

  async function put(sector: number, from: Uint8Array): Promise<void> {
    const first = Math.floor(sector / BLOCK_SECTORS);
    const end = Math.ceil((sector + from.length / SECTOR) / BLOCK_SECTORS);
    const below = await blocksBehind(first, end);
    for (let number = first; number < end; number += 1) {
      const there = below.subarray((number - first) * BLOCK_BYTES, (number - first + 1) * BLOCK_BYTES);
      const kept = newest(number);
      const block = (kept === undefined ? there : await bytesOf(kept)).slice();
      const at = number * BLOCK_BYTES - sector * SECTOR;
      block.set(from.subarray(Math.max(0, at), Math.min(from.length, at + BLOCK_BYTES)), Math.max(0, -at));
      if (kept !== undefined || !isSame(block, there)) await keep(number, block);
    }
  }

  async function show(sector: number, into: Uint8Array): Promise<void> {
    await behind.read(sector, into);
    if (waiting === 0) return;
    const end = sector + into.length / SECTOR;
    for (let number = Math.floor(sector / BLOCK_SECTORS); number * BLOCK_SECTORS < end; number += 1) {
      const kept = newest(number);
      if (kept === undefined) continue;
      const at = (number * BLOCK_SECTORS - sector) * SECTOR;
      const block = await bytesOf(kept);
      into.set(block.subarray(Math.max(0, -at), Math.min(BLOCK_BYTES, into.length - at)), Math.max(0, at));
    }
  }

  async function writeAll(): Promise<void> {
    for (const [i, epoch] of epochs.entries()) {
      if (i > 0) await flushBehind?.call(behind);
      for (const [number, kept] of epoch) {
        const block = await bytesOf(kept);
        const sectors = Math.min(BLOCK_SECTORS, behind.sectors - number * BLOCK_SECTORS);
        await writeBehind?.call(behind, number * BLOCK_SECTORS, block.subarray(0, sectors * SECTOR));
      }
    }
    isSettled = true;
    await forget();
  }

  async function forget(): Promise<void> {
    epochs = [new Map()];
    [waiting, inMemory] = [0, 0];
    if (opened) await (await opened).close();
    opened = undefined;
  }

  const device: Staged = {
    ...sizeOf(behind),
    get writesAtOnce() {
      return isSettled && behind.writesAtOnce === true;
    },
    read(sector, into) {
      checkRange(device, sector, into.length);
      if (isSettled) return behind.read(sector, into);
      return inTurn(() => (isSettled ? behind.read(sector, into) : show(sector, into)));
    },
    write(sector, from) {
      checkRange(device, sector, from.length);
      if (isSettled) return writeBehind.call(behind, sector, from);
      const copy = from.slice();
      return inTurn(() => (isSettled ? writeBehind.call(behind, sector, copy) : put(sector, copy)));
    },
    flush() {
      if (isSettled) return flushBehind?.call(behind);
      return inTurn(() => {
        if (isSettled) return flushBehind?.call(behind);
        if (epochs.at(-1)?.size !== 0) epochs.push(new Map());
      });
    },
    // What is discarded may stay as it is; until it is settled it does.
    ...(discardBehind && {
      discard(sector: number, sectors: number) {
        checkRange(device, sector, sectors * SECTOR);
        if (isSettled) return discardBehind.call(behind, sector, sectors);
      },
    }),
    settle: () => inTurn(() => (isSettled ? undefined : writeAll())),
    close: () => inTurn(() => (isSettled ? undefined : forget())),
  };
  return device;
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
};
