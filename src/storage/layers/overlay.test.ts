/** The overlay: the laws over lowers fast and slow, its limit, and what it says of itself. */

import { describe, expect, it } from 'vitest';
import { describeBlockDevice, expectBytes, read } from '../../../test/contract/block-device.ts';
import {
  delayed,
  generatedDevice,
  generatedSector,
  randomBytes,
  recorded,
  seededRandom,
} from '../../../test/fakes/block-devices.ts';
import { SECTOR } from '../block-device.ts';
import { DeviceFullError, NoMemoryForWritesError } from '../errors.ts';
import { memoryDevice } from '../memory.ts';
import { type Overlay, overlay } from './overlay.ts';

const MIB_SECTORS = (1024 * 1024) / SECTOR;
const TIB_SECTORS = 1024 * 1024 * MIB_SECTORS;

describeBlockDevice('overlay over memory', { writable: true }, (image) => overlay(memoryDevice(image)));

describeBlockDevice('overlay over a slow device', { writable: true }, (image) =>
  overlay(delayed(memoryDevice(image), seededRandom(1))),
);

describeBlockDevice('overlay over overlay', { writable: true }, (image) => overlay(overlay(memoryDevice(image))));

describeBlockDevice('overlay restored from another', { writable: true }, (image) => {
  const lower = memoryDevice(image.length === 0 ? 0 : Math.ceil(image.length / SECTOR));
  const first = overlay(lower);
  const padded = new Uint8Array(lower.sectors * SECTOR);
  padded.set(image);
  first.write(0, padded);
  return restored(lower, first);
});

/** A fresh overlay with the upper of `from`. */
function restored(lower: Parameters<typeof overlay>[0], from: Overlay): Overlay {
  const fresh = overlay(lower);
  for (const { sector, bytes } of from.dirty()) fresh.write(sector, bytes);
  return fresh;
}

describe('overlay in a room that others share', () => {
  it('writes as long as there is room, gives back what is discarded, and changes nothing when there is none', async () => {
    let left = 64 * 1024;
    const room = {
      tryTake: (bytes: number) => {
        if (bytes > left) return false;
        left -= bytes;
        return true;
      },
      give: (bytes: number) => {
        left += bytes;
      },
    };
    const device = overlay(memoryDevice(TIB_SECTORS / 2 ** 22), { room });
    const block = new Uint8Array(4096).fill(7);
    let written = 0;
    const fill = () => {
      for (;;) device.write(8 * written++, block);
    };
    expect(fill).toThrow(NoMemoryForWritesError);
    // The memory is the service's, not the image's.
    expect(new NoMemoryForWritesError().problem.name).toBe('service-busy');
    expect(device.usedBytes).toBe((written - 1) * 4096);
    expect(left).toBeLessThan(4096 + 64);
    expectBytes(await read(device, 8 * (written - 1), 1), new Uint8Array(SECTOR));
    device.discard(0, 8);
    expect(left).toBeGreaterThanOrEqual(4096);
  });
});

describe('overlay', () => {
  it('leaves its lower device untouched', () => {
    const lower = memoryDevice(64);
    lower.write(0, new Uint8Array(64 * SECTOR).fill(1));
    const device = overlay(lower);
    device.write(3, new Uint8Array(20 * SECTOR).fill(2));
    device.discard(0, 64);
    const bytes = new Uint8Array(64 * SECTOR);
    lower.read(0, bytes);
    expect(bytes.every((byte) => byte === 1)).toBe(true);
  });

  it('answers without a promise when its lower does, and writes without one in any case', () => {
    const sector = new Uint8Array(SECTOR);
    expect(overlay(memoryDevice(8)).read(0, sector)).toBeUndefined();
    const slow = overlay(delayed(memoryDevice(8), seededRandom(1)));
    expect(slow.read(0, sector)).toBeInstanceOf(Promise);
    expect(slow.write(0, sector)).toBeUndefined();
    expect(slow.read(0, sector)).toBeUndefined();
  });

  it('does not read its lower in order to write, nor for what it has itself', async () => {
    const lower = recorded(memoryDevice(64));
    const device = overlay(lower);
    device.write(5, new Uint8Array(9 * SECTOR).fill(3));
    await read(device, 5, 9);
    expect(lower.reads).toEqual([]);
    await read(device, 4, 9);
    expect(lower.reads).toEqual([[4, 9]]);
  });

  it('refuses with ENOSPC a write past its limit, changing nothing, and goes on', async () => {
    const device = overlay(memoryDevice(4 * MIB_SECTORS), { limitMib: 1 });
    device.write(0, new Uint8Array(SECTOR * (MIB_SECTORS - 8)).fill(1));
    const tooMuch = new Uint8Array(SECTOR * 16).fill(2);
    expect(() => device.write(MIB_SECTORS - 16, tooMuch)).not.toThrow();
    expect(device.usedBytes).toBe(1024 * 1024);
    expect(() => device.write(MIB_SECTORS - 8, tooMuch)).toThrow(DeviceFullError);
    expect(() => device.write(MIB_SECTORS - 8, tooMuch)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    expect(device.usedBytes).toBe(1024 * 1024);
    const around = await read(device, MIB_SECTORS - 8, 16);
    expect(around.subarray(0, 8 * SECTOR).every((byte) => byte === 2)).toBe(true);
    expect(around.subarray(8 * SECTOR).every((byte) => byte === 0)).toBe(true);
    device.write(0, tooMuch);
    device.discard(0, 8);
    device.write(2 * MIB_SECTORS, new Uint8Array(SECTOR));
  });

  it('costs nothing over a 1 TiB device but the blocks written to it', async () => {
    const device = overlay(generatedDevice(TIB_SECTORS));
    expect(device.usedBytes).toBe(0);
    const sectors = [0, 5, TIB_SECTORS / 2, TIB_SECTORS - 1];
    for (const sector of sectors) device.write(sector, new Uint8Array(SECTOR).fill(9));
    expect(device.usedBytes).toBe(3 * 4096);
    expect([...device.dirty()].map((extent) => extent.sector)).toEqual(sectors);
    expectBytes(await read(device, TIB_SECTORS - 2, 1), generatedSector(TIB_SECTORS - 2));
    expectBytes(await read(device, TIB_SECTORS - 1, 1), new Uint8Array(SECTOR).fill(9));
    device.discard(0, TIB_SECTORS);
    expect(device.usedBytes).toBe(0);
    expectBytes(await read(device, TIB_SECTORS - 1, 1), new Uint8Array(SECTOR));
    expectBytes(await read(device, TIB_SECTORS - 9, 1), generatedSector(TIB_SECTORS - 9));
  });

  it('tells all that differs from the lower, discarded blocks too', async () => {
    const lower = generatedDevice(4096);
    const random = seededRandom(21);
    const device = overlay(lower);
    for (let round = 0; round < 200; round += 1) {
      const sector = random(4000);
      if (random(3) === 0) device.discard(sector, random(97));
      else device.write(sector, randomBytes(SECTOR * (1 + random(20)), random));
    }
    expectBytes(await read(restored(lower, device), 0, 4096), await read(device, 0, 4096));
  });
});
