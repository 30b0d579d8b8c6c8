/** Volumes: the laws of a block device, versions, and what is left when storage fails at any moment. */

import { describe, expect, it } from 'vitest';
import { describeBlockDevice, expectBytes, read } from '../../../test/contract/block-device.ts';
import { randomBytes, seededRandom } from '../../../test/fakes/block-devices.ts';
import { type FakeStore, type Fault, fakeStore, StoreFault } from '../../../test/fakes/object-store.ts';
import { type BlockDevice, SECTOR } from '../block-device.ts';
import { memoryDevice } from '../memory.ts';
import { ownRoom, type Room } from '../room.ts';
import { chunkKey, decodePage, encodePage, PAGE_CHUNKS } from './chunk-map.ts';
import { collect } from './collect.ts';
import { dropVersion, rollBack } from './manage.ts';
import type { ObjectStore } from './object-store.ts';
import { UPLOADED, VersionGoneError, VolumeChangedError } from './versions.ts';
import { findVersion, versionDevice } from './volume.ts';
import { type VolumeWriter, volumeWriter, WRITER_LIFE_MS } from './writer.ts';

const BASE = 'base 1';
const CHUNK = 4096;
let writers = 0;

interface Opening {
  readonly base?: string;
  readonly room?: Room;
  readonly chunkBytes?: number;
  readonly nowMs?: () => number;
  readonly sizeBytes?: number;
  readonly othersShed?: () => Promise<boolean>;
}

async function writer(
  store: ObjectStore,
  base: BlockDevice,
  { base: baseId = BASE, room = ownRoom, chunkBytes = CHUNK, nowMs = () => 0, sizeBytes, othersShed }: Opening = {},
): Promise<VolumeWriter> {
  const found = await findVersion(store, baseId);
  const name = (++writers).toString(16).padStart(16, '0');
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  return volumeWriter({ store, base, baseId, ...found, chunkBytes, writer: name, room, othersShed, nowMs, ...size });
}

const shown = async (store: ObjectStore, base: BlockDevice, id?: string): Promise<Uint8Array> => {
  const device = versionDevice(store, await findVersion(store, BASE, id), base);
  return read(device, 0, device.sectors);
};

const filled = (sectors: number, byte: number) => new Uint8Array(sectors * SECTOR).fill(byte);

describeBlockDevice(
  'a volume that is written',
  { writable: true },
  async (image) => (await writer(fakeStore(), memoryDevice(image))).device,
);

describeBlockDevice('a version of a volume', { writable: false }, async (image) => {
  const store = fakeStore();
  const base = memoryDevice(randomBytes(image.length, seededRandom(77)));
  const { device, commit } = await writer(store, base);
  const whole = new Uint8Array(base.sectors * SECTOR);
  whole.set(image);
  await device.write(0, whole);
  await commit();
  return versionDevice(store, await findVersion(store, BASE), base);
});

describe('a volume', () => {
  const image = randomBytes(300 * CHUNK + SECTOR, seededRandom(5));
  const base = () => memoryDevice(image.slice());

  it('is what was uploaded until something is committed, and then both are versions', async () => {
    const store = fakeStore();
    const { device, commit } = await writer(store, base());
    await device.write(3, filled(1, 7));
    expect(store.objects.size).toBe(0);
    expectBytes(await shown(store, base()), image);
    const version = await commit();
    const now = image.slice();
    now.fill(7, 3 * SECTOR, 4 * SECTOR);
    expectBytes(await shown(store, base()), now);
    expectBytes(await shown(store, base(), version?.id), now);
    expectBytes(await shown(store, base(), UPLOADED), image);
    expect(version).toMatchObject({ parent: null, writtenBytes: CHUNK });
  });

  it('makes no version of what differs in nothing', async () => {
    const store = fakeStore();
    const first = await writer(store, base());
    expect(await first.commit()).toBeUndefined();
    await first.device.write(0, filled(16, 1));
    const { id } = (await first.commit()) ?? {};
    const second = await writer(store, base());
    await second.device.write(0, filled(16, 1));
    expect(await second.commit()).toBeUndefined();
    expect((await findVersion(store, BASE)).version?.id).toBe(id);
  });

  it('keeps chunks of zeros nowhere and equal ones once', async () => {
    const store = fakeStore();
    const { device, commit } = await writer(store, base());
    for (let chunk = 0; chunk < 20; chunk += 1) await device.write((chunk * CHUNK) / SECTOR, filled(8, chunk % 2));
    await commit();
    expect([...store.objects.keys()].filter((key) => key.startsWith('chunks/'))).toHaveLength(1);
    const now = await shown(store, base());
    expectBytes(
      now.subarray(0, 2 * CHUNK),
      Uint8Array.from([...new Uint8Array(CHUNK), ...new Uint8Array(CHUNK).fill(1)]),
    );
  });

  it('gives back what is discarded: the chunk is zeros, and its object is collected once no version names it', async () => {
    const store = fakeStore();
    const first = await writer(store, base());
    await first.device.write(0, filled(80, 9));
    const before = await first.commit();
    const second = await writer(store, base());
    await second.device.discard(0, 80);
    await second.commit();
    expectBytes((await shown(store, base())).subarray(0, 80 * SECTOR), new Uint8Array(80 * SECTOR));
    store.nowMs = 3 * WRITER_LIFE_MS;
    expect(await collect(store, { base: BASE, nowMs: store.nowMs })).toEqual({ objects: 0, bytes: 0 });
    await dropVersion(store, BASE, before?.id ?? '');
    expect((await collect(store, { base: BASE, nowMs: store.nowMs })).objects).toBe(3); // chunk, page, root
    expectBytes((await shown(store, base())).subarray(0, 80 * SECTOR), new Uint8Array(80 * SECTOR));
  });

  it('goes back to an older version, and on from it', async () => {
    const store = fakeStore();
    const ids: string[] = [];
    for (const byte of [1, 2, 3]) {
      const { device, commit } = await writer(store, base());
      await device.write(byte * 100, filled(8, byte));
      ids.push((await commit())?.id ?? '');
    }
    const [one = '', two = '', three = ''] = ids;
    await rollBack(store, BASE, UPLOADED);
    expectBytes(await shown(store, base()), image);
    await rollBack(store, BASE, one);
    expectBytes(await shown(store, base()), await shown(store, base(), one));
    const { device, commit } = await writer(store, base());
    await device.write(0, filled(1, 4));
    expect(await commit()).toMatchObject({ parent: one });
    const kept = (await findVersion(store, BASE)).versions.map(({ id }) => id);
    expect(kept.slice(0, 3)).toEqual([one, two, three]);
    await expect(rollBack(store, BASE, 'none')).rejects.toThrow(VersionGoneError);
    await expect(findVersion(store, BASE, 'none')).rejects.toThrow(VersionGoneError);
  });

  it('lets one of two writers win; the other changes nothing and is told', async () => {
    const store = fakeStore();
    const [one, two] = [await writer(store, base()), await writer(store, base())];
    await one.device.write(0, filled(1, 1));
    await two.device.write(8, filled(1, 2));
    const won = await one.commit();
    const after = await shown(store, base());
    await expect(two.commit()).rejects.toThrow(VolumeChangedError);
    expectBytes(await shown(store, base()), after);
    expect((await findVersion(store, BASE)).version?.id).toBe(won?.id);
  });

  it('lets a writer go on when others only drop versions', async () => {
    const store = fakeStore();
    for (const byte of [1, 2]) {
      const { device, commit } = await writer(store, base());
      await device.write(0, filled(1, byte));
      await commit();
    }
    const { device, commit } = await writer(store, base());
    await device.write(1, filled(1, 3));
    const [first] = (await findVersion(store, BASE)).versions;
    await dropVersion(store, BASE, first?.id ?? '');
    await commit();
    const versions = (await findVersion(store, BASE)).versions;
    expect(versions).toHaveLength(2);
    expect(versions.map(({ id }) => id)).not.toContain(first?.id);
  });

  it('keeps one version of a writer that commits again and again', async () => {
    const store = fakeStore();
    const { device, commit } = await writer(store, base());
    for (const byte of [1, 2, 3]) {
      await device.write(byte, filled(1, byte));
      await commit();
    }
    const { versions, version } = await findVersion(store, BASE);
    expect(versions).toEqual([version]);
    expect(version?.parent).toBeNull();
  });

  it('is forgotten when what it was begun from is replaced, and says so to its writer', async () => {
    const store = fakeStore();
    const old = await writer(store, base());
    await old.device.write(0, filled(1, 1));
    await old.commit();
    expect((await findVersion(store, 'base 2')).root).toBeUndefined();
    // A volume over the new one takes its place; a late writer over the old one does not.
    const late = await writer(store, base());
    const fresh = await writer(store, base(), { base: 'base 2' });
    await fresh.device.write(0, filled(1, 2));
    await fresh.commit();
    await late.device.write(0, filled(1, 3));
    await expect(late.commit()).rejects.toThrow(VolumeChangedError);
    expect((await findVersion(store, 'base 2')).version).toBeDefined();
    store.nowMs = 3 * WRITER_LIFE_MS;
    await collect(store, { base: 'base 2', nowMs: store.nowMs });
    expect([...store.objects.keys()].filter((key) => key.startsWith('roots/'))).toHaveLength(1);
    await collect(store, { base: undefined, nowMs: store.nowMs });
    expect([...store.objects.keys()]).toEqual(['head']);
  });

  it('needs no more memory than it is given: what does not fit waits in the store', async () => {
    const store = fakeStore();
    let taken = 0;
    let most = 0;
    const room: Room = {
      tryTake(bytes) {
        if (taken + bytes > 4 * CHUNK) return false;
        taken += bytes;
        most = Math.max(most, taken);
        return true;
      },
      give: (bytes) => {
        taken -= bytes;
      },
    };
    const written = await writer(store, base(), { room });
    const next = randomBytes(image.length, seededRandom(6));
    await written.device.write(0, next);
    expectBytes(await read(written.device, 0, base().sectors), next);
    await written.commit();
    written.close();
    expect({ most, taken }).toEqual({ most: 4 * CHUNK, taken: 0 });
    expectBytes(await shown(store, base()), next);
  });

  it('two that share a room give each other of it, and lose nothing of what is written meanwhile', async () => {
    let taken = 0;
    const room: Room = {
      tryTake(bytes) {
        if (taken + bytes > 2 * CHUNK) return false;
        taken += bytes;
        return true;
      },
      give: (bytes) => {
        taken -= bytes;
      },
    };
    const stores = [fakeStore(), fakeStore()] as const;
    const all: VolumeWriter[] = [];
    const shedBut = async (mine: number): Promise<boolean> => (await all[1 - mine]?.shed()) ?? false;
    for (const [i, store] of stores.entries())
      all.push(await writer(store, base(), { room, othersShed: () => shedBut(i) }));
    const [one, other] = all as [VolumeWriter, VolumeWriter];
    const next = [8, 9].map((seed) => randomBytes(image.length, seededRandom(seed))) as [Uint8Array, Uint8Array];
    await one.device.write(0, next[0].subarray(0, CHUNK));
    await Promise.all([one, other].map(({ device }, i) => device.write(0, next[i as 0 | 1])));
    // The first chunk is on its way to the store when it is written again.
    const shed = one.shed();
    next[0].fill(7, 0, SECTOR);
    await Promise.all([one.device.write(0, next[0].subarray(0, SECTOR)), shed]);
    for (const [i, { device, commit, close }] of [one, other].entries()) {
      expectBytes(await read(device, 0, base().sectors), next[i as 0 | 1]);
      await commit();
      close();
      expectBytes(await shown(stores[i as 0 | 1], base()), next[i as 0 | 1]);
    }
    expect(taken).toBe(0);
  });

  it('commits nothing once it is so old that what it has put may have been collected', async () => {
    let now = 0;
    const { device, commit } = await writer(fakeStore(), base(), { nowMs: () => now });
    await device.write(0, filled(1, 1));
    now = WRITER_LIFE_MS + 1;
    await expect(commit()).rejects.toThrow(VolumeChangedError);
  });

  it('maps volumes of several pages', async () => {
    const big = memoryDevice(new Uint8Array(3 * PAGE_CHUNKS * CHUNK));
    const store = fakeStore();
    const { device, commit } = await writer(store, big);
    await device.write((2 * PAGE_CHUNKS * CHUNK) / SECTOR - 4, filled(8, 5));
    await commit();
    const at = 2 * PAGE_CHUNKS * CHUNK - 4 * SECTOR;
    const now = await shown(store, big);
    expect(now.findIndex((byte) => byte !== 0)).toBe(at);
    expect(now.findLastIndex((byte) => byte !== 0)).toBe(at + 8 * SECTOR - 1);
    expect([...store.objects.keys()].filter((key) => key.startsWith('pages/'))).toHaveLength(2);
  });
});

it('writes pages and reads them again', () => {
  const object = { hash: 'ab'.repeat(32), writer: '0123456789abcdef' };
  const chunks = ['base', 'zeros', object] as const;
  const decoded = decodePage(encodePage(chunks));
  expect(decoded.slice(0, 4)).toEqual([...chunks, 'base']);
  expect(chunkKey(object)).toBe(`chunks/${object.hash}-${object.writer}`);
});

describe('when storage fails', () => {
  const image = randomBytes(40 * CHUNK, seededRandom(8));
  const base = memoryDevice(image);

  /** Three commits, each checked against what was acknowledged; answers how many calls of the store they took. */
  async function run(store: FakeStore, seed: number): Promise<void> {
    const random = seededRandom(seed);
    const model = image.slice();
    const { device, commit } = await writer(store, base);
    for (let step = 0; step < 3; step += 1) {
      const before = model.slice();
      for (let write = 0; write < 6; write += 1) {
        const sector = random(base.sectors - 20);
        const bytes = randomBytes((1 + random(20)) * SECTOR, random);
        await device.write(sector, bytes);
        model.set(bytes, sector * SECTOR);
      }
      try {
        await commit();
      } catch (cause) {
        if (!(cause instanceof StoreFault)) throw cause;
        // The old version or the new one, never between.
        const now = await shown(store.calm(), base);
        if (!same(now, before)) expectBytes(now, model);
        return;
      }
      expectBytes(await shown(store.calm(), base), model);
    }
  }

  const same = (a: Uint8Array, b: Uint8Array) => a.every((byte, at) => byte === b[at]);

  it.each(['before', 'after', 'twice'] satisfies Fault[])(
    '%s a call: each call of three commits in turn',
    async (fault) => {
      const clean = fakeStore();
      await run(clean, 3);
      for (let failing = 0; failing < clean.calls.length; failing += 1) {
        for (const lasting of [1, Number.POSITIVE_INFINITY]) {
          const store = fakeStore();
          store.fault = (_, number) => (number >= failing && number < failing + lasting ? fault : undefined);
          try {
            await run(store, 3);
          } catch (cause) {
            if (!(cause instanceof StoreFault)) throw cause; // a read of a write, which failed
          }
        }
      }
    },
  );

  it('loses nothing that was acknowledged when the answer to the last step is lost', async () => {
    const store = fakeStore();
    store.fault = (call, number) => (call === 'swap head' && number % 2 === 0 ? 'after' : undefined);
    for (let offset = 0; offset < 2; offset += 1) {
      const { device, commit } = await writer(store.calm(), base);
      await device.write(offset, filled(1, 9));
      await commit();
    }
    const { device, commit } = await writer(store, base);
    await device.write(5, filled(1, 9));
    await commit();
    expect((await shown(store.calm(), base))[5 * SECTOR]).toBe(9);
  });
});

describe('a volume of another size than what was uploaded', () => {
  const PAGE = PAGE_CHUNKS * CHUNK;
  const image = randomBytes(3 * PAGE, seededRandom(9));
  const base = () => memoryDevice(image.slice());
  const size = (bytes: number) => ({ sizeBytes: bytes });

  it('grows, with zeros behind, and each version has its own size', async () => {
    const store = fakeStore();
    const grown = image.length + 7 * CHUNK + SECTOR;
    const { device, commit } = await writer(store, base(), size(grown));
    expect(device.sectors).toBe(grown / SECTOR);
    await device.write(grown / SECTOR - 1, filled(1, 5));
    const version = await commit(grown);
    const now = new Uint8Array(grown);
    now.set(image);
    now.fill(5, grown - SECTOR);
    expect(version).toMatchObject({ sizeBytes: grown });
    expectBytes(await shown(store, base()), now);
    expectBytes(await shown(store, base(), UPLOADED), image);
  });

  it.each([PAGE + 5 * CHUNK + 3 * SECTOR, PAGE, CHUNK, SECTOR])(
    'that was cut to %i bytes shows zeros behind when it grows again, of what was uploaded and of what was written',
    async (bytes) => {
      const store = fakeStore();
      const first = await writer(store, base());
      for (const sector of [0, PAGE / SECTOR + 3, PAGE / SECTOR + 100, (2 * PAGE) / SECTOR + 9])
        await first.device.write(sector, filled(9, 7));
      await first.commit();
      const before = await shown(store, base());
      const second = await writer(store, base());
      await second.device.write(1, filled(1, 8)); // in the part that stays, or not
      await second.commit(bytes);
      const cut = before.slice(0, bytes);
      cut.fill(8, SECTOR, Math.min(2 * SECTOR, bytes));
      expectBytes(await shown(store, base()), cut);
      const third = await writer(store, base(), size(image.length + CHUNK));
      await third.commit(image.length + CHUNK);
      const now = new Uint8Array(image.length + CHUNK);
      now.set(cut);
      expectBytes(await shown(store, base()), now);
    },
  );

  it('that is opened larger and committed without a size is as large as it was', async () => {
    const store = fakeStore();
    const { device, commit } = await writer(store, base(), size(image.length + PAGE));
    await device.write(image.length / SECTOR, filled(8, 1));
    expect(await commit()).toBeUndefined();
    await expect(commit(image.length + 2 * PAGE)).rejects.toThrow(RangeError);
    expectBytes(await shown(store, base()), image);
  });
});
