/** A writable device over a read-only one: what is written stays in memory, sparsely; the lower is never touched. */

import { type BlockDevice, SECTOR, sizeOf } from '../block-device.ts';
import { DeviceFullError, NoMemoryForWritesError } from '../errors.ts';
import { checkRange } from '../range.ts';
import { ownRoom, type Room } from '../room.ts';

const MIB = 1024 * 1024;
const BLOCK_SECTORS = 8;
const BLOCK_BYTES = BLOCK_SECTORS * SECTOR;

/** What remembering a block takes, its bytes aside: those that were discarded stay remembered. */
const ENTRY_BYTES = 64;

/** The bytes of every discarded block; never written. */
const ZEROS = new Uint8Array(BLOCK_BYTES);

/** A block of the upper. Sectors it does not have show the lower, so no write needs to read first. */
interface Block {
  bytes: Uint8Array;
  /** One bit a sector. */
  has: number;
}

/** Adjacent sectors of the upper. `bytes` is the upper's own memory: use it before the next write. */
export interface Extent {
  readonly sector: number;
  readonly bytes: Uint8Array;
}

/** Writes are synchronous; reads are whenever the lower's are. Writing all of `dirty()` to a fresh overlay restores this one. */
export interface Overlay extends BlockDevice {
  write(sector: number, from: Uint8Array): void;
  discard(sector: number, sectors: number): void;
  /** Bytes of data the upper holds. */
  readonly usedBytes: number;
  /** Every sector that no longer shows the lower. */
  dirty(): Iterable<Extent>;
}

/**
 * A write that would make the upper hold more than `limitMib` throws DeviceFullError, more than `room` has NoMemoryForWritesError; neither changes anything.
 * Discard turns what the upper has of whole blocks into zeros that take no memory, and leaves everything else alone.
 */
export function overlay(
  lower: BlockDevice,
  { limitMib = 64, room = ownRoom }: { readonly limitMib?: number; readonly room?: Room | undefined } = {},
): Overlay {
  const blocks = new Map<number, Block>();
  let usedBytes = 0;

  const hasWhole = (part: Part) => ((blocks.get(part.block)?.has ?? 0) & part.mask) === part.mask;

  /** Put the upper's sectors over what `into` has. */
  const copyUpper = (parts: readonly Part[], into: Uint8Array): void => {
    for (const { block: number, mask, start, end, offset } of parts) {
      const block = blocks.get(number);
      if (block === undefined) continue;
      for (const run of runsOf(block.has & mask, start, end)) {
        into.set(block.bytes.subarray(run.start * SECTOR, run.end * SECTOR), offset + (run.start - start) * SECTOR);
      }
    }
  };

  /** Its sectors read as zeros from now on; those it never had go on showing the lower. */
  const clear = (number: number): void => {
    const block = blocks.get(number);
    if (block === undefined || block.bytes === ZEROS) return;
    block.bytes = ZEROS;
    usedBytes -= BLOCK_BYTES;
    room.give(BLOCK_BYTES);
  };

  const device: Overlay = {
    ...sizeOf(lower),
    get usedBytes() {
      return usedBytes;
    },
    read(sector, into) {
      checkRange(device, sector, into.length);
      const parts = split(sector, into.length / SECTOR);
      if (parts.every(hasWhole)) return copyUpper(parts, into);
      const pending = lower.read(sector, into);
      if (pending instanceof Promise) return pending.then(() => copyUpper(parts, into));
      copyUpper(parts, into);
    },
    write(sector, from) {
      checkRange(device, sector, from.length);
      const parts = split(sector, from.length / SECTOR);
      const added = parts.filter(({ block }) => (blocks.get(block)?.bytes ?? ZEROS) === ZEROS).length * BLOCK_BYTES;
      if (usedBytes + added > limitMib * MIB) throw new DeviceFullError(limitMib);
      const entries = parts.filter(({ block }) => !blocks.has(block)).length * ENTRY_BYTES;
      if (!room.tryTake(added + entries)) throw new NoMemoryForWritesError();
      usedBytes += added;
      for (const { block: number, mask, start, end, offset } of parts) {
        const block = blocks.get(number) ?? { bytes: ZEROS, has: 0 };
        if (block.bytes === ZEROS) block.bytes = new Uint8Array(BLOCK_BYTES);
        block.bytes.set(from.subarray(offset, offset + (end - start) * SECTOR), start * SECTOR);
        block.has |= mask;
        blocks.set(number, block);
      }
    },
    discard(sector, sectors) {
      checkRange(device, sector, sectors * SECTOR);
      const first = Math.ceil(sector / BLOCK_SECTORS);
      const end = Math.floor((sector + sectors) / BLOCK_SECTORS);
      // A discard can span terabytes: walk the blocks there are when those are fewer than the blocks asked for.
      if (end - first < blocks.size) for (let number = first; number < end; number += 1) clear(number);
      else for (const number of blocks.keys()) if (number >= first && number < end) clear(number);
    },
    *dirty() {
      for (const [number, { bytes, has }] of blocks) {
        for (const { start, end } of runsOf(has, 0, BLOCK_SECTORS)) {
          yield { sector: number * BLOCK_SECTORS + start, bytes: bytes.subarray(start * SECTOR, end * SECTOR) };
        }
      }
    },
  };
  return device;
}

/** The part of a range that lies in one block: sectors `[start, end)` of it, `offset` bytes into the range. */
interface Part {
  readonly block: number;
  readonly start: number;
  readonly end: number;
  readonly mask: number;
  readonly offset: number;
}

function split(sector: number, sectors: number): Part[] {
  const parts: Part[] = [];
  for (let at = sector; at < sector + sectors; ) {
    const start = at % BLOCK_SECTORS;
    const end = Math.min(BLOCK_SECTORS, start + sector + sectors - at);
    const mask = (1 << end) - (1 << start);
    parts.push({ block: Math.floor(at / BLOCK_SECTORS), start, end, mask, offset: (at - sector) * SECTOR });
    at += end - start;
  }
  return parts;
}

/** The runs of set bits among `[start, end)`. */
function runsOf(bits: number, start: number, end: number): { start: number; end: number }[] {
  const runs: { start: number; end: number }[] = [];
  for (let bit = start; bit < end; bit += 1) {
    if ((bits & (1 << bit)) === 0) continue;
    const last = runs.at(-1);
    if (last?.end === bit) last.end = bit + 1;
    else runs.push({ start: bit, end: bit + 1 });
  }
  return runs;
}
