/** What one principal may have: exactly so much, told in time, and nobody else's. */

import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { SECTOR } from '../../../src/storage/block-device.ts';
import type { LedgerRpc } from '../../../src/worker/limits/ledger-rpc.ts';
import { quotasOf } from '../../../src/worker/limits/quotas.ts';
import { valueIn } from '../../../src/worker/session/rpc.ts';
import { MIB, noise } from '../../fakes/bodies.ts';
import { romfs } from '../../fakes/romfs.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { asked, deployed } from '../deployed.ts';
import { request } from '../harness.ts';

const all = ['images:read', 'images:write', 'syscalls', 'sessions', 'convert'] as const;
const json = (body: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const put = (bytes: Uint8Array) => ({
  method: 'PUT',
  headers: { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length) },
  body: bytes as Uint8Array<ArrayBuffer>,
});
const text = (content: string) => new TextEncoder().encode(content);
const batch = json({ calls: [{ call: 'getpid' }] });

/** A Worker with these quotas, and some who have all scopes but admin. */
async function withQuotas(quotas: Record<string, unknown>, bindings: Partial<Cloudflare.Env> = {}, principals = 2) {
  const rows = Array.from({ length: principals }, () => ({ scopes: all }));
  const { send, tokens } = await deployed({ QUOTAS: JSON.stringify({ '*': quotas }), ...bindings }, ...rows);
  return tokens.map((token) => (path: string, init?: RequestInit) => request(path, asked(token, init), send));
}

async function expectOver(response: Response, quota: string): Promise<void> {
  expect(await response.json()).toMatchObject({ type: '/problems/over-quota', status: 429, quota });
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
}

describe('requests a minute', () => {
  it('are counted exactly, told in headers, and each principal has his own', async () => {
    const [one, other] = await withQuotas({ requests_per_minute: 3 });
    if (!one || !other) throw new Error('two principals');
    // In which minute they fall nobody knows: a second that ends one would make the count begin anew.
    const left: string[] = [];
    for (let made = 0; made < 3; made++) {
      const response = await one('/v1/images?prefix=none');
      expect(response.status).toBe(200);
      expect(response.headers.get('ratelimit-limit')).toBe('3');
      expect(response.headers.get('ratelimit-policy')).toBe('3;w=60');
      expect(Number(response.headers.get('ratelimit-reset'))).toBeLessThanOrEqual(60);
      left.push(response.headers.get('ratelimit-remaining') ?? '');
    }
    const more = await Promise.all(Array.from({ length: 6 }, () => one('/v1/images?prefix=none')));
    const refused = more.filter(({ status }) => status === 429);
    // Over two minutes six are let in at most: of nine, three at least are not.
    expect(refused.length).toBeGreaterThanOrEqual(3);
    for (const response of refused) await expectOver(response, 'requests_per_minute');
    expect((await other('/v1/images?prefix=none')).status).toBe(200);
    expect(left.every((text) => /^[0-2]$/.test(text))).toBe(true);
  });

  it("are the platform's to count where that is bound", async () => {
    const keys: string[] = [];
    const RATE_LIMIT = {
      limit: async ({ key }: { key: string }) => {
        keys.push(key);
        return { success: keys.length <= 2 };
      },
    };
    const [one] = await withQuotas({ requests_per_minute: 1 }, { RATE_LIMIT }, 1);
    if (!one) throw new Error('one principal');
    expect((await one('/v1/images?prefix=none')).status).toBe(200);
    expect((await one('/v1/images?prefix=none')).status).toBe(200);
    await expectOver(await one('/v1/images?prefix=none'), 'requests_per_minute');
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^token:/);
  });
});

describe('kernels', () => {
  it('of one owner are no more than he may have at a time, and more later', async () => {
    const [one, other] = await withQuotas({ kernels: 1 });
    if (!one || !other) throw new Error('two principals');
    const sleep = { call: 'nanosleep', args: [{ tv_sec: 1, tv_nsec: 0 }, null] };
    const long = one('/v1/syscalls', json({ clock: 'wall', calls: [sleep] }));
    const others = Array.from({ length: 3 }, () => one('/v1/syscalls', json({ clock: 'wall', calls: [sleep] })));
    const answers = await Promise.all([long, ...others]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) await expectOver(answer, 'kernels');
    expect((await one('/v1/syscalls', batch)).status).toBe(200);
    expect((await other('/v1/syscalls', batch)).status).toBe(200);
  });

  it('are counted wherever they run, until they are gone or nothing is heard of them', async () => {
    const [one] = await withQuotas({ kernels: 2 }, {}, 1);
    if (!one) throw new Error('one principal');
    const { id } = (await (await one('/v1/principal')).json()) as { id: string };
    const ledger = env.LEDGER.getByName(id) as unknown as LedgerRpc;
    const status = async () => (await one('/v1/syscalls', batch)).status;
    // Two of another isolate.
    for (const name of ['one', 'other']) valueIn(await ledger.enter(name, 16, { kernels: 2 }, 60_000));
    await expectOver(await one('/v1/syscalls', batch), 'kernels');
    valueIn(await ledger.spend(0, ['one']));
    // Each gives its own back.
    for (let times = 0; times < 3; times++) expect(await status()).toBe(200);
    valueIn(await ledger.enter('third', 16, { kernels: 2 }, 50));
    expect(await status()).toBe(429);
    await scheduler.wait(100);
    expect(await status()).toBe(200);
    // The same again is no other one.
    for (let times = 0; times < 3; times++) valueIn(await ledger.enter('other', 16, { kernels: 2 }, 60_000));
    expect(await status()).toBe(200);
  });

  it('of more memory than he may have are refused', async () => {
    const [one] = await withQuotas({ kernel_mib: 16 }, {}, 1);
    await expectOver((await one?.('/v1/syscalls', json({ memory: 32, calls: [] }))) as Response, 'kernel_mib');
  });

  it('cost seconds, of which he has so many a minute', async () => {
    const [one] = await withQuotas({ kernel_seconds_per_minute: 0.2 }, {}, 1);
    if (!one) throw new Error('one principal');
    const sleep = { call: 'nanosleep', args: [{ tv_sec: 0, tv_nsec: 400_000_000 }, null] };
    const statuses: number[] = [];
    // The first may fall into the minute before.
    for (let made = 0; made < 3; made++) {
      const answer = await one('/v1/syscalls', json({ clock: 'wall', calls: [sleep] }));
      statuses.push(answer.status);
      if (answer.status === 429) await expectOver(answer, 'kernel_seconds_per_minute');
    }
    expect(statuses[0]).toBe(200);
    expect(statuses).toContain(429);
  });
});

describe('whoever has used up his kernel seconds', () => {
  it('has no kernel work, and does all that needs none: above all he ends sessions, and looks what he used', async () => {
    // The platform counts requests: nothing but the seconds is asked of the ledger.
    const RATE_LIMIT = { limit: async () => ({ success: true }) };
    const [one] = await withQuotas(
      { kernel_seconds_per_minute: 300, kernels: null, kernel_mib: null },
      { RATE_LIMIT },
      1,
    );
    if (!one) throw new Error('one principal');
    const { id } = (await (await one('/v1/principal')).json()) as { id: string };
    const ledger = env.LEDGER.getByName(id) as unknown as LedgerRpc;
    const image = `quota-${crypto.randomUUID()}`;
    expect((await one(`/v1/images/${image}`, put(romfs([['f', text('x')]])))).status).toBe(201);
    const { id: session } = (await (await one('/v1/sessions', json({}))).json()) as { id: string };
    const at = `/v1/sessions/${session}`;
    const spent = async (path: string, init?: RequestInit) => {
      valueIn(await ledger.spend(1000));
      const answer = await one(path, init);
      if (answer.status === 429) return answer;
      // It may have fallen into the next minute, but not twice.
      valueIn(await ledger.spend(1000));
      return one(path, init);
    };
    const working: (readonly [string, RequestInit?])[] = [
      ['/v1/syscalls', batch],
      ['/v1/sessions', json({})],
      [`${at}/syscalls`, batch],
      [`${at}/files/`],
      [`${at}/files/x`, put(text('x'))],
      [`${at}/fork`, { method: 'POST' }],
      [`${at}/interfaces`, json({})],
      [`/v1/images/${image}/files/`],
      [`/dav/${image}/f`],
    ];
    for (const [path, init] of working) await expectOver(await spent(path, init), 'kernel_seconds_per_minute');
    const others: (readonly [string, number, RequestInit?])[] = [
      ['/v1/usage', 200],
      ['/v1/images', 200],
      [`/v1/images/${image}`, 200, { method: 'HEAD' }],
      [at, 200],
      [`${at}/console`, 200],
      [`${at}/suspend`, 200, { method: 'POST' }],
      [at, 204, { method: 'DELETE' }],
      [`/v1/images/${image}`, 204, { method: 'DELETE' }],
    ];
    for (const [path, status, init] of others) {
      valueIn(await ledger.spend(1000));
      expect([path, (await one(path, init)).status]).toEqual([path, status]);
    }
  });
});

describe('sessions', () => {
  it('are no more than one may have', async () => {
    const [one] = await withQuotas({ sessions: 1 }, {}, 1);
    if (!one) throw new Error('one principal');
    const made = await one('/v1/sessions', json({}));
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as { id: string };
    const more = await one('/v1/sessions', json({}));
    expect(await more.json()).toMatchObject({ type: '/problems/too-many-sessions', sessions: 1 });
    expect(more.status).toBe(429);
    expect(more.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await one(`/v1/sessions/${id}`, { method: 'DELETE' })).status).toBe(204);
  });
});

describe('stored bytes', () => {
  const name = () => `quota-${crypto.randomUUID()}`;

  it('are counted before they are stored, and are free once they are deleted', async () => {
    const [one, other] = await withQuotas({ stored_bytes: 1_500_000 });
    if (!one || !other) throw new Error('two principals');
    const [first, second] = [name(), name()];
    const image = noise(1_000_000);
    expect((await one(`/v1/images/${first}`, put(image))).status).toBe(201);
    await expectOver(await one(`/v1/images/${second}`, put(image)), 'stored_bytes');
    expect((await one(`/v1/images/${second}`, { method: 'HEAD' })).status).toBe(404);
    expect((await other(`/v1/images/${second}`, put(image))).status).toBe(201);
    expect((await one(`/v1/images/${first}`, { method: 'DELETE' })).status).toBe(204);
    expect((await one(`/v1/images/${first}`, put(image))).status).toBe(201);
  });

  it('of parts count from the moment that they are sent, and no more once the upload is aborted', async () => {
    const [one] = await withQuotas({ stored_bytes: 8 * MIB }, {}, 1);
    if (!one) throw new Error('one principal');
    const image = name();
    const begin = async () => {
      const { id } = (await (await one(`/v1/images/${image}/uploads`, { method: 'POST' })).json()) as { id: string };
      return `/v1/images/${image}/uploads/${encodeURIComponent(id)}`;
    };
    const upload = await begin();
    const part = noise(5 * MIB);
    expect((await one(`${upload}/parts/1`, put(part))).status).toBe(200);
    expect((await one(`${upload}/parts/1`, put(part))).status).toBe(200);
    await expectOver(await one(`${upload}/parts/2`, put(part)), 'stored_bytes');
    expect((await one(upload, { method: 'DELETE' })).status).toBe(204);
    const again = await begin();
    const sent = await (await one(`${again}/parts/1`, put(part))).json();
    expect((await one(`${again}/complete`, json({ parts: [sent] }))).status).toBe(200);
    await expectOver(await one(`/v1/images/${name()}`, put(part)), 'stored_bytes');
  });
});

describe('bytes written into images', () => {
  const ext4 = async () => {
    const device = await fixtureDevice('ext4');
    const bytes = new Uint8Array(device.sectors * SECTOR);
    await device.read(0, bytes);
    return bytes;
  };
  const name = () => `quota-${crypto.randomUUID()}`;
  /** One principal with an image that Linux can write to, and what his ledger has. */
  async function writer(stored_bytes: number) {
    const [one] = await withQuotas({ stored_bytes }, {}, 1);
    if (!one) throw new Error('one principal');
    const { id } = (await (await one('/v1/principal')).json()) as { id: string };
    const ledger = env.LEDGER.getByName(id) as unknown as LedgerRpc;
    return { one, held: async () => valueIn(await ledger.held()).storedBytes };
  }

  it('are counted as the image has them, and free once their versions are gone', async () => {
    const { one, held } = await writer(1024 * MIB);
    const image = name();
    expect((await one(`/v1/images/${image}`, put(await ext4()))).status).toBe(201);
    const before = await held();
    const written = await one(`/v1/images/${image}/files/new`, put(noise(MIB)));
    expect(written.status).toBe(200);
    const after = await held();
    expect(after - before).toBeGreaterThan(MIB);
    expect(after - before).toBeLessThan(2 * MIB);
    expect((await one(`/v1/images/${image}`, { method: 'DELETE' })).status).toBe(204);
    expect(await held()).toBe(0);
  });

  it('are no more than he may have', async () => {
    const bytes = await ext4();
    const { one, held } = await writer(bytes.length + 2 * MIB);
    const image = name();
    expect((await one(`/v1/images/${image}`, put(bytes))).status).toBe(201);
    expect((await one(`/v1/images/${image}/files/new`, put(noise(MIB / 2)))).status).toBe(200);
    const before = await held();
    await expectOver(await one(`/v1/images/${image}/files/more`, put(noise(3 * MIB))), 'stored_bytes');
    expect((await one(`/v1/images/${image}/files/more`)).status).toBe(404);
    expect(await held()).toBeGreaterThanOrEqual(before);
  });
});

describe('usage', () => {
  interface Usage {
    readonly principal: string;
    readonly quotas: Readonly<Record<string, { used: number | null; limit: number | null; reset_in_s?: number }>>;
  }
  const usage = async (answer: Response | Promise<Response>): Promise<Usage> => {
    const response = await answer;
    expect(response.status).toBe(200);
    return (await response.json()) as Usage;
  };

  it('is what the quotas count: requests, kernels, seconds, stored bytes and sessions, and what may be', async () => {
    const [one] = await withQuotas({ sessions: 3, stored_bytes: 50 * MIB, requests_per_minute: 500 }, {}, 1);
    if (!one) throw new Error('one principal');
    const empty = await usage(one('/v1/usage'));
    expect(empty.quotas).toMatchObject({
      kernel_seconds_per_minute: { used: 0, limit: 300, reset_in_s: expect.any(Number) },
      kernels: { used: 0, limit: 8 },
      kernel_mib: { used: null, limit: null },
      stored_bytes: { used: 0, limit: 50 * MIB },
      sessions: { used: 0, limit: 3 },
      session_mib: { used: 0, limit: 512 },
    });
    const image = noise(300_000);
    expect((await one(`/v1/images/usage-${crypto.randomUUID()}`, put(image))).status).toBe(201);
    const made = (await (await one('/v1/sessions', json({ memory: 32 }))).json()) as { id: string };
    const sleep = { call: 'nanosleep', args: [{ tv_sec: 0, tv_nsec: 300_000_000 }, null] };
    expect((await one('/v1/syscalls', json({ clock: 'wall', calls: [sleep] }))).status).toBe(200);
    const ledger = env.LEDGER.getByName(empty.principal) as unknown as LedgerRpc;
    valueIn(await ledger.enter('elsewhere', 24, { kernels: 8 }, 60_000));
    const { quotas } = await usage(one('/v1/usage'));
    expect(quotas).toMatchObject({
      kernels: { used: 1, limit: 8 },
      stored_bytes: { used: image.length },
      sessions: { used: 1 },
      session_mib: { used: 32 },
    });
    // Of a minute: a new one may have begun meanwhile, and then this request alone is in it.
    expect(quotas.requests_per_minute?.used).toBeGreaterThanOrEqual(1);
    expect(quotas.requests_per_minute?.used).toBeLessThanOrEqual(5);
    expect(quotas.requests_per_minute?.reset_in_s).toBeLessThanOrEqual(60);
    expect(quotas.kernel_seconds_per_minute?.used).toBeLessThan(10);
    expect((await one(`/v1/sessions/${made.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await usage(one('/v1/usage'))).quotas.sessions?.used).toBe(0);
  });

  it("is told to whom it belongs, and to an admin: to nobody else, and of no name that is none's", async () => {
    const rows = [{ scopes: all }, { scopes: all }, { scopes: ['admin'] as const }];
    const QUOTAS = JSON.stringify({ '*': { requests_per_minute: 400 } });
    const { send, tokens } = await deployed({ QUOTAS }, ...rows);
    const [one, other, admin] = tokens.map((token) => (path: string) => request(path, asked(token), send));
    if (!one || !other || !admin) throw new Error('three principals');
    const { principal } = await usage(one('/v1/usage'));
    const own = await usage(one(`/v1/usage?principal=${principal}`));
    const seen = await usage(admin(`/v1/usage?principal=${encodeURIComponent(principal)}`));
    expect(seen.principal).toBe(principal);
    // Looking counts for whoever looks.
    expect(seen.quotas.requests_per_minute?.used ?? 0).toBeLessThanOrEqual(own.quotas.requests_per_minute?.used ?? 0);
    const refused = await other(`/v1/usage?principal=${principal}`);
    expect(await refused.json()).toMatchObject({ type: '/problems/forbidden', scope: 'admin' });
    for (const name of ['', 'token:', 'token:k3jq5abcde/../x', 'nobody', 'access:', '*']) {
      expect((await admin(`/v1/usage?principal=${encodeURIComponent(name)}`)).status, name).toBe(400);
    }
    expect((await request('/v1/usage', asked(undefined), send)).status).toBe(401);
  });

  it('of requests is unknown where the platform counts them, as is all that has no end', async () => {
    const RATE_LIMIT = { limit: async () => ({ success: true }) };
    const [one] = await withQuotas({ kernels: null, stored_bytes: null }, { RATE_LIMIT }, 1);
    if (!one) throw new Error('one principal');
    const { quotas } = await usage(one('/v1/usage'));
    expect(quotas.requests_per_minute).toMatchObject({ used: null, limit: 600 });
    expect(quotas.kernels).toEqual({ used: null, limit: null });
    expect(quotas.stored_bytes).toEqual({ used: null, limit: null });
  });
});

describe('images', () => {
  const image = romfs([['f', new Uint8Array(9)]]);

  it('belong to whoever made them: others neither see, read, replace nor delete them', async () => {
    const [one, other] = await withQuotas({});
    if (!one || !other) throw new Error('two principals');
    const name = `own-${crypto.randomUUID()}`;
    expect((await one(`/v1/images/${name}`, put(image))).status).toBe(201);
    for (const path of ['', '/tar', '/files/', '/files/f']) {
      expect((await one(`/v1/images/${name}${path}`)).status).toBe(200);
      expect((await other(`/v1/images/${name}${path}`)).status).toBe(404);
    }
    expect((await other(`/v1/images/${name}`, put(image))).status).toBe(403);
    expect((await other(`/v1/images/${name}/uploads`, { method: 'POST' })).status).toBe(403);
    expect((await other(`/v1/images/${name}`, { method: 'DELETE' })).status).toBe(403);
    const mounts = { mounts: [{ image: name, at: '/mnt' }], calls: [] };
    expect((await other('/v1/syscalls', json(mounts))).status).toBe(404);
    expect((await other('/v1/sessions', json({ mounts: mounts.mounts }))).status).toBe(404);
    const names = async (as: typeof one) =>
      ((await (await as(`/v1/images?prefix=${name}`)).json()) as { images: unknown[] }).images.length;
    expect(await names(one)).toBe(1);
    expect(await names(other)).toBe(0);
    expect((await one(`/v1/images/${name}`, put(image))).status).toBe(200);
  });

  it('are shared by the names that a token is given, and all are there for who has admin', async () => {
    const rows = [{ scopes: all }, { scopes: all, images: ['shared-'] }, { scopes: ['admin'] as const }];
    const { send, tokens } = await deployed({}, ...rows);
    const name = `shared-${crypto.randomUUID()}`;
    expect((await request(`/v1/images/${name}`, asked(tokens[0], put(image)), send)).status).toBe(201);
    for (const token of tokens) {
      expect((await request(`/v1/images/${name}/files/f`, asked(token), send)).status).toBe(200);
    }
    expect((await request(`/v1/images/${name}`, asked(tokens[1], put(image)), send)).status).toBe(200);
    // It is still the first one's.
    expect((await request(`/v1/images/${name}/files/f`, asked(tokens[0]), send)).status).toBe(200);
  });
});

describe('QUOTAS', () => {
  it.each(['[]', '{"*": 1}', '{"*": {"request": 1}}', '{"*": {"kernels": "2"}}', '{"*": {"kernels": -1}}', 'nope'])(
    '%s makes no sense, and nothing is answered',
    async (QUOTAS) => {
      const { send, tokens } = await deployed({ QUOTAS }, { scopes: ['images:read'] });
      expect((await request('/v1/images', asked(tokens[0]), send)).status).toBe(500);
    },
  );

  it('of one principal come before those of all', () => {
    const text = JSON.stringify({ '*': { kernels: 3, sessions: 2 }, 'token:a': { kernels: 9, sessions: null } });
    expect(quotasOf('token:a', text, false)).toMatchObject({
      kernels: 9,
      sessions: Infinity,
      requests_per_minute: 600,
    });
    expect(quotasOf('token:b', text, false)).toMatchObject({ kernels: 3, sessions: 2 });
    // On its owner's own machine only what stays has an end, unless he says more.
    expect(quotasOf('local', undefined, true)).toEqual({ sessions: 16, session_mib: 512 });
  });
});
