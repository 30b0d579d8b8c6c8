/** Block devices for tests: seeded data, and wrappers that watch, delay, hold or break what they wrap. */

import { type BlockDevice, type MaybePromise, SECTOR } from '../../src/storage/block-device.ts';
import { checkRange } from '../../src/storage/range.ts';

/** A deterministic source of whole numbers in `[0, below)` (xorshift32). */
export type Random = (below: number) => number;

export function seededRandom(seed: number): Random {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Bytes with no two sectors alike. */
export function randomBytes(length: number, random: Random): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = random(2 ** 32);
  return new Uint8Array(words.buffer, 0, length);
}

/** Every sector of `generatedDevice` starts with its own number, then repeats its lowest byte. */
export function generatedSector(sector: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR).fill(sector % 251);
  new DataView(bytes.buffer).setFloat64(0, sector);
  return bytes;
}

/** A device of any size that holds nothing: its data is made when it is read. */
export function generatedDevice(sectors: number): BlockDevice {
  const device: BlockDevice = {
    sectors,
    read(sector, into) {
      checkRange(device, sector, into.length);
      for (let at = 0; at < into.length; at += SECTOR) into.set(generatedSector(sector + at / SECTOR), at);
    },
  };
  return device;
}

/** `device` with its reads intercepted; the other powers are passed on as they are. */
function withRead(device: BlockDevice, read: BlockDevice['read']): BlockDevice {
  return {
    sectors: device.sectors,
    read,
    ...(device.write && { write: device.write.bind(device) }),
    ...(device.flush && { flush: device.flush.bind(device) }),
    ...(device.discard && { discard: device.discard.bind(device) }),
  };
}

/** Notes each read as `[sector, sectors]`. */
export function recorded(device: BlockDevice): BlockDevice & { readonly reads: [number, number][] } {
  const reads: [number, number][] = [];
  const read = (sector: number, into: Uint8Array) => {
    reads.push([sector, into.length / SECTOR]);
    return device.read(sector, into);
  };
  return { ...withRead(device, read), reads };
}

/** Fails each read that touches a sector of `bad`, after having spoilt the buffer. */
export function failing(device: BlockDevice, bad: ReadonlySet<number>): BlockDevice {
  return withRead(device, async (sector, into) => {
    await device.read(sector, into);
    for (let at = sector; at < sector + into.length / SECTOR; at += 1) {
      if (!bad.has(at)) continue;
      into.fill(0xee);
      throw new Error(`sector ${at} is bad`);
    }
  });
}

/** Reads wait, in flight, until `release` lets all of them go; `waitingBytes` are their buffers. */
export function held(device: BlockDevice): BlockDevice & { release(): void; waitingBytes(): number } {
  const waiting = new Map<() => void, number>();
  const read = async (sector: number, into: Uint8Array) => {
    await new Promise<void>((resolve) => waiting.set(resolve, into.length));
    await device.read(sector, into);
  };
  return Object.assign(withRead(device, read), {
    release: () => {
      for (const resolve of waiting.keys()) resolve();
      waiting.clear();
    },
    waitingBytes: () => [...waiting.values()].reduce((sum, length) => sum + length, 0),
  });
}

/**
 * Every call takes effect somewhere within a seeded number of microtasks and settles after some more, so that
 * calls in flight overtake one another, the same way in each run.
 */
export function delayed(device: BlockDevice, random: Random): BlockDevice {
  const wait = async () => {
    for (let ticks = random(20); ticks > 0; ticks -= 1) await undefined;
  };
  const late = async (apply: () => MaybePromise<void>) => {
    await wait();
    await apply();
    await wait();
  };
  const { write, flush, discard } = device;
  return {
    sectors: device.sectors,
    read: (sector, into) => late(() => device.read(sector, into)),
    ...(write && { write: (sector, from) => late(() => write.call(device, sector, from)) }),
    ...(flush && { flush: () => late(() => flush.call(device)) }),
    ...(discard && { discard: (sector, sectors) => late(() => discard.call(device, sector, sectors)) }),
  };
}

/** `device` with some bytes other than they were. */
export function changed(device: BlockDevice, bytes: Readonly<Record<number, readonly number[]>>): BlockDevice {
  return {
    sectors: device.sectors,
    async read(sector, into) {
      await device.read(sector, into);
      for (const [at, field] of Object.entries(bytes)) {
        for (const [i, byte] of field.entries()) {
          const offset = Number(at) + i - sector * SECTOR;
          if (offset >= 0 && offset < into.length) into[offset] = byte;
        }
      }
    },
  };
}
