/** The cache: the laws, sharing, its bound, reading ahead, and failures. */

import { describe, expect, it } from 'vitest';
import { describeBlockDevice, expectBytes, read } from '../../../test/contract/block-device.ts';
import {
  delayed,
  failing,
  generatedDevice,
  generatedSector,
  held,
  recorded,
  seededRandom,
} from '../../../test/fakes/block-devices.ts';
import { type BlockDevice, SECTOR } from '../block-device.ts';
import { memoryDevice } from '../memory.ts';
import { cached } from './cached.ts';
import { overlay } from './overlay.ts';

const BLOCK = 128;
const MIB = 1024 * 1024;
const GIB_SECTORS = (1024 * MIB) / SECTOR;

/** Memory for everything, for less than the image, and for nothing. */
const BOUNDS_MIB = [1, 0.25, 0.01];

for (const maxMib of BOUNDS_MIB) {
  describeBlockDevice(`cache of ${maxMib} MiB over memory`, { writable: true }, (image) =>
    cached(overlay(memoryDevice(image)), { maxMib }),
  );
  describeBlockDevice(`cache of ${maxMib} MiB over a slow device`, { writable: true }, (image) =>
    cached(delayed(overlay(memoryDevice(image)), seededRandom(1)), { maxMib }),
  );
}

/** Room for so many bytes, and how many of them are taken. */
const roomOf = (bytes: number) => {
  const room = {
    taken: 0,
    tryTake(more: number) {
      if (room.taken + more > bytes) return false;
      room.taken += more;
      return true;
    },
    give(less: number) {
      room.taken -= less;
    },
  };
  return room;
};

for (const bytes of [0, 100_000, MIB]) {
  describeBlockDevice(`cache whose room of ${bytes} bytes is smaller than its bound`, { writable: true }, (image) =>
    cached(delayed(overlay(memoryDevice(image)), seededRandom(1)), { maxMib: 4, room: roomOf(bytes) }),
  );
}

describeBlockDevice('cache over a read-only device', { writable: false }, (image) =>
  cached(memoryDevice(image), { maxMib: 1 }),
);

describe('cache', () => {
  it('holds what its room has, and counts there what it holds', async () => {
    const room = roomOf(3 * BLOCK * SECTOR);
    const device = cached(generatedDevice(100 * BLOCK), { maxMib: 16, room });
    for (let block = 0; block < 100; block++) {
      expectBytes(await read(device, block * BLOCK, 1), generatedSector(block * BLOCK));
      expect(room.taken).toBe(device.heldBytes);
    }
    expect(room.taken).toBeGreaterThan(0);
  });

  it('answers a hit without a promise and without its device', async () => {
    const behind = recorded(delayed(generatedDevice(1024), seededRandom(1)));
    const device = cached(behind, { maxMib: 1 });
    const into = new Uint8Array(SECTOR);
    expect(device.read(130, into)).toBeInstanceOf(Promise);
    await read(device, 130, 1);
    expect(device.read(131, into)).toBeUndefined();
    expectBytes(into, generatedSector(131));
    expect(behind.reads).toEqual([[BLOCK, BLOCK]]);
  });

  it('shares one read between all who want a block in flight', async () => {
    const waiting = held(generatedDevice(1024));
    const behind = recorded(waiting);
    const device = cached(behind, { maxMib: 1 });
    const readings = [read(device, 0, 1), read(device, 0, 1), read(device, 100, 28), read(device, 0, 128)];
    await macrotask();
    expect(behind.reads).toEqual([[0, BLOCK]]);
    waiting.release();
    expectBytes((await Promise.all(readings))[1] ?? new Uint8Array(), generatedSector(0));
    expect(behind.reads).toEqual([[0, BLOCK]]);
  });

  it('reads adjacent missing blocks at once, and only the missing', async () => {
    const behind = recorded(generatedDevice(8192));
    const device = cached(behind, { maxMib: 16 });
    await read(device, 20 * BLOCK + 5, 1);
    behind.reads.length = 0;
    await read(device, 10 * BLOCK + 5, 20 * BLOCK);
    expect(behind.reads.slice(0, 2)).toEqual([
      [10 * BLOCK, 10 * BLOCK],
      [21 * BLOCK, 10 * BLOCK],
    ]);
  });

  it('reads further and further ahead of a sequential reader, up to 4 MiB at a time', async () => {
    const behind = recorded(delayed(generatedDevice(GIB_SECTORS), seededRandom(1)));
    const device = cached(behind, { maxMib: 16 });
    for (let sector = 0; sector < 64 * 2048; sector += 256) await read(device, sector, 256);
    const lengths = behind.reads.map(([, sectors]) => (sectors * SECTOR) / MIB);
    expect(lengths.slice(0, 6)).toEqual([0.125, 0.25, 0.5, 1, 2, 4]);
    expect(new Set(lengths.slice(5))).toEqual(new Set([4]));
    expect(lengths.length).toBeLessThan(6 + 64 / 4 + 2);
    behind.reads.reduce((end, [sector, sectors]) => {
      expect(sector).toBe(end);
      return sector + sectors;
    }, 0);
  });

  it('has the next window before a sequential reader gets there', async () => {
    const device = cached(delayed(generatedDevice(GIB_SECTORS), seededRandom(1)), { maxMib: 16 });
    let waits = 0;
    for (let sector = 0; sector < 64 * 2048; sector += 256) {
      if (device.read(sector, new Uint8Array(256 * SECTOR)) instanceof Promise) waits += 1;
      await macrotask();
    }
    expect(waits).toBe(2);
  });

  it('reads ahead with half of its memory at most', async () => {
    const waiting = held(generatedDevice(GIB_SECTORS));
    const device = cached(waiting, { maxMib: 1 });
    const streams = [0, GIB_SECTORS / 2, GIB_SECTORS / 4, GIB_SECTORS / 8];
    for (const sector of [0, BLOCK]) {
      const readings = streams.map((start) => read(device, start + sector, 1));
      waiting.release();
      await Promise.all(readings);
    }
    expect(waiting.waitingBytes()).toBe(MIB / 2);
  });

  it('keeps reading ahead of several interleaved streams, over blocks it already has', async () => {
    const behind = recorded(delayed(generatedDevice(GIB_SECTORS), seededRandom(1)));
    const device = cached(behind, { maxMib: 32 });
    const streams = [0, GIB_SECTORS / 2, GIB_SECTORS / 4];
    for (const start of streams) await read(device, start + 40 * BLOCK, 1);
    for (let at = 0; at < 8 * 2048; at += 64) {
      for (const start of streams) expectBytes(await read(device, start + at, 1), generatedSector(start + at));
    }
    expect(behind.reads.length).toBeLessThan(3 * 14);
  });

  it('does not read ahead of random reads', async () => {
    const behind = recorded(delayed(generatedDevice(GIB_SECTORS), seededRandom(1)));
    const device = cached(behind, { maxMib: 4 });
    const random = seededRandom(5);
    for (let count = 0; count < 200; count += 1) await read(device, random(GIB_SECTORS / BLOCK) * BLOCK, 8);
    const blocks = behind.reads.reduce((sum, [, sectors]) => sum + sectors / BLOCK, 0);
    expect(blocks).toBeLessThan(210);
  });

  it('keeps what was used last', async () => {
    const behind = recorded(generatedDevice(GIB_SECTORS));
    const device = cached(behind, { maxMib: 1 });
    for (let block = 0; block < 40; block += 1) {
      await read(device, 100 * block * BLOCK, 1);
      await read(device, 0, 1);
    }
    expect(behind.reads.length).toBe(40);
    for (let block = 39; block > 39 - 15; block -= 1) await read(device, 100 * block * BLOCK, 1);
    expect(behind.reads.length).toBe(40);
    await read(device, 100 * BLOCK, 1);
    expect(behind.reads.length).toBe(41);
  });

  it('drops of what it has only the blocks a write touches', async () => {
    const behind = recorded(overlay(generatedDevice(GIB_SECTORS)));
    const device = cached(behind, { maxMib: 1 });
    await read(device, 0, 4 * BLOCK);
    await device.write?.(5, new Uint8Array(SECTOR));
    behind.reads.length = 0;
    await read(device, 0, 4 * BLOCK);
    expect(behind.reads).toEqual([[0, BLOCK]]);
    // The run of four is dropped to make room; the block that was read again stays.
    for (let block = 100; block < 1500; block += 100) {
      await read(device, block * BLOCK, 1);
      await read(device, 0, 1);
    }
    expect(behind.reads.filter(([sector]) => sector === 0)).toEqual([[0, BLOCK]]);
    await read(device, 3 * BLOCK, 1);
    expect(behind.reads.at(-1)).toEqual([3 * BLOCK, BLOCK]);
  });

  it('holds its bound whatever is in flight', async () => {
    const waiting = held(generatedDevice(GIB_SECTORS));
    const device = cached(waiting, { maxMib: 1 });
    const random = seededRandom(7);
    const readings: Promise<void>[] = [];
    for (let round = 0; round < 50; round += 1) {
      const start = random(GIB_SECTORS - 4096);
      for (let count = 0; count < 40; count += 1) {
        const sector = random(2) === 0 ? start + 32 * count : random(GIB_SECTORS - 8);
        readings.push(read(device, sector, 8).then((bytes) => expectBytes(bytes, sectorsFrom(sector, 8))));
      }
      expect(device.heldBytes).toBeLessThanOrEqual(MIB);
      // Buffers in flight are the cache's, or those of reads it had no memory for.
      expect(waiting.waitingBytes()).toBeLessThanOrEqual(MIB + 40 * 8 * SECTOR);
      waiting.release();
      await macrotask();
      expect(device.heldBytes).toBeLessThanOrEqual(MIB);
    }
    for (let rest = 0; rest < 10; rest += 1) {
      waiting.release();
      await macrotask();
    }
    await Promise.all(readings);
  });

  it('does not keep a read that failed', async () => {
    const bad = new Set([5]);
    const device = cached(failing(generatedDevice(1024), bad), { maxMib: 1 });
    await expect(read(device, 5, 1)).rejects.toThrow('sector 5 is bad');
    bad.clear();
    expectBytes(await read(device, 5, 1), generatedSector(5));
    expectBytes(await read(device, 4, 1), generatedSector(4));
  });

  it('shows no one an error of sectors that were only read ahead', async () => {
    const bad = new Set([5, 200, 1000, 2000]);
    const device = cached(failing(generatedDevice(4096), bad), { maxMib: 4 });
    for (let sector = 0; sector < 4096; sector += 1) {
      if (bad.has(sector)) await expect(read(device, sector, 1)).rejects.toThrow('is bad');
      else expectBytes(await read(device, sector, 1), generatedSector(sector));
    }
    expect(device.heldBytes).toBeLessThanOrEqual(4 * MIB);
  });

  it('shows an error to every reader in flight, and a device that throws at once too', async () => {
    const device = cached(failing(generatedDevice(1024), new Set([5])), { maxMib: 1 });
    const results = await Promise.allSettled([read(device, 0, 8), read(device, 5, 1), read(device, 6, 1)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    const broken: BlockDevice = {
      sectors: 8,
      read: () => {
        throw new Error('no medium');
      },
    };
    expect(() => cached(broken, { maxMib: 1 }).read(0, new Uint8Array(SECTOR))).toThrow('no medium');
  });

  it('forgets what a failed write may have changed', async () => {
    const lower = memoryDevice(8);
    const tearing: BlockDevice = {
      ...lower,
      write: async (sector, from) => {
        lower.write(sector, from.subarray(0, SECTOR));
        throw new Error('torn');
      },
    };
    const device = cached(tearing, { maxMib: 1 });
    await read(device, 0, 8);
    await expect(device.write?.(0, new Uint8Array(2 * SECTOR).fill(1))).rejects.toThrow('torn');
    expectBytes(await read(device, 0, 2), new Uint8Array(2 * SECTOR).fill(1, 0, SECTOR));
  });

  it('reads a 1 TiB device anywhere within its bound', async () => {
    const sectors = 1024 * GIB_SECTORS;
    const device = cached(generatedDevice(sectors), { maxMib: 1 });
    for (const sector of [0, sectors / 2, sectors - 1]) {
      expectBytes(await read(device, sector, 1), generatedSector(sector));
    }
    expect(device.heldBytes).toBeLessThanOrEqual(3 * BLOCK * SECTOR);
  });
});

/** Let everything that can settle without I/O settle. */
const macrotask = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

function sectorsFrom(sector: number, sectors: number): Uint8Array {
  const bytes = new Uint8Array(sectors * SECTOR);
  for (let at = 0; at < sectors; at += 1) bytes.set(generatedSector(sector + at), at * SECTOR);
  return bytes;
}
