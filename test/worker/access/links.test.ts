/** Signed URLs: one request for whoever has the URL, as it was signed and no longer. */

import { unpackTar } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { idOf, sha256Hex } from '../../../src/worker/access/token.ts';
import { MIB, noise } from '../../fakes/bodies.ts';
import { romfs } from '../../fakes/romfs.ts';
import { asked, deployed } from '../deployed.ts';
import { type Fetch, ORIGIN, request } from '../harness.ts';

const image = romfs([['etc', [['motd', new TextEncoder().encode('hello\n')]]]]);
const octets = { 'content-type': 'application/octet-stream' };
const both = ['images:read', 'images:write'] as const;

const json = (body: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

interface Made {
  readonly url: string;
  readonly expires: string;
}

async function link(send: Fetch, token: string | undefined, body: unknown): Promise<string> {
  const response = await request('/v1/links', asked(token, json(body)), send);
  expect(response.status).toBe(201);
  const { url } = (await response.json()) as Made;
  expect(url.startsWith(ORIGIN)).toBe(true);
  return url.slice(ORIGIN.length);
}

async function withImage() {
  const { send, tokens } = await deployed({}, { scopes: both }, { scopes: both });
  const name = `link-${crypto.randomUUID()}`;
  const stored = { method: 'PUT', headers: octets, body: image };
  expect((await request(`/v1/images/${name}`, asked(tokens[0], stored), send)).status).toBe(201);
  return { send, tokens, path: `/v1/images/${name}` };
}

const expectBad = async (response: Response, why: RegExp) => {
  expect(await response.json()).toMatchObject({ type: '/problems/bad-link', detail: expect.stringMatching(why) });
  expect(response.status).toBe(403);
};

describe('a link', () => {
  it('is a tar or a file for whoever has it, without a token', async () => {
    const { send, tokens, path } = await withImage();
    const tar = await link(send, tokens[0], { method: 'GET', path: `${path}/tar`, query: { path: 'etc' } });
    const entries = await unpackTar(await (await request(tar, {}, send)).arrayBuffer());
    expect(entries.map(({ header }) => header.name)).toContain('./motd');
    const file = await link(send, tokens[0], { method: 'GET', path: `${path}/files/etc/motd` });
    expect(await (await request(file, {}, send)).text()).toBe('hello\n');
    const ranged = await request(file, { headers: { range: 'bytes=1-3' } }, send);
    expect([ranged.status, await ranged.text()]).toEqual([206, 'ell']);
  });

  it('is a part of an upload for whoever has it', async () => {
    const { send, tokens, path } = await withImage();
    const begun = await request(`${path}/uploads`, asked(tokens[0], { method: 'POST' }), send);
    const upload = `${path}/uploads/${encodeURIComponent(((await begun.json()) as { id: string }).id)}`;
    const part = await link(send, tokens[0], { method: 'PUT', path: `${upload}/parts/1` });
    const body = noise(MIB);
    const headers = { ...octets, 'content-length': String(body.length) };
    const sent = await request(part, { method: 'PUT', headers, body }, send);
    expect(sent.status).toBe(200);
    const parts = [await sent.json()];
    expect((await request(`${upload}/complete`, asked(tokens[0], json({ parts })), send)).status).toBe(200);
    await expectBad(await request(part, {}, send), /is for PUT/);
  });

  it('is good for nothing else', async () => {
    const { send, tokens, path } = await withImage();
    const tar = await link(send, tokens[0], { method: 'GET', path: `${path}/tar`, query: { path: 'etc' } });
    await expectBad(await request(tar.replace('/tar', ''), {}, send), /another path/);
    await expectBad(await request(tar.replace('path=etc', 'path=.'), {}, send), /another query/);
    await expectBad(await request(tar.replace('path=etc&', ''), {}, send), /another query/);
    await expectBad(await request(`${tar}&compress=gzip`, {}, send), /another query/);
    await expectBad(await request(tar, { method: 'DELETE' }, send), /is for GET/);
    await expectBad(await request(`${tar.slice(0, -3)}AAA`, {}, send), /not signed here/);
    await expectBad(await request(`${path}/tar?link=nonsense`, {}, send), /not signed here/);
    const [, secret = ''] = /link=([^&]+)/.exec(tar) ?? [];
    await expectBad(await request(`/v1/tokens?link=${secret}`, {}, send), /another path/);
    expect((await request('/v1/images', { headers: { authorization: `Bearer ${secret}` } }, send)).status).toBe(401);
  });

  it('ends when its time is over', async () => {
    const { send, tokens, path } = await withImage();
    const file = await link(send, tokens[0], { method: 'GET', path: `${path}/files/etc/motd`, expires_in_s: 1 });
    await expect.poll(async () => (await request(file, {}, send)).status, { timeout: 10_000 }).toBe(403);
    await expectBad(await request(file, {}, send), /time is over/);
  });

  it('ends when the token that made it is revoked', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const created = json({ name: 'ci', scopes: both });
    const made = (await (await request('/v1/tokens', asked(tokens[0], created), send)).json()) as {
      id: string;
      token: string;
    };
    const path = `/v1/images/link-${crypto.randomUUID()}`;
    const stored = { method: 'PUT', headers: octets, body: image };
    expect((await request(path, asked(made.token, stored), send)).status).toBe(201);
    const file = await link(send, made.token, { method: 'GET', path: `${path}/files/etc/motd` });
    expect((await request(file, {}, send)).status).toBe(200);
    expect((await request(`/v1/tokens/${made.id}`, asked(tokens[0], { method: 'DELETE' }), send)).status).toBe(204);
    await expectBad(await request(file, {}, send), /let in no more/);
  });

  it('ends when the token that made it gets another secret, by whomever of the two it was made', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const [admin] = tokens;
    const made = await request('/v1/tokens', asked(admin, json({ name: 'a', scopes: both })), send);
    const { id, token } = (await made.json()) as { id: string; token: string };
    const path = `/v1/images/link-${crypto.randomUUID()}`;
    const stored = { method: 'PUT', headers: octets, body: image };
    expect((await request(path, asked(token, stored), send)).status).toBe(201);
    const leaked = await link(send, token, { method: 'GET', path: `${path}/tar` });
    expect((await request(leaked, {}, send)).status).toBe(200);
    const rotated = await request(`/v1/tokens/${id}/rotate`, asked(admin, { method: 'POST' }), send);
    const { token: fresh } = (await rotated.json()) as { token: string };
    await expectBad(await request(leaked, {}, send), /let in no more/);
    const own = await link(send, fresh, { method: 'GET', path: `${path}/tar` });
    expect((await request(own, {}, send)).status).toBe(200);
  });

  it('can do no more than its maker may now', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const [admin = ''] = tokens;
    const path = `/v1/images/link-${crypto.randomUUID()}`;
    const stored = { method: 'PUT', headers: octets, body: image };
    expect((await request(path, asked(admin, stored), send)).status).toBe(201);
    const tar = await link(send, admin, { method: 'GET', path: `${path}/tar` });
    expect((await request(tar, {}, send)).status).toBe(200);
    // The owner of the service changes what the row of that token says.
    const sha256 = await sha256Hex(admin);
    const as = async (scopes: readonly string[], images?: readonly string[]) => {
      const TOKENS = JSON.stringify([{ id: idOf(admin), sha256, scopes, ...(images && { images }) }]);
      return request(tar, {}, (await deployed({ TOKENS })).send);
    };
    expect((await as(['images:read'])).status).toBe(200);
    await expectBad(await as(['convert']), /not do that any more/);
    // It is his own image: by whatever names he is given others'.
    expect((await as(['images:read'], ['other-'])).status).toBe(200);
  });

  it('of what anybody may ends with that', async () => {
    const { send } = await deployed({ PUBLIC_SCOPES: 'images:read' });
    const { send: owners, tokens } = await deployed({}, { scopes: both });
    const path = `/v1/images/link-${crypto.randomUUID()}`;
    const stored = { method: 'PUT', headers: octets, body: image };
    expect((await request(path, asked(tokens[0], stored), owners)).status).toBe(201);
    const tar = await link(send, undefined, { method: 'GET', path: `${path}/tar` });
    expect((await request(tar, {}, send)).status).toBe(200);
    await expectBad(await request(tar, {}, owners), /let in no more/);
  });

  it('cannot do what its maker may not', async () => {
    const { send, tokens, path } = await withImage();
    const { send: other, tokens: readers } = await deployed({}, { scopes: ['images:read'] });
    const ask = (token: string | undefined, to: Fetch, method: string, target: string) =>
      request('/v1/links', asked(token, json({ method, path: target })), to);
    expect((await ask(tokens[1], send, 'GET', `${path}/tar`)).status).toBe(404);
    expect((await ask(tokens[1], send, 'PUT', path)).status).toBe(403);
    expect((await ask(readers[0], other, 'PUT', '/v1/images/new')).status).toBe(403);
    for (const target of [
      '/v1/tokens',
      '/v1/images',
      '/v1/images/a?b=c',
      '/v1/images/../tokens',
      'http://x/v1/images/a',
    ]) {
      expect((await ask(tokens[0], send, 'GET', target)).status).toBe(400);
    }
  });
});
