/** Images in a bucket: each change on condition is one, whoever else changes the image meanwhile. */

import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { ownRoom } from '../../storage/room.ts';
import { rollBack } from '../../storage/volume/manage.ts';
import { UPLOADED } from '../../storage/volume/versions.ts';
import { findVersion } from '../../storage/volume/volume.ts';
import { volumeWriter } from '../../storage/volume/writer.ts';
import type { Condition } from './image-entry.ts';
import { type ImageStore, type ImageVolume, imageStore } from './image-store.ts';

const uniqueName = () => crypto.randomUUID();
const options = {
  prefix: 'images/',
  contents: 'contents/',
  volumes: 'volumes/',
  making: 'making/',
  uniqueName,
  nowMs: () => Date.now(),
  owner: 'token:one',
};
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
    const needs = { store: objects, base, baseId, chunkBytes: CHUNK, writer, room: ownRoom, nowMs };
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

/** A write takes effect, and its answer is lost; or it arrives twice, and the second one's answer is heard. */
type Late = 'lost' | 'twice';

/** A bucket whose `at`th change is such a one; `changes` counts them. */
function late(how: Late, at: number): { readonly into: ImageStore; readonly changes: () => number } {
  let changes = 0;
  const changing = (act: (...args: unknown[]) => unknown) => {
    return async (...args: unknown[]) => {
      const isIt = changes++ === at;
      const answer = await act(...args);
      if (isIt && how === 'lost') throw new Error('put: We encountered an internal error. Please try again. (10001)');
      const isOnce = args.some((arg) => arg instanceof ReadableStream); // it was read already
      return isIt && !isOnce ? act(...args) : answer;
    };
  };
  const bound = (object: object, name: string) => Reflect.get(object, name).bind(object);
  const joining = (upload: R2MultipartUpload) => ({
    uploadId: upload.uploadId,
    uploadPart: bound(upload, 'uploadPart'),
    abort: bound(upload, 'abort'),
    complete: changing(bound(upload, 'complete')),
  });
  const bucket = {
    ...Object.fromEntries(['get', 'head', 'list'].map((name) => [name, bound(env.IMAGES, name)])),
    ...Object.fromEntries(['put', 'delete'].map((name) => [name, changing(bound(env.IMAGES, name))])),
    createMultipartUpload: async (key: string) => joining(await env.IMAGES.createMultipartUpload(key)),
    resumeMultipartUpload: (key: string, id: string) => joining(env.IMAGES.resumeMultipartUpload(key, id)),
  };
  return { into: imageStore(bucket as unknown as R2Bucket, options), changes: () => changes };
}

describe('when storage answers late, twice or not at all', () => {
  /** Each: what stands there before, what is done, and what then stands there. */
  const operations: Readonly<
    Record<
      string,
      readonly [string | undefined, (name: string, into: ImageStore) => Promise<unknown>, string | undefined]
    >
  > = {
    'an image that is stored': [undefined, (name, into) => put(name, 'new', { ifNoneMatch: '*' }, into), 'new'],
    'one that is replaced': ['old', (name, into) => put(name, 'new', {}, into), 'new'],
    'one that comes in parts': [
      'old',
      async (name, into) => {
        const upload = await into.createUpload(name);
        const part = await upload.put(1, new TextEncoder().encode('new'));
        const complete = () => into.resumeUpload(name, upload.id).complete([part], {});
        return complete().catch(complete);
      },
      'new',
    ],
    'one that is made here': ['old', async (name, into) => (await into.create(name, 512)).keep({}), '\0'.repeat(512)],
    'one that is deleted': ['old', (name, into) => into.delete(name, {}), undefined],
    'one that is deleted on condition': ['old', (name, into) => into.delete(name, { ifMatch: '*' }), undefined],
  };
  const shown = async (name: string) => ((await store.head(name)) ? content(name) : undefined);

  it.each(Object.entries(operations))('%s is whole, as it was or as it is to be', async (_, [before, act, after]) => {
    for (const how of ['lost', 'twice'] as const) {
      for (let at = 0, more = true; more; at++) {
        const name = `late-${uniqueName()}`;
        if (before !== undefined) await put(name, before);
        const { into, changes } = late(how, at);
        const answer = await act(name, into).catch((cause: unknown) => cause);
        more = changes() > at;
        // Who is told that it is done can rely on it; who is told to come back can do it again.
        const isDone = !(answer instanceof Error) && answer !== undefined && answer !== false;
        expect(isDone ? [after] : [before, after], `${how} ${at}`).toContain(await shown(name));
        // A day later nobody takes away what is shown.
        const tomorrow = { ...options, nowMs: () => Date.now() + 25 * 3_600_000 };
        await imageStore(env.IMAGES, tomorrow).create(`${name}-later`, 512);
        expect([before, after], `${how} ${at}, a day later`).toContain(await shown(name));
      }
    }
  });
});

describe('an image that is made here', () => {
  const nowMs = () => Date.now();
  const volumeOf = async ({ base, baseId, objects }: Omit<ImageVolume, 'image'>, sizeBytes?: number) =>
    volumeWriter({
      store: objects,
      base,
      baseId,
      ...(await findVersion(objects, baseId)),
      chunkBytes: 4096,
      writer: uniqueName().replaceAll('-', '').slice(0, 16),
      room: ownRoom,
      nowMs,
      ...(sizeBytes !== undefined && { sizeBytes }),
    });
  const under = async (prefix: string) => (await env.IMAGES.list({ prefix })).objects.length;

  it('is not there before it is kept, and is then whole: what is not written is zeros, and nothing stands for it', async () => {
    const name = `made-${uniqueName()}`;
    const made = await store.create(name, 2 ** 30);
    const { device, commit } = await volumeOf(made);
    await device.write(2 ** 20, new Uint8Array(512).fill(7));
    await commit();
    expect(await store.head(name)).toBeUndefined();
    const image = await made.keep({ ifNoneMatch: '*' });
    expect(image).toMatchObject({ name, sizeBytes: 2 ** 30, owner: 'token:one' });
    expect(await store.head(name)).toEqual(image);
    const source = await store.source(name);
    const read = new Uint8Array(1024);
    await source.read(2 ** 29 - 512, read);
    expect([read[511], read[512], read[1023]]).toEqual([0, 7, 7]);
    expect([await under(`making/${name}/`), await under(`contents/${name}/`)]).toEqual([0, 0]);
    expect(await under(`volumes/${name}/`)).toBe(3);
    await store.delete(name, {});
    expect(await under(`volumes/${name}/`)).toBe(0);
  });

  it('leaves nothing where its condition does not hold, or when it is discarded', async () => {
    const name = `made-${uniqueName()}`;
    await put(name, 'there');
    const made = await store.create(name, 8192);
    const volume = await volumeOf(made);
    await volume.device.write(0, new Uint8Array(512).fill(7));
    await volume.commit();
    expect(await made.keep({ ifNoneMatch: '*' })).toBeUndefined();
    const other = await store.create(name, 8192);
    await other.discard();
    expect(await content(name)).toBe('there');
    expect([await under(`making/${name}/`), await under(`volumes/${name}/`)]).toEqual([0, 0]);
    expect((await store.create(name, 512)).baseId).not.toBe(made.baseId);
  });

  it('that nobody makes any more is swept away when another is made', async () => {
    const name = `made-${uniqueName()}`;
    const lost = await volumeOf(await store.create(name, 8192));
    await lost.device.write(0, new Uint8Array(512).fill(7));
    await lost.commit();
    await store.create(`${name}-young`, 512);
    expect(await under(`making/${name}/`)).toBe(1);
    await imageStore(env.IMAGES, { ...options, nowMs: () => Date.now() + 25 * 3_600_000 }).create(`${name}-later`, 512);
    expect([await under(`making/${name}/`), await under(`volumes/${name}/`)]).toEqual([0, 0]);
  });

  it('can be of zeros alone, and is written like others; it has the size of its version, whichever that is', async () => {
    const name = `made-${uniqueName()}`;
    await (await store.create(name, 4096)).keep({});
    expect(await content(name)).toBe('\0'.repeat(4096));
    const grown = await volumeOf(await store.volume(name), 6144);
    await grown.device.write(11, new Uint8Array(512).fill(0x62));
    const version = await grown.commit(6144);
    expect(await store.head(name)).toMatchObject({ sizeBytes: 6144 });
    expect((await content(name)).slice(5600, 5700)).toBe(`${'\0'.repeat(32)}${'b'.repeat(68)}`);
    const cut = await volumeOf(await store.volume(name));
    await cut.commit(512);
    expect(await store.head(name)).toMatchObject({ sizeBytes: 512 });
    expect(await content(name)).toBe('\0'.repeat(512));
    expect((await content(name, version?.id)).length).toBe(6144);
    const { objects, baseId } = await store.volume(name);
    await rollBack(objects, baseId, version?.id ?? '');
    expect(await store.head(name)).toMatchObject({ sizeBytes: 6144 });
    await rollBack(objects, baseId, UPLOADED);
    expect(await store.head(name)).toMatchObject({ sizeBytes: 4096 });
    expect((await store.source(name)).sizeBytes).toBe(4096);
  });
});
