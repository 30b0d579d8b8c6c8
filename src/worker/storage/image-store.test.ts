/** Images in a bucket: each change on condition is one, whoever else changes the image meanwhile. */

import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { rawDevice } from '../../storage/raw-device.ts';
import { ownRoom } from '../../storage/room.ts';
import { UPLOADED } from '../../storage/volume/versions.ts';
import { findVersion } from '../../storage/volume/volume.ts';
import { volumeWriter } from '../../storage/volume/writer.ts';
import type { Condition } from './image-entry.ts';
import { type ImageStore, imageStore } from './image-store.ts';

const uniqueName = () => crypto.randomUUID();
const options = { prefix: 'images/', contents: 'contents/', volumes: 'volumes/', uniqueName, owner: 'token:one' };
const store = imageStore(env.IMAGES, options);

async function* body(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

const put = (name: string, text: string, condition: Condition = {}, into = store) =>
  into.put(name, body(text), text.length, condition);

async function uploaded(name: string, text: string, condition: Condition = {}, into = store) {
  const upload = await into.createUpload(name);
  const part = await upload.put(1, new TextEncoder().encode(text));
  return into.resumeUpload(name, upload.id).complete([part], condition);
}

async function content(name: string, version?: string): Promise<string> {
  const source = await store.source(name, version);
  const bytes = new Uint8Array(source.sizeBytes);
  await source.read(0, bytes);
  return new TextDecoder().decode(bytes);
}

const contents = async () => (await env.IMAGES.list({ prefix: 'contents/' })).objects.length;

/** A store to which `meanwhile` happens before the first note is written under an image's name. */
function racing(meanwhile: () => Promise<unknown>): ImageStore {
  let happened = false;
  const bucket = new Proxy(env.IMAGES, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        const isNote = property === 'put' && String(args[0]).startsWith('images/') && typeof args[1] === 'string';
        if (isNote && !happened) {
          happened = true;
          await meanwhile();
        }
        return Reflect.apply(value, target, args);
      };
    },
  });
  // Two of R2's methods answer at once.
  const resumeMultipartUpload = env.IMAGES.resumeMultipartUpload.bind(env.IMAGES);
  return imageStore(Object.assign(Object.create(bucket), { resumeMultipartUpload }), options);
}

describe('an image', () => {
  let name = '';
  beforeEach(() => {
    name = `store-${uniqueName()}`;
  });

  it('that came in parts is found, listed, read, replaced and deleted as any', async () => {
    const before = await contents();
    const made = await uploaded(name, 'in parts');
    expect(made).toMatchObject({ name, sizeBytes: 8, md5: undefined, owner: 'token:one' });
    expect(await store.head(name)).toEqual(made);
    expect((await store.list({ prefix: name, limit: 5 })).images).toEqual([made]);
    expect(await content(name)).toBe('in parts');
    expect((await store.source(name)).etag).toBe(made?.etag);
    await uploaded(name, 'other parts');
    expect(await contents()).toBe(before + 1);
    await put(name, 'whole');
    expect(await content(name)).toBe('whole');
    expect(await contents()).toBe(before + 1);
    await uploaded(name, 'again');
    expect(await store.delete(name, {})).toBe(true);
    expect(await store.head(name)).toBeUndefined();
    expect(await contents()).toBe(before);
  });

  it('is another version each time it is uploaded, though it has the same bytes', async () => {
    const [one, other] = [await uploaded(name, 'same'), await uploaded(name, 'same')];
    expect(one?.etag).not.toBe(other?.etag);
  });

  it('that was deleted on condition is not there, and can be made anew', async () => {
    const made = await put(name, 'x');
    expect(await store.delete(name, { ifMatch: 'another' })).toBe(false);
    expect(await store.delete(name, { ifMatch: made?.etag })).toBe(true);
    expect(await store.delete(name, {})).toBe(false);
    expect(await store.head(name)).toBeUndefined();
    expect((await store.list({ prefix: name, limit: 5 })).images).toEqual([]);
    await expect(store.source(name)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await put(name, 'y', { ifMatch: '*' })).toBeUndefined();
    expect(await put(name, 'y', { ifNoneMatch: '*' })).toMatchObject({ sizeBytes: 1 });
    expect(await store.delete(name, { ifMatch: '*' })).toBe(true);
    expect(await uploaded(name, 'z', { ifNoneMatch: '*' })).toMatchObject({ sizeBytes: 1 });
  });

  it('deleted ones are passed over in lists, however many they are', async () => {
    for (let at = 0; at < 6; at++) {
      const made = await put(`${name}-${at}`, 'x');
      if (at % 3 !== 2) await store.delete(`${name}-${at}`, { ifMatch: made?.etag });
    }
    const first = await store.list({ prefix: name, limit: 1 });
    expect(first.images.map((image) => image.name)).toEqual([`${name}-2`]);
    const rest = await store.list({ prefix: name, limit: 5, after: `${name}-2` });
    expect(rest.images.map((image) => image.name)).toEqual([`${name}-5`]);
    expect(rest.more).toBe(false);
  });

  it('stays whose it was', async () => {
    await put(name, 'x');
    const another = imageStore(env.IMAGES, { ...options, owner: 'token:two' });
    expect(await put(name, 'y', {}, another)).toMatchObject({ owner: 'token:one' });
    expect(await uploaded(name, 'z', {}, another)).toMatchObject({ owner: 'token:one' });
    await env.IMAGES.put(`images/${name}`, 'by another way');
    expect((await store.head(name))?.owner).toBeUndefined();
  });
});

describe('an image that is written', () => {
  const CHUNK = 4096;
  const nowMs = () => Date.now();

  async function write(name: string, sector: number, byte: number) {
    const { base, baseId, objects } = await store.volume(name);
    const found = await findVersion(objects, baseId);
    const writer = uniqueName().replaceAll('-', '').slice(0, 16);
    const needs = { store: objects, base: rawDevice(base), baseId, chunkBytes: CHUNK, writer, room: ownRoom, nowMs };
    const volume = volumeWriter({ ...needs, ...found });
    await volume.device.write(sector, new Uint8Array(512).fill(byte));
    return volume;
  }

  it('is another version under the same name; what was uploaded stays, and all of it goes with the image', async () => {
    const name = `written-${uniqueName()}`;
    const made = await put(name, 'a'.repeat(3000));
    const version = await (await write(name, 2, 0x62)).commit();
    const now = await store.head(name);
    expect(now).toMatchObject({ name, sizeBytes: 3000, owner: 'token:one', md5: undefined });
    expect(now?.etag).not.toBe(made?.etag);
    const written = `${'a'.repeat(1024)}${'b'.repeat(512)}${'a'.repeat(1464)}`;
    expect(await content(name)).toBe(written);
    expect(await content(name, version?.id)).toBe(written);
    expect(await content(name, UPLOADED)).toBe('a'.repeat(3000));
    await expect(store.source(name, 'none')).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await store.list({ prefix: name, limit: 1 })).images).toEqual([now]);
    expect((await env.IMAGES.list({ prefix: `volumes/${name}/` })).objects).toHaveLength(3);
    // Whoever has the version of before in mind changes nothing.
    expect(await put(name, 'new', { ifMatch: made?.etag })).toBeUndefined();
    expect(await put(name, 'new', { ifMatch: now?.etag })).toMatchObject({ sizeBytes: 3 });
    expect((await env.IMAGES.list({ prefix: `volumes/${name}/` })).objects).toEqual([]);
    await expect(store.source(name, version?.id)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is lost to a writer who comes too late: the image was replaced, deleted or written by another', async () => {
    const name = `late-${uniqueName()}`;
    await put(name, 'a'.repeat(3000));
    const [one, two] = [await write(name, 0, 1), await write(name, 1, 2)];
    await one.commit();
    await expect(two.commit()).rejects.toMatchObject({ code: 'ESTALE' });
    const three = await write(name, 2, 3);
    await put(name, 'a'.repeat(3000));
    await expect(three.commit()).rejects.toMatchObject({ code: 'ESTALE' });
    expect(await content(name)).toBe('a'.repeat(3000));
    const four = await write(name, 2, 3);
    await store.delete(name, {});
    await expect(four.commit()).rejects.toMatchObject({ code: 'ESTALE' });
    expect(await store.head(name)).toBeUndefined();
  });

  it('is refused where the image was put into the bucket by hand', async () => {
    const name = `by-hand-${uniqueName()}`;
    await env.IMAGES.put(`images/${name}`, 'by hand');
    expect(await content(name)).toBe('by hand');
    await expect(store.volume(name)).rejects.toMatchObject({ problem: { name: 'read-only-device' } });
  });
});

describe('while another changes the image', () => {
  const fresh = () => `race-${uniqueName()}`;

  it('a deletion of the version before does nothing', async () => {
    const name = fresh();
    const made = await put(name, 'one');
    const deleted = racing(() => put(name, 'two')).delete(name, { ifMatch: made?.etag });
    expect(await deleted).toBe(false);
    expect(await content(name)).toBe('two');
  });

  it('an upload for the version before does nothing, and leaves nothing', async () => {
    const name = fresh();
    const made = await put(name, 'one');
    const before = await contents();
    const into = racing(() => put(name, 'two'));
    expect(await uploaded(name, 'late', { ifMatch: made?.etag }, into)).toBeUndefined();
    expect(await content(name)).toBe('two');
    expect(await contents()).toBe(before);
  });

  it('an upload for a name that nobody has is refused once somebody has it', async () => {
    const name = fresh();
    const into = racing(() => put(name, 'first'));
    expect(await uploaded(name, 'late', { ifNoneMatch: '*' }, into)).toBeUndefined();
    expect(await content(name)).toBe('first');
  });

  it('an upload without a condition wins, and what it replaces is not left behind', async () => {
    const name = fresh();
    const before = await contents();
    const into = racing(() => uploaded(name, 'meanwhile'));
    expect(await uploaded(name, 'last', {}, into)).toMatchObject({ sizeBytes: 4 });
    expect(await content(name)).toBe('last');
    expect(await contents()).toBe(before + 1);
  });
});
