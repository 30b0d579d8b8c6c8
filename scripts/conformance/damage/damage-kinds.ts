/** Ways to damage an image, each decided by a seed. */

import { type BlockDevice, SECTOR } from '../../../src/storage/block-device.ts';
import { slice } from '../../../src/storage/layers/slice.ts';
import type { MemoryDevice } from '../../../src/storage/memory.ts';
import { random } from '../repeatable.ts';

/** `image` with up to 16 spots of its `used` sectors overwritten. */
export function damaged(image: MemoryDevice, used: readonly number[], seed: number): BlockDevice {
  const pick = random(seed);
  const spots = new Map<number, Buffer>();
  for (let count = 1 + pick(16); count > 0; count--) {
    const sector = used[pick(used.length)] ?? 0;
    const content = spots.get(sector) ?? Buffer.alloc(SECTOR);
    if (!spots.has(sector)) image.read(sector, content);
    spots.set(sector, content);
    const at = pick(SECTOR - 4);
    const kind = pick(5);
    if (kind === 0) content[at] = pick(256);
    else if (kind === 1) content[at] = (content[at] ?? 0) ^ (1 << pick(8));
    else if (kind === 2) content.fill(0xff, at, at + 4);
    else if (kind === 3) content.fill(0, at, Math.min(at + 1 + pick(64), SECTOR));
    else content.writeUInt32LE(pick(2 ** 32), at);
  }
  return {
    sectors: image.sectors,
    read(sector, into) {
      image.read(sector, into);
      for (let at = 0; at < into.length; at += SECTOR) {
        const spot = spots.get(sector + at / SECTOR);
        if (spot) into.set(spot, at);
      }
    },
  };
}

/** The first bytes of `image`; from seed to seed through all that is used of it. */
function cut(image: MemoryDevice, used: readonly number[], seed: number, rounds: number): BlockDevice {
  const pick = random(seed);
  const at = Math.floor(((seed % rounds) * used.length) / rounds);
  const sector = used[at + pick(Math.max(1, Math.floor(used.length / rounds)))] ?? 0;
  return slice(image, 0, sector * SECTOR + pick(2) * pick(SECTOR));
}

/** One bit of one sector that looks like metadata: it is not full of one byte, nor of random ones. */
function flipped(image: MemoryDevice, used: readonly number[], seed: number): BlockDevice {
  const pick = random(seed);
  const content = new Uint8Array(SECTOR);
  let sector = 0;
  for (let tries = 0; tries < 1000; tries++) {
    sector = used[pick(used.length)] ?? 0;
    image.read(sector, content);
    const zeros = content.filter((byte) => byte === 0).length;
    if (zeros > SECTOR / 8 && zeros < SECTOR - 8) break;
  }
  const set = [...content.keys()].filter((at) => content[at] !== 0);
  const at = set[pick(set.length)] ?? 0;
  content[at] = (content[at] ?? 0) ^ (1 << pick(8));
  return {
    sectors: image.sectors,
    read(first, into) {
      image.read(first, into);
      const offset = (sector - first) * SECTOR;
      if (offset >= 0 && offset < into.length) into.set(content, offset);
    },
  };
}

/** What a copy that failed leaves: 1 to 128 KiB of zeros, or of 0xff as erased flash has it, from a used sector on. */
function zeroed(image: MemoryDevice, used: readonly number[], seed: number): BlockDevice {
  const pick = random(seed);
  const first = used[pick(used.length)] ?? 0;
  const sectors = 2 << pick(8);
  const filler = pick(4) === 0 ? 0xff : 0;
  const there = new Set(used); // who saves an image saves those alone
  return remade(image, (sector, bytes) => {
    if (sector >= first && sector < first + sectors && there.has(sector)) bytes.fill(filler);
  });
}

/** Two blocks of 4 KiB that changed places: a write that went astray. */
function swapped(image: MemoryDevice, used: readonly number[], seed: number): BlockDevice {
  const pick = random(seed);
  const block = () => (used[pick(used.length)] ?? 0) & ~7;
  const [a, b] = [block(), block()];
  return remade(image, (sector, bytes) => {
    const there = sector & ~7;
    const other = there === a ? b : there === b ? a : undefined;
    if (other !== undefined && other + 8 <= image.sectors) image.read(other + (sector - there), bytes);
  });
}

/** Holes where a sparse copy lost data: every block of 64 KiB with one in eight. */
function holed(image: MemoryDevice, _used: readonly number[], seed: number): BlockDevice {
  const pick = random(seed);
  const lost = new Set<number>();
  for (let block = 0; block < image.sectors / 128 && block < 4096; block += 1) if (pick(8) === 0) lost.add(block);
  return remade(image, (sector, bytes) => {
    if (lost.has(sector >>> 7)) bytes.fill(0);
  });
}

function remade(image: MemoryDevice, change: (sector: number, bytes: Uint8Array) => void): BlockDevice {
  return {
    sectors: image.sectors,
    read(sector, into) {
      image.read(sector, into);
      for (let at = 0; at < into.length; at += SECTOR) change(sector + at / SECTOR, into.subarray(at, at + SECTOR));
    },
  };
}

export type Damage = (image: MemoryDevice, used: readonly number[], seed: number, rounds: number) => BlockDevice;
export const kinds: Readonly<Record<string, Damage>> = {
  spots: damaged,
  cuts: cut,
  flips: flipped,
  zeros: zeroed,
  swaps: swapped,
  holes: holed,
};
