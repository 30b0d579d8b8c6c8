/** The laws of a block device, as one test suite run over every implementation. */

import { describe, expect, it } from 'vitest';
import { type BlockDevice, type MaybePromise, SECTOR } from '../../src/storage/block-device.ts';
import { randomBytes, seededRandom } from '../fakes/block-devices.ts';

/** Image sizes in bytes: empty, inside one sector, one sector, an odd end, and several blocks of whatever size. */
const SIZES = [0, 100, SECTOR, 20 * 1024 + 200, 384 * 1024 + 65 * SECTOR + 1];

/** What the suite expects of an implementation beyond the laws. */
export interface Powers {
  readonly writable: boolean;
}

/** Check every law for the devices `make` gives: one that shows `image`, its last sector padded with zeros. */
export function describeBlockDevice(
  name: string,
  { writable }: Powers,
  make: (image: Uint8Array<ArrayBuffer>) => MaybePromise<BlockDevice>,
): void {
  describe.each(SIZES)(`${name}: an image of %i bytes`, (size) => {
    const sectors = Math.ceil(size / SECTOR);

    /** A device and what it must show. */
    const setUp = async () => {
      const image = randomBytes(size, seededRandom(size + 1));
      const model = new Uint8Array(sectors * SECTOR);
      model.set(image);
      return { device: await make(image), model };
    };

    it('has as many sectors as hold the image, and the powers it should have', async () => {
      const { device } = await setUp();
      expect(device.sectors).toBe(sectors);
      expect(device.write !== undefined).toBe(writable);
    });

    it('reads the image, whole and by the sector, and zeros past its end', async () => {
      const { device, model } = await setUp();
      expectBytes(await read(device, 0, sectors), model);
      for (const sector of [0, 1, 7, 8, 127, 128, sectors - 1]) {
        if (sector < 0 || sector >= sectors) continue;
        expectBytes(await read(device, sector, 1), part(model, sector, 1));
      }
    });

    it('writes nothing beside the buffer it is given, and nothing once it has settled', async () => {
      const { device, model } = await setUp();
      const around = new Uint8Array(model.length + 2 * SECTOR).fill(0x5a);
      await device.read(0, around.subarray(SECTOR, SECTOR + model.length));
      expectBytes(around.subarray(SECTOR, SECTOR + model.length), model);
      around.fill(0x5a, SECTOR, SECTOR + model.length);
      await read(device, 0, sectors);
      expect(around.every((byte) => byte === 0x5a)).toBe(true);
    });

    it('answers a range that is not inside it with a RangeError and touches nothing', async () => {
      const { device, model } = await setUp();
      const ranges: [number, number][] = [
        [-1, SECTOR],
        [sectors, SECTOR],
        [sectors + 1, 0],
        [0, (sectors + 1) * SECTOR],
        [0.5, SECTOR],
        [Number.NaN, SECTOR],
        [2 ** 53, SECTOR],
        [0, SECTOR - 1],
        [0, 1],
      ];
      for (const [sector, length] of ranges) {
        const into = new Uint8Array(length).fill(0x5a);
        await expect(settled(() => device.read(sector, into))).rejects.toThrow(RangeError);
        expect(into.every((byte) => byte === 0x5a)).toBe(true);
        if (device.write) await expect(settled(() => device.write?.(sector, into))).rejects.toThrow(RangeError);
        if (device.discard) {
          await expect(settled(() => device.discard?.(sector, length / SECTOR))).rejects.toThrow(RangeError);
        }
      }
      expectBytes(await read(device, 0, sectors), model);
    });

    it('serves many overlapping reads at once', async () => {
      const { device, model } = await setUp();
      const random = seededRandom(11);
      const one = async () => {
        const [sector, count] = randomRange(random, sectors);
        expectBytes(await read(device, sector, count), part(model, sector, count));
      };
      await Promise.all(Array.from({ length: 64 }, one));
    });

    it('stays equal to an array of bytes under random operations, disjoint ones in flight together', async () => {
      const { device, model } = await setUp();
      const random = seededRandom(size + 3);
      for (let round = 0; round < 30; round += 1) {
        await Promise.all(
          disjointRanges(random, sectors).map(([sector, count]) => operate(device, model, sector, count, random)),
        );
        if (random(4) === 0) await device.flush?.();
        if (random(4) === 0) expectBytes(await read(device, 0, sectors), model);
      }
      expectBytes(await read(device, 0, sectors), model);
    });

    if (writable) {
      it('shows a write to a read that starts after it, whatever was in flight', async () => {
        const { device, model } = await setUp();
        const random = seededRandom(size + 5);
        for (let round = 0; round < 20; round += 1) {
          const before = [read(device, ...randomRange(random, sectors)), read(device, ...randomRange(random, sectors))];
          const [sector, count] = randomRange(random, sectors);
          const from = randomBytes(count * SECTOR, random);
          model.set(from, sector * SECTOR);
          const writing = device.write?.(sector, from);
          const during = read(device, ...randomRange(random, sectors));
          await writing;
          expectBytes(await read(device, sector, count), from);
          await Promise.all([...before, during]);
          expectBytes(await read(device, 0, sectors), model);
        }
      });

      it('keeps no reference to the bytes it was given', async () => {
        const { device } = await setUp();
        const from = new Uint8Array(sectors * SECTOR).fill(1);
        await device.write?.(0, from);
        from.fill(2);
        expect((await read(device, 0, sectors)).every((byte) => byte === 1)).toBe(true);
      });
    }
  });
}

/** One random operation on a range that no other operation in flight touches; `model` follows it. */
async function operate(
  device: BlockDevice,
  model: Uint8Array,
  sector: number,
  count: number,
  random: (below: number) => number,
): Promise<void> {
  const kind = random(4);
  const here = part(model, sector, count);
  if (kind === 0 && device.write) {
    const from = randomBytes(count * SECTOR, random);
    here.set(from);
    await device.write(sector, from);
    from.fill(0);
  } else if (kind === 1 && device.discard) {
    await device.discard(sector, count);
    const after = await read(device, sector, count);
    for (let at = 0; at < after.length; at += SECTOR) {
      const is = after.subarray(at, at + SECTOR);
      const was = here.subarray(at, at + SECTOR);
      if (is.every((byte) => byte === 0)) was.fill(0);
      else expectBytes(is, was);
    }
  } else {
    expectBytes(await read(device, sector, count), here);
  }
}

/** Read into a fresh buffer. */
export async function read(device: BlockDevice, sector: number, sectors: number): Promise<Uint8Array> {
  const into = new Uint8Array(sectors * SECTOR).fill(0x5a);
  await device.read(sector, into);
  return into;
}

/** As `toEqual` does, but at the speed of a block device. */
export function expectBytes(is: Uint8Array, should: Uint8Array): void {
  expect(is.length).toBe(should.length);
  for (let at = 0; at < is.length; at += 1) {
    if (is[at] !== should[at]) expect.fail(`byte ${at} is ${is[at]} and should be ${should[at]}`);
  }
}

/** A promise for either way of answering, and of failing. */
const settled = async (call: () => MaybePromise<void>): Promise<void> => call();

const part = (bytes: Uint8Array, sector: number, sectors: number) =>
  bytes.subarray(sector * SECTOR, (sector + sectors) * SECTOR);

function randomRange(random: (below: number) => number, sectors: number): [number, number] {
  const sector = random(sectors + 1);
  return [sector, random(Math.min(sectors - sector, 300) + 1)];
}

/** Up to eight ranges, none of which overlap. */
function disjointRanges(random: (below: number) => number, sectors: number): [number, number][] {
  const cuts = Array.from({ length: 8 }, () => random(sectors + 1)).sort((a, b) => a - b);
  return cuts.map((cut, index) => [cut, Math.min((cuts[index + 1] ?? sectors) - cut, 1 + random(300))]);
}
