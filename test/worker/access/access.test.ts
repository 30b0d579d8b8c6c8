/** Who is let in: nobody, until the owner has said whom; then whom he said, to what he said. */

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { imagesFor } from '../../../src/worker/access/images.ts';
import { newId, newToken, sha256Hex } from '../../../src/worker/access/token.ts';
import { tokenJobs } from '../../../src/worker/access/tokens.ts';
import { app } from '../../../src/worker/app.ts';
import type { ImageStore } from '../../../src/worker/storage/image-store.ts';
import { romfs } from '../../fakes/romfs.ts';
import { asked, deployed, random } from '../deployed.ts';
import { inProcess, ORIGIN, request } from '../harness.ts';

const problemOf = async (response: Response, status: number) => {
  const body = (await response.json()) as Record<string, unknown>;
  expect({ status: response.status, body }).toMatchObject({ status });
  return body;
};
const batch = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"calls": [{"call": "getpid"}]}',
};
const image = {
  method: 'PUT',
  headers: { 'content-type': 'application/octet-stream' },
  body: romfs([['f', new Uint8Array(9)]]),
};

/** One of each group. */
const everything: readonly (readonly [path: string, init?: RequestInit])[] = [
  ['/v1/images'],
  ['/v1/images/a'],
  ['/v1/images/a', { method: 'HEAD' }],
  ['/v1/images/a', image],
  ['/v1/images/a', { method: 'DELETE' }],
  ['/v1/images/a/tar'],
  ['/v1/images/a/files/etc/passwd'],
  ['/v1/images/a/uploads', { method: 'POST' }],
  ['/v1/fs2tar', { ...image, method: 'POST' }],
  ['/v1/syscalls'],
  ['/v1/syscalls', batch],
  ['/v1/sessions'],
  ['/v1/sessions', { ...batch, body: '{}' }],
  ['/v1/simulations', { ...batch, body: '{}' }],
  ['/v1/tokens'],
  ['/v1/principal'],
  ['/v1/anything'],
];

describe('a Worker whose owner said nothing', () => {
  it('answers everything with 401, and how to set it up', async () => {
    const { send } = await deployed({});
    for (const [path, init] of everything) {
      const response = await request(path, init, send);
      expect({ path, status: response.status }).toEqual({ path, status: 401 });
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
      if (init?.method === 'HEAD') continue;
      const body = await problemOf(response, 401);
      expect(body).toMatchObject({ type: '/problems/access-not-configured', detail: expect.stringMatching(/TOKENS/) });
    }
  });

  it.each(['/healthz', '/version', '/docs', '/openapi.json', '/problems/unauthorized'])('answers %s', async (path) => {
    const { send } = await deployed({});
    expect((await request(path, {}, send)).status).toBe(200);
  });

  it('takes no credentials of any kind', async () => {
    const { send } = await deployed({});
    for (const authorization of ['Bearer test', 'Basic YTpi', `Bearer ${newToken('aaaaaaaaaa', random)}`]) {
      const response = await request('/v1/images', { headers: { authorization } }, send);
      await problemOf(response, 401);
    }
  });

  it('answers nothing at all when what he said makes no sense', async () => {
    for (const bindings of [{ OPEN: 'yes' }, { PUBLIC_SCOPES: 'admin' }, { PUBLIC_SCOPES: 'nope' }, { TOKENS: '{}' }]) {
      const { send } = await deployed(bindings);
      expect((await request('/v1/images', {}, send)).status).toBe(500);
    }
  });
});

describe('a token', () => {
  it('is wanted once there is one', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['syscalls'] });
    expect(await problemOf(await request('/v1/syscalls', batch, send), 401)).toMatchObject({
      type: '/problems/unauthorized',
    });
    expect((await request('/v1/syscalls', asked(tokens[0], batch), send)).status).toBe(200);
  });

  it('opens what its scopes name, and nothing else', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['simulate'] });
    for (const [path, init] of everything) {
      const { status } = await request(path, asked(tokens[0], init), send);
      const allowed = path === '/v1/simulations' || path === '/v1/principal' || path === '/v1/anything';
      const isTable = path === '/v1/syscalls' && init === undefined;
      expect({ path, status, refused: status === 403 }).toMatchObject({ refused: !(allowed || isTable) });
    }
  });

  it('says which scope is missing', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['simulate'] });
    const response = await request('/v1/syscalls', asked(tokens[0], batch), send);
    expect(response.headers.get('www-authenticate')).toMatch(/insufficient_scope.*scope="syscalls"/);
    expect(await problemOf(response, 403)).toMatchObject({ scope: 'syscalls' });
  });

  it('has the images whose names begin as it says, wherever they are named', async () => {
    const scopes = ['images:read', 'images:write', 'syscalls', 'sessions'] as const;
    const { send, tokens } = await deployed({}, { scopes }, { scopes, images: ['mine-'] });
    const [all, some] = tokens;
    for (const name of ['mine-1', 'other-1']) {
      expect((await request(`/v1/images/${name}`, asked(all, image), send)).status).toBeLessThan(300);
    }
    expect((await request('/v1/images/mine-1', asked(some, image), send)).status).toBe(200);
    for (const init of [image, { method: 'DELETE' }, {}]) {
      await problemOf(await request('/v1/images/other-1', asked(some, init), send), 403);
    }
    await problemOf(await request('/v1/images/other-1/uploads', asked(some, { method: 'POST' }), send), 403);
    const mounts = { ...batch, body: JSON.stringify({ mounts: [{ image: 'other-1', at: '/mnt' }] }) };
    for (const path of ['/v1/syscalls', '/v1/sessions']) {
      await problemOf(await request(path, asked(some, mounts), send), 403);
    }
    const list = (await (await request('/v1/images?limit=1', asked(some), send)).json()) as {
      readonly images: readonly { readonly name: string }[];
    };
    expect(list.images.map(({ name }) => name)).toEqual(['mine-1']);
  });

  it('ends when its time is over', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['images:read'], expires: '2026-01-01T00:00:00Z' });
    expect(await problemOf(await request('/v1/images', asked(tokens[0]), send), 401)).toMatchObject({
      type: '/problems/bad-token',
    });
  });

  it('that was revoked is none some seconds later, whatever is done to the clock', async () => {
    let nowMs = 1e12;
    let asked = 0;
    let row: object | null = { id: 'a', name: 'a', scopes: ['images:read'], createdMs: 0, expiresMs: 1e12 + 4000 };
    const answer = () => {
      asked++;
      return { value: row };
    };
    const TOKEN_REGISTRY = { getByName: () => ({ find: async () => answer() }) };
    const bindings = { TOKEN_REGISTRY } as unknown as Pick<Cloudflare.Env, 'TOKEN_REGISTRY'>;
    const jobs = tokenJobs({ bindings, random, nowMs: () => nowMs });
    const token = newToken(newId(random), random);
    for (let times = 0; times < 2; times++) await expect(jobs.rowOf(token)).resolves.toMatchObject({ id: 'a' });
    expect(asked).toBe(1);
    nowMs += 4000; // its time is over, though it was asked for a moment ago
    row = null;
    await expect(jobs.rowOf(token)).rejects.toMatchObject({ kind: 'bad-token' });
    row = { id: 'a', name: 'a', scopes: ['images:read'], createdMs: 0 };
    await expect(jobs.rowOf(token)).resolves.toMatchObject({ id: 'a' });
    row = null;
    nowMs -= 3_600_000;
    await expect(jobs.rowOf(token)).rejects.toMatchObject({ kind: 'bad-token' });
  });

  it('that is wrong by one letter is none', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['images:read'] });
    const wrong = `${tokens[0]?.slice(0, -1)}${tokens[0]?.endsWith('A') ? 'B' : 'A'}`;
    await problemOf(await request('/v1/images', asked(wrong), send), 401);
  });
});

describe('tokens that are made over HTTP', () => {
  it('are listed, rotated with their sessions, and revoked; of them only hashes are kept', async () => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const [admin] = tokens;
    const body = JSON.stringify({ name: 'ci', scopes: ['sessions'], expires_in_s: 3600 });
    const made = await request('/v1/tokens', asked(admin, { ...batch, body }), send);
    expect(made.status).toBe(201);
    const { id, token } = (await made.json()) as { readonly id: string; readonly token: string };
    const created = await request('/v1/sessions', asked(token, { ...batch, body: '{}' }), send);
    const session = (await created.json()) as { readonly id: string };
    expect(created.status).toBe(201);
    const listed = await (await request('/v1/tokens', asked(admin), send)).text();
    expect(listed).toContain(id);
    expect(listed).not.toContain(token);
    expect(listed).not.toContain(await sha256Hex(token));

    const rotated = await request(`/v1/tokens/${id}/rotate`, asked(admin, { method: 'POST' }), send);
    const other = ((await rotated.json()) as { readonly token: string }).token;
    await problemOf(await request('/v1/sessions', asked(token), send), 401);
    expect((await request(`/v1/sessions/${session.id}`, asked(other), send)).status).toBe(200);
    expect((await request(`/v1/sessions/${session.id}`, asked(other, { method: 'DELETE' }), send)).status).toBe(204);

    expect((await request(`/v1/tokens/${id}`, asked(admin, { method: 'DELETE' }), send)).status).toBe(204);
    await problemOf(await request('/v1/sessions', asked(other), send), 401);
    await problemOf(await request(`/v1/tokens/${id}`, asked(admin, { method: 'DELETE' }), send), 404);
  });

  it.each(['revoked', 'let in'] as const)('that are %s: what becomes of a WebSocket that is open', async (what) => {
    const { send, tokens } = await deployed({}, { scopes: ['admin'] });
    const [admin] = tokens;
    const body = JSON.stringify({ name: 'ci', scopes: ['sessions'] });
    const made = await request('/v1/tokens', asked(admin, { ...batch, body }), send);
    const { id, token } = (await made.json()) as { readonly id: string; readonly token: string };
    const created = await request('/v1/sessions', asked(token, { ...batch, body: '{}' }), send);
    const session = (await created.json()) as { readonly id: string };
    const headers = { upgrade: 'websocket', authorization: `Bearer ${token}` };
    const upgrade = new Request(`${ORIGIN}/v1/sessions/${session.id}/socket`, { headers });
    const { webSocket } = await app.fetch(upgrade, { ...env, OPEN: '' }, createExecutionContext());
    const closed = new Promise<number>((resolve) => webSocket?.addEventListener('close', ({ code }) => resolve(code)));
    webSocket?.accept();
    if (what === 'revoked') {
      expect((await request(`/v1/tokens/${id}`, asked(admin, { method: 'DELETE' }), send)).status).toBe(204);
      expect(await closed).toBe(1008);
    } else {
      const open = scheduler.wait(6000).then(() => 'open');
      expect(await Promise.race([closed, open])).toBe('open');
      webSocket?.close();
      expect((await request(`/v1/sessions/${session.id}`, asked(token, { method: 'DELETE' }), send)).status).toBe(204);
    }
  });

  it("do not see each other's sessions", async () => {
    const { send, tokens } = await deployed({}, { scopes: ['sessions'] }, { scopes: ['sessions'] });
    const [one, other] = tokens;
    const created = await request('/v1/sessions', asked(one, { ...batch, body: '{}' }), send);
    const { id } = (await created.json()) as { readonly id: string };
    await problemOf(await request(`/v1/sessions/${id}`, asked(other), send), 404);
    expect((await request(`/v1/sessions/${id}`, asked(one, { method: 'DELETE' }), send)).status).toBe(204);
  });
});

describe('what an owner declares public', () => {
  it('is for anybody, and the rest is not', async () => {
    const { send } = await deployed({ PUBLIC_SCOPES: 'syscalls' });
    expect((await request('/v1/syscalls', batch, send)).status).toBe(200);
    await problemOf(await request('/v1/images', {}, send), 403);
    expect(await (await request('/v1/principal', {}, send)).json()).toEqual({
      id: 'public',
      scopes: ['syscalls'],
      images: ['*'],
    });
  });
});

it.each(['/dav', '/dav/'])('%s is for those who are let in, and lists what they may read', async (path) => {
  const { send, tokens } = await deployed({}, { scopes: ['images:read'] });
  await problemOf(await send(new Request(ORIGIN + path)), 401);
  const read = { headers: { authorization: `Bearer ${tokens[0]}` } };
  expect((await send(new Request(ORIGIN + path, read))).status).toBe(200);
});

it.each(['/dav/none', '/dav//none'])('%s is for those who are let in, and no image', async (path) => {
  const { send, tokens } = await deployed({}, { scopes: ['images:read'] });
  await problemOf(await send(new Request(ORIGIN + path)), 401);
  const read = { headers: { authorization: `Bearer ${tokens[0]}` } };
  expect(await problemOf(await send(new Request(ORIGIN + path, read)), 404)).toMatchObject({
    type: '/problems/image-not-found',
  });
});

describe('an open Worker', () => {
  const open = inProcess();
  const from = (url: string, headers: Record<string, string> = {}) => open(new Request(url, { headers }));

  it.each(['http://localhost:8787', 'http://127.0.0.1', 'http://[::1]:1'])('answers as %s', async (origin) => {
    expect((await from(`${origin}/v1/principal`)).status).toBe(200);
  });

  it.each(['http://lkl.example', 'http://evil.test:8787', 'http://127.0.0.1.evil.test', 'http://192.168.1.1'])(
    'does not answer as %s: the name may be made to lead here',
    async (origin) => {
      for (const path of ['/v1/principal', '/healthz']) expect((await from(origin + path)).status).toBe(421);
    },
  );

  it.each(['evil.test', 'evil.test:8787', '127.0.0.1.evil.test', 'localhost@evil.test', '%', ''])(
    'does not believe its URL where the header Host is "%s"',
    async (host) => {
      for (const path of ['/v1/principal', '/healthz'])
        expect((await from(`http://localhost:8787${path}`, { host })).status).toBe(421);
    },
  );

  it('does nothing for pages of other sites', async () => {
    const headers = { 'content-type': 'application/json', origin: 'https://evil.test' };
    const post = new Request('http://localhost/v1/syscalls', { ...batch, headers });
    expect((await open(post)).status).toBe(403);
    const socket = { origin: 'https://evil.test', upgrade: 'websocket' };
    expect((await from(`http://localhost/v1/sessions/${crypto.randomUUID()}/socket`, socket)).status).toBe(403);
    expect((await from('http://localhost/v1/images', { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await from('http://localhost:1/v1/images', { origin: 'http://localhost:2' })).status).toBe(200);
  });
});

describe('pages of an origin that the owner named', () => {
  const ORIGINS = 'https://page.example';
  const origin = { origin: ORIGINS };

  it('may read answers, and the headers of them', async () => {
    const { send, tokens } = await deployed({ ORIGINS }, { scopes: ['images:read'] });
    const response = await request('/v1/images', asked(tokens[0], { headers: origin }), send);
    expect(response.headers.get('access-control-allow-origin')).toBe(ORIGINS);
    expect(response.headers.get('access-control-expose-headers')).toMatch(/etag/i);
    const preflight = { method: 'OPTIONS', headers: { ...origin, 'access-control-request-method': 'PUT' } };
    const asking = await send(new Request('http://localhost/v1/images/a', preflight));
    expect(asking.status).toBe(204);
    expect(asking.headers.get('access-control-allow-headers')).toMatch(/authorization/);
  });

  it('are told from others', async () => {
    const { send, tokens } = await deployed({ ORIGINS }, { scopes: ['images:read'] });
    const other = { headers: { origin: 'https://evil.test' } };
    const response = await request('/v1/images', asked(tokens[0], other), send);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('every answer', () => {
  it.each(['/docs', '/healthz', '/v1/images', '/nowhere'])(
    'of %s is not to be framed, sniffed or run',
    async (path) => {
      const { headers } = await request(path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get('x-request-id')).toMatch(/./);
      expect(headers.get('server-timing')).toMatch(/total;dur=\d/);
    },
  );
});

describe('a list of images', () => {
  it('takes as few questions as the names of others allow', async () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `image-${String(at).padStart(5, '0')}`);
    const limits: number[] = [];
    const list: ImageStore['list'] = async ({ limit, after = '' }) => {
      limits.push(limit);
      const rest = names.filter((name) => name > after);
      const images = rest.slice(0, limit).map((name, at) => ({
        ...{ name, sizeBytes: 1, etag: 'e', md5: undefined, uploaded: new Date(0), isWritten: false },
        owner: at === 999 ? 'token:mine' : 'token:another',
      }));
      return { images, more: rest.length > limit };
    };
    const principal = { id: 'token:mine', scopes: ['images:read'] as const, ambient: false };
    const { images, more } = await imagesFor({ list } as ImageStore, principal).list({ prefix: '', limit: 100 });
    expect([images.length, more, limits.length]).toEqual([10, false, 10]);
    const admin = { ...principal, scopes: ['admin'] as const };
    limits.length = 0;
    expect(await imagesFor({ list } as ImageStore, admin).list({ prefix: '', limit: 100 })).toMatchObject({
      more: true,
    });
    expect(limits).toEqual([100]);
  });
});

describe('Cloudflare Access', () => {
  const encode = (value: unknown) =>
    btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
  };
  const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

  it('lets in whom the team signed for, for this application, as long as it says', async () => {
    const { accessPrincipal } = await import('../../../src/worker/access/cloudflare-access.ts');
    const pair = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
    const other = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
    const jwk = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as JsonWebKey;
    const issuer = 'https://team.cloudflareaccess.com';
    const sign = async (claims: Record<string, unknown>, key = pair.privateKey, head: object = {}) => {
      const text = `${encode({ alg: 'RS256', kid: 'one', typ: 'JWT', ...head })}.${encode(claims)}`;
      const signature = await crypto.subtle.sign(algorithm.name, key, new TextEncoder().encode(text));
      const bytes = btoa(String.fromCharCode(...new Uint8Array(signature)));
      return `${text}.${bytes.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
    };
    const team = {
      issuer,
      audience: 'app',
      scopes: ['convert'] as const,
      fetchKeys: async (url: string) => {
        expect(url).toBe(`${issuer}/cdn-cgi/access/certs`);
        return [{ ...jwk, kid: 'one', alg: 'RS256', use: 'sig' } as JsonWebKey];
      },
      nowMs: () => Date.now(),
    };
    const good = { iss: issuer, aud: ['app'], sub: 'someone', exp: inAnHour() };
    await expect(accessPrincipal(await sign(good), team)).resolves.toMatchObject({
      id: 'access:someone',
      ambient: true,
    });
    // Whoever has just logged in is let in by a clock that is behind the team's, too.
    const justNow = Math.floor(Date.now() / 1000) + 20;
    await expect(accessPrincipal(await sign({ ...good, iat: justNow, nbf: justNow }), team)).resolves.toMatchObject({});
    const bad: readonly (readonly [Record<string, unknown>, (CryptoKey | undefined)?, object?])[] = [
      [{ ...good, aud: ['another'] }],
      [{ ...good, iss: 'https://evil.cloudflareaccess.com' }],
      [{ ...good, exp: 1000 }],
      [{ ...good, sub: '' }],
      [{ iss: issuer, aud: ['app'], sub: 'someone' }],
      [{ ...good, nbf: inAnHour() }],
      [{ ...good, iat: inAnHour() }],
      [{ ...good, nbf: 'soon' }],
      [good, other.privateKey],
      ...[{ alg: 'none' }, { alg: 'HS256' }, { alg: 'PS256' }, { kid: 'two' }, { kid: undefined }].map(
        (head) => [good, undefined, head] as const,
      ),
    ];
    for (const [claims, key, head] of bad) {
      await expect(accessPrincipal(await sign(claims, key, head), team)).rejects.toMatchObject({ kind: 'bad-token' });
    }
    // Whose keys cannot be had is nobody's fault who asks.
    const silent = { ...team, issuer: 'https://silent.cloudflareaccess.com', fetchKeys: () => Promise.reject('down') };
    await expect(accessPrincipal(await sign(good), silent)).rejects.toMatchObject({ kind: 'access-unreachable' });
  });
});
