/** Ways to damage an image, each decided by a seed. */

import { type BlockDevice, SECTOR } from '../../src/storage/block-device.ts';
import type { MemoryDevice } from '../../src/storage/memory.ts';
import { slice } from '../../src/storage/slice.ts';

/** Mulberry32. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

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

export type Damage = (image: MemoryDevice, used: readonly number[], seed: number, rounds: number) => BlockDevice;
export const kinds: Readonly<Record<string, Damage>> = { spots: damaged, cuts: cut, flips: flipped };
