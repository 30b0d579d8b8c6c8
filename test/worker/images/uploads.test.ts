/** /v1/images/{name}/uploads: parts become one image, and every rule is told before it is broken in storage. */

import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { chunked, MIB, noise, same } from '../../fakes/bodies.ts';
import { request, storedBytes } from '../harness.ts';

interface Part {
  readonly part: number;
  readonly etag: string;
  readonly size_bytes: number;
}

const octets = { 'content-type': 'application/octet-stream' };

async function begin(name: string): Promise<string> {
  const response = await request(`/v1/images/${name}/uploads`, { method: 'POST' });
  expect(response.status).toBe(201);
  const { id, min_part_bytes } = await response.json<{ id: string; min_part_bytes: number }>();
  expect(min_part_bytes).toBe(5 * MIB);
  return `/v1/images/${name}/uploads/${encodeURIComponent(id)}`;
}

const putPart = (upload: string, part: number, body: BodyInit) =>
  request(`${upload}/parts/${part}`, { method: 'PUT', body, headers: octets });

async function parts(upload: string, ...bodies: readonly Uint8Array[]): Promise<Part[]> {
  const stored: Part[] = [];
  for (const [index, body] of bodies.entries()) {
    const response = await putPart(upload, index + 1, body);
    expect(response.status).toBe(200);
    stored.push(await response.json());
  }
  return stored;
}

const complete = (upload: string, stored: readonly unknown[], headers: Record<string, string> = {}) =>
  request(`${upload}/complete`, {
    method: 'POST',
    body: JSON.stringify({ parts: stored }),
    headers: { 'content-type': 'application/json', ...headers },
  });

async function expectProblem(response: Response, status: number, type: string, detail?: RegExp): Promise<void> {
  const problem = await response.json<{ detail: string }>();
  expect(problem).toMatchObject({ status, type: `/problems/${type}` });
  if (detail) expect(problem.detail).toMatch(detail);
}

describe('uploads of an image', () => {
  const ids = async () =>
    ((await (await request('/v1/images/listed.img/uploads')).json()) as { uploads: { id: string }[] }).uploads.map(
      ({ id }) => id,
    );
  const idOf = (upload: string) => decodeURIComponent(upload.split('/').at(-1) ?? '');

  it('are listed until they are completed or aborted, which is once', async () => {
    expect(await ids()).toEqual([]);
    const [one, other] = [await begin('listed.img'), await begin('listed.img')];
    expect((await ids()).sort()).toEqual([idOf(one), idOf(other)].sort());
    const stored = await (await putPart(one, 1, 'whole')).json();
    expect((await complete(one, [stored])).status).toBe(200);
    expect(await ids()).toEqual([idOf(other)]);
    for (const status of [204, 404]) expect((await request(other, { method: 'DELETE' })).status).toBe(status);
    expect((await request(one, { method: 'DELETE' })).status).toBe(404);
    expect(await ids()).toEqual([]);
  });
});

describe('an upload in parts', () => {
  it('becomes the image its parts make', async () => {
    const image = noise(12 * MIB + 5);
    const upload = await begin('parts.img');
    const stored = await parts(upload, image.slice(0, 6 * MIB), image.slice(6 * MIB, 12 * MIB), image.slice(12 * MIB));
    const response = await complete(upload, stored);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ name: 'parts.img', size_bytes: image.length });
    expect(same(image, (await storedBytes('parts.img')) ?? new Uint8Array())).toBe(true);
  });

  it('takes the last body put for a part', async () => {
    const upload = await begin('twice.img');
    await parts(upload, noise(100));
    const last = await parts(upload, new TextEncoder().encode('second'));
    expect((await complete(upload, last)).status).toBe(200);
    expect(new TextDecoder().decode(await storedBytes('twice.img'))).toBe('second');
  });

  it('is gone once completed', async () => {
    const upload = await begin('done.img');
    const stored = await parts(upload, noise(100));
    await complete(upload, stored);
    await expectProblem(await complete(upload, stored), 404, 'upload-not-found');
  });

  it('is gone once aborted, and leaves no image', async () => {
    const upload = await begin('aborted.img');
    const stored = await parts(upload, noise(100));
    expect((await request(upload, { method: 'DELETE' })).status).toBe(204);
    await expectProblem(await putPart(upload, 2, noise(100)), 404, 'upload-not-found');
    await expectProblem(await complete(upload, stored), 404, 'upload-not-found');
    expect(await env.IMAGES.head('images/aborted.img')).toBeNull();
  });

  it('does not begin when its condition does not hold, nor end', async () => {
    await env.IMAGES.put('images/there.img', 'x');
    const headers = { 'if-none-match': '*' };
    const refused = await request('/v1/images/there.img/uploads', { method: 'POST', headers });
    await expectProblem(refused, 412, 'precondition-failed');
    const upload = await begin('there.img');
    const stored = await parts(upload, noise(100));
    await expectProblem(await complete(upload, stored, headers), 412, 'precondition-failed');
    expect((await complete(upload, stored, { 'if-match': '*' })).status).toBe(200);
  });
});

describe('a part', () => {
  it('needs a length', async () => {
    await expectProblem(await putPart(await begin('a.img'), 1, chunked(noise(100))), 411, 'length-required');
  });

  it('is not empty', async () => {
    await expectProblem(await putPart(await begin('a.img'), 1, new Uint8Array(0)), 400, 'empty-body');
  });

  it.each(['0', '10001', 'x', '1.5'])('is not number %s', async (part) => {
    const response = await request(`${await begin('a.img')}/parts/${part}`, {
      method: 'PUT',
      body: 'x',
      headers: octets,
    });
    expect(response.status).toBe(400);
  });

  it.each(['none', '~', 'x'.repeat(1000), '%00', '..%2f', 'ü'])('of the unknown upload %s is refused', async (id) => {
    const upload = `/v1/images/a.img/uploads/${id}`;
    await expectProblem(await putPart(upload, 1, 'x'), 404, 'upload-not-found');
    await expectProblem(await complete(upload, [{ part: 1, etag: 'x', size_bytes: 100 }]), 404, 'upload-not-found');
    await expectProblem(await request(upload, { method: 'DELETE' }), 404, 'upload-not-found');
  });

  it('whose bytes are not those of its digest is refused, and stored when they are', async () => {
    const upload = await begin('a.img');
    const put = (digest: string) =>
      request(`${upload}/parts/1`, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream', 'content-md5': digest },
        body: 'hello world',
      });
    await expectProblem(await put('AAAAAAAAAAAAAAAAAAAAAA=='), 400, 'digest-mismatch');
    expect((await put('XrY7u+Ae7tCTyyK7j1rNww==')).status).toBe(200);
  });

  it('of an unknown upload is refused', async () => {
    await expectProblem(await putPart('/v1/images/a.img/uploads/none', 1, 'x'), 404, 'upload-not-found');
  });
});

describe('a completion is refused', () => {
  const part = (number: number, sizeBytes: number): Part => ({ part: number, etag: 'e', size_bytes: sizeBytes });

  it.each([
    ['with a part under 5 MiB that is not the last', [part(1, 5 * MIB - 1), part(2, 5 * MIB - 1)], /at least 5242880/],
    ['with parts of different lengths', [part(1, 5 * MIB), part(2, 6 * MIB), part(3, 1)], /part 2 has 6291456 bytes/],
    ['with a last part that is longer', [part(1, 5 * MIB), part(2, 5 * MIB + 1)], /part 2/],
    ['with parts out of order', [part(2, 5 * MIB), part(1, 5 * MIB)], /ascending/],
    ['with a part named twice', [part(1, 5 * MIB), part(1, 5 * MIB)], /ascending/],
  ])('%s', async (_, stored, detail) => {
    await expectProblem(await complete(await begin('a.img'), stored), 422, 'bad-parts', detail);
  });

  it('with a part that was not uploaded', async () => {
    await expectProblem(await complete(await begin('a.img'), [part(1, 100)]), 422, 'bad-parts', /not uploaded/);
  });

  it('by storage too when the client lies about lengths', async () => {
    const upload = await begin('a.img');
    const [first, second] = await parts(upload, noise(100), noise(100));
    const response = await complete(upload, [
      { ...first, size_bytes: 5 * MIB },
      { ...second, size_bytes: 5 * MIB },
    ]);
    await expectProblem(response, 422, 'bad-parts', /5 MiB/);
  });

  it('when it is larger than R2 allows', async () => {
    const stored = Array.from({ length: 1000 }, (_, index) => part(index + 1, 5000 * MIB));
    expect((await complete(await begin('a.img'), stored)).status).toBe(422); // R2 knows none of them
    const tooMany = Array.from({ length: 1100 }, (_, index) => part(index + 1, 5000 * MIB));
    await expectProblem(await complete(await begin('a.img'), tooMany), 413, 'too-large');
  });

  it.each([
    ['no parts', '{"parts":[]}', 400],
    ['no JSON', 'nonsense', 400],
    ['a part without etag', '{"parts":[{"part":1,"size_bytes":1}]}', 400],
    ['nothing', '', 400],
  ])('with %s', async (_, body, status) => {
    const headers = { 'content-type': 'application/json' };
    const response = await request(`${await begin('a.img')}/complete`, { method: 'POST', body, headers });
    expect(response.status).toBe(status);
  });

  it('as text', async () => {
    const init = { method: 'POST', body: '{"parts":[]}', headers: { 'content-type': 'text/plain' } };
    expect((await request(`${await begin('a.img')}/complete`, init)).status).toBe(415);
  });
});
