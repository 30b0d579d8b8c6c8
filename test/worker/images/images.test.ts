/** /v1/images: what is put comes back as it was; what cannot be stored whole leaves nothing behind. */

import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { chunked, cutOff, gzip, MIB, noise, same } from '../../fakes/bodies.ts';
import { samples } from '../../fakes/compressed-samples.ts';
import { type Fetch, inProcess, request, storedBytes } from '../harness.ts';

const octets = { 'content-type': 'application/octet-stream' };

const put = (name: string, body: BodyInit, headers: Record<string, string> = {}, query = '', send?: Fetch) =>
  request(`/v1/images/${name}${query}`, { method: 'PUT', body, headers: { ...octets, ...headers } }, send);

/** The bucket, counting how its multipart uploads end. */
function countingUploads() {
  const counts = { created: 0, completed: 0, aborted: 0 };
  const bucket = new Proxy(env.IMAGES, {
    get(target, key) {
      if (key !== 'createMultipartUpload') return Reflect.get(target, key).bind(target);
      return async (
        name: string,
      ): Promise<Pick<R2MultipartUpload, 'uploadId' | 'uploadPart' | 'complete' | 'abort'>> => {
        const upload = await target.createMultipartUpload(name);
        counts.created += 1;
        return {
          uploadId: upload.uploadId,
          uploadPart: (...part) => upload.uploadPart(...part),
          complete: (parts) => {
            counts.completed += 1;
            return upload.complete(parts);
          },
          abort: () => {
            counts.aborted += 1;
            return upload.abort();
          },
        };
      };
    },
  });
  return { counts, send: inProcess({ IMAGES: bucket }) };
}

describe('put', () => {
  it('answers 201 for a new image and 200 for a replaced one, with name, size, etag and md5', async () => {
    const image = noise(100_000);
    const first = await put('new.img', image);
    expect(first.status).toBe(201);
    const json = await first.json<Record<string, unknown>>();
    expect(json).toMatchObject({ name: 'new.img', size_bytes: 100_000, md5: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(first.headers.get('etag')).toBe(`"${json.etag}"`);
    expect((await put('new.img', noise(10))).status).toBe(200);
  });

  it.each([
    ['one byte', 1],
    ['just one part of a multipart upload', 8 * MIB],
    ['a bit more than one part', 8 * MIB + 1],
    ['three parts', 20 * MIB],
  ])('stores %s of unknown length as it is', async (_, bytes) => {
    const image = noise(bytes);
    const response = await put('unknown.img', chunked(image));
    expect(response.status).toBeLessThan(300);
    expect(await response.json()).toMatchObject({ size_bytes: bytes });
    expect(same(image, (await storedBytes('unknown.img')) ?? new Uint8Array(0))).toBe(true);
  });

  it('stores a body of known length as it is', async () => {
    const image = noise(20 * MIB + 7);
    expect((await put('known.img', image)).status).toBe(201);
    expect(same(image, (await storedBytes('known.img')) ?? new Uint8Array(0))).toBe(true);
  });

  it.each([
    ['gzip', async (image: Uint8Array) => gzip(image)],
    ['xz', async () => samples.xzBlocks],
    ['zstd', async () => samples.zstdFrames],
  ])('stores what a body compressed with %s stands for, told or not', async (coding, compress) => {
    const image = Uint8Array.from({ length: MIB }, (_, at) => at % 251);
    const body = await compress(image);
    for (const [headers, query] of [
      [{}, ''],
      [{ 'content-encoding': coding }, '?decompress=none'],
      [{}, `?decompress=${coding}`],
    ] as const) {
      await put('compressed.img', body, headers, query);
      expect(same(image, (await storedBytes('compressed.img')) ?? new Uint8Array(0))).toBe(true);
    }
  });

  it('stores a compressed body as it is when asked to', async () => {
    await put('kept.img', samples.xzBlocks, {}, '?decompress=none');
    expect(same(samples.xzBlocks, (await storedBytes('kept.img')) ?? new Uint8Array(0))).toBe(true);
  });

  it('refuses an empty body, of known length or not', async () => {
    for (const body of [new Uint8Array(0), chunked(new Uint8Array(0)), samples.empty]) {
      const response = await put('empty.img', body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ type: '/problems/empty-body' });
    }
    expect(await storedBytes('empty.img')).toBeUndefined();
  });

  it('refuses what is larger than MAX_IMAGE_BYTES, and leaves nothing', async () => {
    const send = inProcess({ MAX_IMAGE_BYTES: '1000000' });
    for (const body of [noise(1_000_001), chunked(noise(1_000_001)), await gzip(new Uint8Array(1_000_001))]) {
      const response = await put('large.img', body, {}, '', send);
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({ type: '/problems/too-large', max_bytes: 1_000_000 });
    }
    expect(await storedBytes('large.img')).toBeUndefined();
    expect((await put('fits.img', chunked(noise(1_000_000)), {}, '', send)).status).toBe(201);
  });

  it('refuses a damaged compressed body with 422, and leaves nothing', async () => {
    const cut = samples.xzBlocks.subarray(0, -1);
    for (const [body, query] of [
      [cut, ''],
      [noise(1000), '?decompress=zstd'],
      [samples.xzSha256, ''],
    ] as const) {
      const response = await put('damaged.img', body, {}, query);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ type: '/problems/bad-compression' });
    }
    expect(await storedBytes('damaged.img')).toBeUndefined();
  });

  it('leaves neither an image nor an upload behind when the client goes away', async () => {
    const { counts, send } = countingUploads();
    const response = await put('gone.img', cutOff(noise(17 * MIB)), {}, '', send);
    expect(await response.json()).toMatchObject({ type: '/problems/body-interrupted' });
    expect(counts).toEqual({ created: 1, completed: 0, aborted: 1 });
    expect(await storedBytes('gone.img')).toBeUndefined();
  });

  it('leaves the image that was there when the client goes away while replacing it', async () => {
    await put('kept-on-failure.img', noise(1000));
    await put('kept-on-failure.img', cutOff(noise(2000)), {}, '', inProcess());
    expect(same(noise(1000), (await storedBytes('kept-on-failure.img')) ?? new Uint8Array(0))).toBe(true);
  });

  it.each(['multipart/form-data; boundary=x', 'text/plain', 'application/json'])('refuses %s', async (type) => {
    const response = await put('typed.img', 'x', { 'content-type': type });
    expect(response.status).toBe(415);
  });

  it('takes what curl --data-binary sends', async () => {
    expect((await put('curl.img', 'x', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(201);
  });

  it('refuses an unknown content coding and names those it knows', async () => {
    const response = await put('coded.img', 'x', { 'content-encoding': 'br' });
    expect(response.status).toBe(415);
    expect(response.headers.get('accept-encoding')).toBe('gzip, zstd, xz');
  });

  it.each([
    ['a space', 'a%20b'],
    ['a slash', 'a%2Fb'],
    ['a leading dot', '.hidden'],
    ['a leading dash', '-rf'],
    ['513 characters', 'a'.repeat(513)],
    ['bytes that are not UTF-8', '%ff'],
  ])('refuses a name with %s', async (_, name) => {
    expect((await put(name, 'x')).status).toBe(400);
  });

  it('takes a name of 512 characters', async () => {
    expect((await put('a'.repeat(512), 'x')).status).toBe(201);
  });

  it('refuses a query it does not know', async () => {
    const response = await put('query.img', 'x', {}, '?decompres=none');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ in: 'query' }] });
  });
});

describe('conditions', () => {
  it.each([
    ['known', () => noise(1000)],
    ['unknown', () => chunked(noise(9 * MIB))],
  ])('If-None-Match: * stores a body of %s length only once', async (length, body) => {
    const name = `once-${length}.img`;
    expect((await put(name, body(), { 'if-none-match': '*' })).status).toBe(201);
    const again = await put(name, body(), { 'if-none-match': '*' });
    expect(again.status).toBe(412);
    expect(await again.json()).toMatchObject({ type: '/problems/precondition-failed' });
  });

  it.each([
    ['known', () => noise(2000)],
    ['unknown', () => chunked(noise(9 * MIB))],
  ])('If-Match replaces only the version it names by a body of %s length', async (length, body) => {
    const name = `match-${length}.img`;
    expect((await put(name, body(), { 'if-match': '*' })).status).toBe(412);
    const first = await put(name, 'x');
    const etag = first.headers.get('etag') ?? '';
    expect((await put(name, body(), { 'if-match': '"another"' })).status).toBe(412);
    expect((await put(name, body(), { 'if-match': etag })).status).toBe(200);
    expect((await put(name, body(), { 'if-match': etag })).status).toBe(412);
    expect((await put(name, body(), { 'if-match': '*' })).status).toBe(200);
  });

  it('an image that appears while its body arrives wins over If-None-Match: *', async () => {
    const racing = new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        await env.IMAGES.put('images/race.img', 'first');
        controller.enqueue(noise(9 * MIB));
        controller.close();
      },
    });
    const { counts, send } = countingUploads();
    expect((await put('race.img', racing, { 'if-none-match': '*' }, '', send)).status).toBe(412);
    expect(counts).toEqual({ created: 0, completed: 0, aborted: 0 });
    expect(new TextDecoder().decode(await storedBytes('race.img'))).toBe('first');
  });

  it.each(['abc', '"a", "b"', 'W/"a"'])('refuses If-Match: %s', async (header) => {
    expect((await put('strange.img', 'x', { 'if-match': header })).status).toBe(400);
  });
});

describe('head', () => {
  it('answers version, size and time', async () => {
    const etag = (await put('headed.img', noise(1234))).headers.get('etag');
    const response = await request('/v1/images/headed.img', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBe(etag);
    expect(response.headers.get('image-size')).toBe('1234');
    expect(Date.parse(response.headers.get('last-modified') ?? '')).toBeGreaterThan(0);
  });

  it('answers 404 without an image', async () => {
    expect((await request('/v1/images/none.img', { method: 'HEAD' })).status).toBe(404);
  });
});

describe('delete', () => {
  it('answers 204, and 404 from then on', async () => {
    await put('deleted.img', 'x');
    expect((await request('/v1/images/deleted.img', { method: 'DELETE' })).status).toBe(204);
    expect(await storedBytes('deleted.img')).toBeUndefined();
    const again = await request('/v1/images/deleted.img', { method: 'DELETE' });
    expect(again.status).toBe(404);
    expect(await again.json()).toMatchObject({ type: '/problems/image-not-found' });
  });

  it('takes only the version If-Match names', async () => {
    const etag = (await put('versioned.img', 'x')).headers.get('etag') ?? '';
    const drop = (tag: string) =>
      request('/v1/images/versioned.img', { method: 'DELETE', headers: { 'if-match': tag } });
    const refused = await drop('"another"');
    expect(refused.status).toBe(412);
    expect(await refused.json()).toMatchObject({ type: '/problems/precondition-failed' });
    expect((await drop('no tag')).status).toBe(400);
    expect(await storedBytes('versioned.img')).toBeDefined();
    expect((await drop(etag)).status).toBe(204);
    expect((await drop('*')).status).toBe(404);
  });
});

describe('list', () => {
  const list = async (query: string) => {
    const response = await request(`/v1/images?${query}`);
    expect(response.status).toBe(200);
    const { images, cursor } = await response.json<{ images: { name: string }[]; cursor?: string }>();
    return { names: images.map(({ name }) => name), cursor };
  };

  it('pages through all names with a prefix in byte order', async () => {
    for (const name of ['list-b', 'list-a', 'list-B', 'list-c', 'list-d', 'other']) await put(name, 'x');
    const names: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await list(`prefix=list-&limit=2${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
      names.push(...page.names);
      cursor = page.cursor;
      pages += 1;
    } while (cursor !== undefined);
    expect(names).toEqual(['list-B', 'list-a', 'list-b', 'list-c', 'list-d']);
    expect(pages).toBe(3);
  });

  it('is empty without images of that prefix', async () => {
    expect(await list('prefix=nothing-is-called-so')).toEqual({ names: [], cursor: undefined });
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'cursor=', 'cursor=%2Fetc', 'prefx=a'])('refuses ?%s', async (query) => {
    expect((await request(`/v1/images?${query}`)).status).toBe(400);
  });
});
