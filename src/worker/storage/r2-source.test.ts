/** Objects in R2 as disks: the laws on a real bucket, and what it does when the bucket or the network misbehaves. */

import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { describeBlockDevice, expectBytes, read } from '../../../test/contract/block-device.ts';
import { generatedSector, randomBytes, seededRandom } from '../../../test/fakes/block-devices.ts';
import { SECTOR } from '../../storage/block-device.ts';
import { ImageChangedError, ImageNotFoundError } from '../../storage/errors.ts';
import { cached } from '../../storage/layers/cached.ts';
import { overlay } from '../../storage/layers/overlay.ts';
import { openDisk } from '../../storage/open-disk.ts';
import { r2Source } from './r2-source.ts';

const bucket = env.IMAGES;
type Bucket = Parameters<typeof r2Source>[0];

/** The object as a disk, asked anew at every read. */
const r2Device = async (...object: Parameters<typeof r2Source>) =>
  (await openDisk(await r2Source(...object), { format: 'raw' })).device;

/** Store an image; answers its key. */
async function stored(image: Uint8Array<ArrayBuffer>, key = 'image'): Promise<string> {
  await bucket.put(key, image);
  return key;
}

describeBlockDevice('R2', { writable: false }, async (image) => r2Device(bucket, await stored(image)));

describeBlockDevice('R2 behind a cache', { writable: false }, async (image) =>
  cached(await r2Device(bucket, await stored(image)), { maxMib: 0.25 }),
);

describeBlockDevice('overlay over R2 behind a cache', { writable: true }, async (image) =>
  overlay(cached(await r2Device(bucket, await stored(image)), { maxMib: 0.25 })),
);

describe('R2', () => {
  const image = randomBytes(64 * SECTOR + 3, seededRandom(9));

  it('reports size and etag of the object it opened', async () => {
    const object = await bucket.put('image', image);
    expect(await r2Source(bucket, 'image')).toMatchObject({ sizeBytes: 64 * SECTOR + 3, etag: object?.etag });
  });

  it('has no device for an image that is not there', async () => {
    await expect(r2Device(bucket, 'nowhere')).rejects.toThrow(ImageNotFoundError);
    await expect(r2Device(bucket, 'nowhere')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is an error, not mixed data, once the object was replaced', async () => {
    const device = await r2Device(bucket, await stored(image));
    await read(device, 0, 8);
    await stored(randomBytes(image.length, seededRandom(10)));
    await expect(read(device, 8, 8)).rejects.toThrow(ImageChangedError);
    await stored(randomBytes(10, seededRandom(10)));
    await expect(read(device, 8, 8)).rejects.toMatchObject({ name: 'ImageChangedError', code: 'ESTALE' });
  });

  it('is an error once the object was deleted', async () => {
    const device = await r2Device(bucket, await stored(image));
    await bucket.delete('image');
    await expect(read(device, 0, 1)).rejects.toThrow(ImageChangedError);
  });

  it('passes a changed object on through cache and overlay', async () => {
    const large = randomBytes(512 * 1024, seededRandom(4));
    const device = overlay(cached(await r2Device(bucket, await stored(large)), { maxMib: 1 }));
    const expected = await read(device, 0, 1);
    await stored(image);
    expectBytes(await read(device, 0, 1), expected);
    await expect(read(device, 900, 1)).rejects.toThrow(ImageChangedError);
  });

  it('has at most six requests in flight', async () => {
    let inFlight = 0;
    let most = 0;
    const device = await r2Device(
      withGet(async (get) => {
        most = Math.max(most, ++inFlight);
        const found = await get();
        inFlight -= 1;
        return found;
      }),
      await stored(image),
    );
    const all = await Promise.all(Array.from({ length: 40 }, (_, sector) => read(device, sector, 1)));
    all.forEach((bytes, sector) => {
      expectBytes(bytes, image.subarray(sector * SECTOR, (sector + 1) * SECTOR));
    });
    expect(most).toBe(6);
  });

  interface Wrong {
    readonly bytes: number;
    readonly size?: number;
    readonly range?: { readonly offset: number; readonly length: number };
  }
  it.each<[string, Wrong]>([
    ['shorter', { bytes: SECTOR - 1 }],
    ['longer', { bytes: SECTOR + 1 }],
    ['empty', { bytes: 0 }],
    ['the whole object', { bytes: image.length }],
    ['another range', { bytes: SECTOR, range: { offset: 512, length: SECTOR } }],
    ['of another length of the object', { bytes: SECTOR, size: image.length + 1 }],
  ])('asks again when a response is %s, and takes what is right then', async (_, { bytes, range, size }) => {
    for (const failures of [2, 3]) {
      let gets = 0;
      const device = await r2Device(
        withGet(async (get) => {
          const { etag, size: whole } = (await get()) as R2ObjectBody;
          if (++gets > failures) return get();
          const body = new Blob([new Uint8Array(bytes)]).stream();
          return { etag, size: size ?? whole, body, ...(range && { range }) } as R2ObjectBody;
        }),
        await stored(image),
        { pause: async () => {} },
      );
      const reading = read(device, 0, 1);
      if (failures === 2) expectBytes(await reading, image.subarray(0, SECTOR));
      else
        await expect(reading).rejects.toMatchObject({ name: 'ReadFailedError', problem: { name: 'storage-failed' } });
      expect(gets).toBe(3);
    }
  });

  it('does not take another version for this one, whatever was asked for', async () => {
    const device = await r2Device(
      withGet(async (get) => {
        const { size } = (await get()) as R2ObjectBody;
        return { etag: 'another', size, body: new Blob([new Uint8Array(SECTOR)]).stream() } as R2ObjectBody;
      }),
      await stored(image),
    );
    await expect(read(device, 0, 1)).rejects.toThrow(ImageChangedError);
  });

  it.each([
    'get: We encountered an internal error. Please try again. (10001)',
    'get: Service is temporarily unavailable (10043)',
    'get: Client disconnected (10054)',
    'get: Reduce your rate of simultaneous reads on the same object. (10058)',
    'get: Unspecified error (0)',
    'Network connection lost.',
  ])('tries again, twice and after a pause, after «%s»', async (message) => {
    for (const failures of [2, 3]) {
      let gets = 0;
      const pauses: number[] = [];
      const device = await r2Device(
        withGet(async (get) => {
          if (++gets <= failures) throw new Error(message);
          return get();
        }),
        await stored(image),
        { pause: async (ms) => void pauses.push(ms) },
      );
      const reading = read(device, 1, 1);
      if (failures === 2) expectBytes(await reading, image.subarray(SECTOR, 2 * SECTOR));
      else await expect(reading).rejects.toMatchObject({ name: 'ReadFailedError', code: 'EIO' });
      expect(gets).toBe(3);
      expect(pauses).toEqual([100, 400]);
    }
  });

  it('does not repeat what cannot get better', async () => {
    let gets = 0;
    const device = await r2Device(
      withGet(async () => {
        gets += 1;
        throw new Error('get: Missing or invalid authentication credentials (10002)');
      }),
      await stored(image),
    );
    await expect(read(device, 0, 1)).rejects.toMatchObject({ code: 'EIO', cause: expect.any(Error) });
    expect(gets).toBe(1);
  });

  it('is read in few large requests by a sequential reader behind a cache', async () => {
    const sectors = (32 * 1024 * 1024) / SECTOR;
    const large = new Uint8Array(sectors * SECTOR);
    for (let sector = 0; sector < sectors; sector += 1) large.set(generatedSector(sector), sector * SECTOR);
    const lengths: number[] = [];
    const bucketOf32Mib = withGet((get, length) => {
      lengths.push(length);
      return get();
    });
    const device = cached(await r2Device(bucketOf32Mib, await stored(large)), { maxMib: 16 });
    for (let sector = 0; sector < sectors; sector += 2048) {
      expectBytes(await read(device, sector, 2048), large.subarray(sector * SECTOR, (sector + 2048) * SECTOR));
    }
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(large.length);
    expect(lengths.length).toBeLessThanOrEqual(11);
    expect(Math.max(...lengths)).toBe(4 * 1024 * 1024);
  });
});

type Found = Promise<R2ObjectBody | R2Object | null>;

/** The bucket, with `get` intercepted. */
function withGet(intercept: (get: () => Found, length: number) => Found): Bucket {
  return {
    head: (key: string) => bucket.head(key),
    get: (key: string, options: R2GetOptions & { onlyIf: R2Conditional; range: { length: number } }) =>
      intercept(() => bucket.get(key, options), options.range.length),
  } as Bucket;
}
