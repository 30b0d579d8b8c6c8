/** What is in a stored image is changed over HTTP: by Linux, whole or not at all, a version each time. */

import { env } from 'cloudflare:workers';
import { packTar, unpackTar } from 'modern-tar';
import { beforeEach, describe, expect, it } from 'vitest';
import { SECTOR } from '../../../src/storage/block-device.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { readTar } from '../../kernel/read-tar.ts';
import { request } from '../harness.ts';

let made = 0;
let name = '';
let image: Uint8Array;

beforeEach(async () => {
  const device = await fixtureDevice('ext4');
  image = new Uint8Array(device.sectors * SECTOR);
  await device.read(0, image);
  name = `written-${++made}`;
  expect((await request(`/v1/images/${name}`, { method: 'PUT', body: image })).status).toBe(201);
});

const at = (path: string) => `/v1/images/${name}/${path}`;
const text = async (path: string) => (await expectStatus200(await request(at(path)))).text();
const put = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
  request(at(`files/${path}`), { method: 'PUT', body, headers });
const change = (changes: readonly object[], headers: Record<string, string> = {}) =>
  request(at('changes'), {
    method: 'POST',
    body: JSON.stringify({ changes }),
    headers: { 'content-type': 'application/json', ...headers },
  });
const etagOf = async () => (await request(`/v1/images/${name}`, { method: 'HEAD' })).headers.get('etag') ?? '';

async function expectStatus200(response: Response): Promise<Response> {
  if (response.status !== 200) expect.fail(`${response.status}: ${await response.text()}`);
  return response;
}

describe('a file', () => {
  it('that is put is in the image, which has another version then; the one before is still there', async () => {
    const before = await etagOf();
    const answer = await put('new/way/motd?parents=1&mode=0640&uid=7&mtime=1234.5', 'hello');
    const { etag, version } = (await (await expectStatus200(answer)).json()) as { etag: string; version: string };
    expect(answer.headers.get('etag')).toBe(`"${etag}"`);
    expect(await etagOf()).toBe(`"${etag}"`);
    expect(`"${etag}"`).not.toBe(before);
    expect(await text('files/new/way/motd')).toBe('hello');
    expect(await (await request(at('files/new/way'))).json()).toMatchObject({
      entries: [{ name: 'motd', mode: '0640', uid: 7, gid: 0, size_bytes: 5 }],
    });
    expect((await request(at('files/new/way/motd?version=uploaded'))).status).toBe(404);
    expect(await text(`files/new/way/motd?version=${version}`)).toBe('hello');
    expect(await (await request(at('versions'))).json()).toMatchObject({
      current: version,
      versions: [{ id: version, parent: 'uploaded' }],
    });
    const raw = new Uint8Array(await (await request(at('raw?version=uploaded'))).arrayBuffer());
    expect(raw.every((byte, index) => byte === image[index]) && raw.length === image.length).toBe(true);
  });

  it('that is there is replaced, whole; it keeps its mode', async () => {
    await expectStatus200(await put('f?mode=0600', 'a long text'));
    await expectStatus200(await put('f', 'short'));
    expect(await text('files/f')).toBe('short');
    const tar = await unpackTar(await (await request(at('tar?path=f'))).arrayBuffer());
    expect(tar[0]?.header).toMatchObject({ mode: 0o600, size: 5 });
  });

  it('is only put where its condition holds', async () => {
    const before = await etagOf();
    await expectStatus200(await put('f', 'one', { 'if-match': before, 'if-none-match': '*' }));
    expect((await put('f', 'two', { 'if-match': before })).status).toBe(412);
    expect(await (await put('f', 'two', { 'if-none-match': '*' })).json()).toMatchObject({
      status: 409,
      type: '/problems/EEXIST',
    });
    expect(await text('files/f')).toBe('one');
  });

  it('that is deleted is gone; a directory only with all in it when that is asked for', async () => {
    await expectStatus200(
      await change([
        { op: 'mkdir', path: 'd/e/f', parents: true },
        { op: 'write', path: 'd/g', text: '' },
      ]),
    );
    expect((await request(at('files/d'), { method: 'DELETE' })).status).toBe(409);
    await expectStatus200(await request(at('files/d?recursive=1'), { method: 'DELETE' }));
    expect((await request(at('files/d'))).status).toBe(404);
    expect((await request(at('files/d'), { method: 'DELETE' })).status).toBe(404);
  });
});

describe('several changes', () => {
  it('of every kind are one version', async () => {
    const answer = await change([
      { op: 'mkdir', path: 'd', mode: '0700' },
      {
        op: 'write',
        path: 'd/f',
        base64: btoa('\0\u00ff'),
        mode: '4755',
        uid: 1,
        gid: 2,
        mtime: '2001-02-03T04:05:06.123456789Z',
      },
      { op: 'link', path: 'd/hard', target: 'd/f' },
      { op: 'symlink', path: 'd/soft', target: '/d/f' },
      { op: 'rename', from: 'd/hard', to: 'd/name' },
      { op: 'setxattr', path: 'd/f', name: 'user.note', base64: btoa('v') },
      { op: 'mknod', path: 'd/pipe', type: 'fifo' },
      { op: 'mknod', path: 'd/null', type: 'char', major: 1, minor: 3, mode: '0666' },
      { op: 'write', path: { base64: btoa('d/\u00ff') }, text: 'no UTF-8' },
      { op: 'truncate', path: 'd/name', size: 10_000 },
      { op: 'utimes', path: 'd/soft', mtime: '-1.5', follow: false },
      { op: 'chmod', path: 'd', mode: '755' },
      { op: 'chown', path: 'd', gid: 5 },
    ]);
    await expectStatus200(answer);
    const { versions } = (await (await request(at('versions'))).json()) as { versions: unknown[] };
    expect(versions).toHaveLength(1);
    const { entries } = (await (await request(at('files/d'))).json()) as { entries: Record<string, unknown>[] };
    expect(entries).toMatchObject([
      { name: 'f', type: 'file', mode: '4755', uid: 1, gid: 2, size_bytes: 10_000 },
      { name: 'name', type: 'file', size_bytes: 10_000 },
      { name: 'null', type: 'char', mode: '0666' },
      { name: 'pipe', type: 'fifo' },
      { name: 'soft', type: 'symlink', target: '/d/f' },
      { name: '\ufffd', type: 'file' },
    ]);
  });

  it('of which one fails are none of them', async () => {
    const before = await etagOf();
    const answer = await change([
      { op: 'write', path: 'first', text: 'x' },
      { op: 'mkdir', path: 'no/such/way' },
    ]);
    expect(await answer.json()).toMatchObject({
      status: 404,
      type: '/problems/ENOENT',
      change: 1,
      path: 'no/such/way',
    });
    expect(await etagOf()).toBe(before);
    expect((await request(at('files/first'))).status).toBe(404);
  });

  it('that do not fit are ENOSPC, and the image is as it was', async () => {
    const before = await etagOf();
    const answer = await put('big', new Uint8Array(image.length));
    expect(await answer.json()).toMatchObject({ type: '/problems/ENOSPC' });
    expect(await etagOf()).toBe(before);
  });

  it('at the same time: one wins, the other is 412 and nothing of it is there', async () => {
    const answers = await Promise.all([put('one', '1'), put('two', '2')]);
    const statuses = answers.map(({ status }) => status).toSorted();
    // Where they do not fit beside each other, they are one after another.
    expect(['200,200', '200,412']).toContain(statuses.join());
    for (const [index, file] of ['one', 'two'].entries()) {
      const there = (await request(at(`files/${file}`))).status === 200;
      expect(there).toBe(answers[index]?.status === 200);
    }
  });
});

describe('a tar', () => {
  const unpack = (body: BodyInit, query = '') =>
    request(at(`tar${query}`), { method: 'POST', body, headers: { 'content-type': 'application/octet-stream' } });

  it('is unpacked by Linux, with all that is in it, as one version', async () => {
    await expectStatus200(await change([{ op: 'mkdir', path: 'in', mode: '0700' }]));
    const source = await (await request(at('tar'))).arrayBuffer();
    const answer = (await (await expectStatus200(await unpack(source, '?path=in'))).json()) as Record<string, unknown>;
    expect(answer).toMatchObject({ losses: [], entries: expect.any(Number) });
    const copied = await (await request(at('tar?path=in'))).arrayBuffer();
    const [was, is] = [readTar(new Uint8Array(source)), readTar(new Uint8Array(copied))];
    const names = (entries: typeof was) => entries.map(({ path }) => new TextDecoder().decode(path));
    // What was copied had the empty directory that it was copied into.
    expect(names(is).filter((one) => one !== './in/')).toEqual(names(was).filter((one) => one !== './in/'));
    const { versions } = (await (await request(at('versions'))).json()) as { versions: unknown[] };
    expect(versions).toHaveLength(2);
  });

  it('tells which paths it has otherwise, and what is in no directory', async () => {
    const files = ['../out', '/absolute', 'plain', 'plain/inside'].map((name) => ({
      header: { name, type: 'file' as const, size: 1 },
      body: 'x',
    }));
    const tar = (await packTar(files)) as Uint8Array<ArrayBuffer>;
    const answer = (await (await expectStatus200(await unpack(tar))).json()) as Record<string, unknown>;
    expect(answer.losses).toEqual([
      { kind: 'above', count: 1, first: '../out' },
      { kind: 'absolute', count: 1, first: '/absolute' },
      { kind: 'parent', count: 1, first: 'plain/inside' },
    ]);
  });

  it('that is none, or ends too early, changes nothing', async () => {
    const before = await etagOf();
    const whole = await (await request(at('tar'))).arrayBuffer();
    for (const body of [new Uint8Array(1024).fill(65), whole.slice(0, 3000)]) {
      expect(await (await unpack(body)).json()).toMatchObject({ status: 422, type: '/problems/bad-tar' });
    }
    expect((await unpack(whole, '?path=nowhere')).status).toBe(404);
    expect(await etagOf()).toBe(before);
  });
});

describe('versions', () => {
  it('are gone back to and dropped', async () => {
    const ids: string[] = [];
    for (const word of ['one', 'two']) {
      const answer = await expectStatus200(await put('f', word));
      ids.push(((await answer.json()) as { version: string }).version);
    }
    const [one = '', two = ''] = ids;
    const restored = await request(at(`versions/${one}/restore`), { method: 'POST' });
    expect(restored.headers.get('etag')).toBe(await etagOf());
    expect(await text('files/f')).toBe('one');
    expect(await text(`files/f?version=${two}`)).toBe('two');
    expect((await request(at(`versions/${one}`), { method: 'DELETE' })).status).toBe(409);
    expect((await request(at(`versions/${two}`), { method: 'DELETE' })).status).toBe(204);
    expect((await request(at(`files/f?version=${two}`))).status).toBe(404);
    expect((await request(at('versions/uploaded/restore'), { method: 'POST' })).status).toBe(200);
    expect((await request(at('files/f'))).status).toBe(404);
    expect(
      (await request(at(`versions/${one}/restore`), { method: 'POST', headers: { 'if-match': '"x"' } })).status,
    ).toBe(412);
  });
});

it('what is no raw image, or was put into the bucket by hand, is not written', async () => {
  await env.IMAGES.put('images/by-hand', image);
  const answer = await request('/v1/images/by-hand/files/f', { method: 'PUT', body: 'x' });
  expect(await answer.json()).toMatchObject({ type: '/problems/read-only-device', status: 422 });
  expect((await request('/v1/images/nowhere/files/f', { method: 'PUT', body: 'x' })).status).toBe(404);
});
