/** Stored images over WebDAV: each has a Durable Object that mounts it, keeps what is changed, and makes versions of it. */

import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { type DurableObject, env, exports } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SECTOR } from '../../src/storage/block-device.ts';
import { atRest, type DavRpc } from '../../src/worker/dav/jobs.ts';
import { fixtureDevice, stackDevice } from '../fixtures/load.ts';
import { deployed } from './deployed.ts';
import { kernelsAreGone, ORIGIN, request } from './harness.ts';

let made = 0;
let name = '';

beforeEach(async () => {
  name = `dav-${++made}`;
  await store('ext4');
});
// A mount would keep its memory from the tests of other files.
afterEach(async () => {
  await object.rest();
  await kernelsAreGone();
});

async function store(fixture: string, as = name): Promise<void> {
  const device = await fixtureDevice(fixture);
  const image = new Uint8Array(device.sectors * SECTOR);
  await device.read(0, image);
  const { status } = await request(`/v1/images/${as}`, { method: 'PUT', body: image });
  expect([200, 201]).toContain(status);
}

type Init = RequestInit & { readonly headers?: Record<string, string> };
const dav = (method: string, path = '', init: Init = {}, image = name): Promise<Response> =>
  exports.default.fetch(new Request(`${ORIGIN}/dav/${image}/${path}`, { method, ...init }));
const status = async (...args: Parameters<typeof dav>): Promise<number> => {
  const response = await dav(...args);
  await response.arrayBuffer();
  return response.status;
};
const root = (method: string, init: Init = {}) =>
  exports.default.fetch(new Request(`${ORIGIN}/dav/`, { method, ...init }));
const text = async (path: string) => (await dav('GET', path)).text();
/** In the image, as others see it. */
const inImage = (path: string) => request(`/v1/images/${name}/files/${path}`);
const versions = async () =>
  (await (await request(`/v1/images/${name}/versions`)).json<{ versions: { id: string; parent: string }[] }>())
    .versions;

type Dav = DurableObject & DavRpc & { alarm(): Promise<void> };
const object = {
  stub: () => env.DAV.getByName(name),
  inside: (act: (dav: Dav, state: DurableObjectState) => Promise<void>) =>
    runInDurableObject(object.stub(), (dav, state) => act(dav as Dav, state)),
  rest: () => atRest(env, name),
  evict: () => evictDurableObject(object.stub()),
  /** Gone as well, and it does not wake by itself. */
  async kill() {
    const gone = object.inside(async (_, state) => {
      await state.storage.deleteAlarm();
      state.abort('gone');
    });
    await gone.catch(() => {});
  },
};
/** What was changed is a version once it is calm: 20 s at most. */
async function saved(count: number, most = count): Promise<void> {
  for (let tries = 0; tries < 100 && (await versions()).length < count; tries++) await scheduler.wait(200);
  const { length } = await versions();
  expect(length).toBeGreaterThanOrEqual(count);
  expect(length).toBeLessThanOrEqual(most);
}

/** As the object has it. */
const CALM_MS = 2_000;
/** How many versions changes may be that `make` makes one after another: one, unless this machine left it calm in between. */
async function versionsOf(make: () => Promise<void>): Promise<number> {
  const sinceMs = Date.now();
  await make();
  return 1 + Math.floor((Date.now() - sinceMs) / CALM_MS);
}

it('of an encrypted volume nothing is shown, in words', async () => {
  const device = await stackDevice('luks1');
  const image = new Uint8Array(device.sectors * SECTOR);
  await device.read(0, image);
  await request(`/v1/images/${name}`, { method: 'PUT', body: image });
  const answer = await dav('PROPFIND', '', { headers: { depth: '0' } });
  expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('lkl-passphrase')]);
});

describe('all images', () => {
  it('are the collections of /dav/, each with its own URL', async () => {
    const answer = await (await root('PROPFIND', { headers: { depth: '1' } })).text();
    expect(answer).toContain(`<D:href>/dav/${name}/</D:href>`);
    expect(answer).toContain(`<D:displayname>${name}</D:displayname>`);
    const wanted = '<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getetag/></D:prop></D:propfind>';
    const some = await root('PROPFIND', { headers: { depth: '0' }, body: wanted });
    expect(some.status).toBe(207);
    expect(await some.text()).toMatch(/<D:collection\/>.*200 OK.*<D:getetag\/>.*404/);
    expect(await (await root('GET')).text()).toContain(`href="/dav/${name}/"`);
    expect((await root('OPTIONS')).headers.get('dav')).toContain('1');
    expect((await root('PROPFIND')).status).toBe(403);
    for (const method of ['MKCOL', 'PUT', 'DELETE']) expect((await root(method)).status).toBe(403);
  });
});

describe('an image', () => {
  it('is listed, read whole and by range, and no version comes of that', async () => {
    expect(await status('PUT', 'f', { body: '0123456789' })).toBe(201);
    await saved(1);
    await object.evict();
    const listed = await dav('PROPFIND', '', { headers: { depth: '1' } });
    expect(listed.status).toBe(207);
    expect(await listed.text()).toContain(`<D:href>/dav/${name}/f</D:href>`);
    const part = await dav('GET', 'f', { headers: { range: 'bytes=2-4' } });
    expect([part.status, part.headers.get('content-length'), await part.text()]).toEqual([206, '3', '234']);
    expect((await dav('OPTIONS')).headers.get('dav')).toBe('1, 2, 3');
    await saved(1);
  });

  it('has what was changed as one version, made from what there was', async () => {
    const most = await versionsOf(async () => {
      expect(await status('MKCOL', 'd')).toBe(201);
      expect(await status('PUT', 'd/%FF', { body: 'odd' })).toBe(201);
      expect(await status('MOVE', 'd', { headers: { destination: `${ORIGIN}/dav/${name}/e` } })).toBe(201);
    });
    await saved(1, most);
    await expect.poll(async () => (await inImage('e/%FF')).status, { timeout: 20_000, interval: 200 }).toBe(200);
    expect(await (await inImage('e/%FF')).text()).toBe('odd');
    const [first, ...others] = (await versions()).reverse();
    expect(first).toMatchObject({ parent: 'uploaded' });
    expect(others.length).toBeLessThan(most);
    // A mount that had to go meanwhile is another one, and its changes another version.
    expect(await status('PUT', 'more', { body: '' })).toBe(201);
    await expect.poll(async () => (await inImage('more')).status, { timeout: 20_000, interval: 200 }).toBe(200);
  });

  it('keeps what was answered when its object is gone before a version was made', async () => {
    const body = new Uint8Array(3 << 20).map((_, at) => at * 31);
    const most = await versionsOf(async () => {
      expect(await status('PUT', 'large', { body })).toBe(201);
      expect(await status('PUT', 'small', { body: 'kept' })).toBe(201);
    });
    expect((await versions()).length).toBeLessThan(most);
    await object.evict();
    expect(await text('small')).toBe('kept');
    expect(new Uint8Array(await (await dav('GET', 'large')).arrayBuffer())).toEqual(body);
    await saved(1, most);
  });

  it('has it as a version even if nobody asks any more', async () => {
    expect(await status('PUT', 'small', { body: 'kept' })).toBe(201);
    await object.kill();
    await object.inside(async (dav) => dav.alarm());
    expect((await versions()).length).toBe(1);
    expect(await (await inImage('small')).text()).toBe('kept');
  });

  it('keeps locks when its object is gone', async () => {
    const body =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
    const locked = await dav('LOCK', 'l', { body });
    const token = locked.headers.get('lock-token') ?? '';
    expect([locked.status, token]).toEqual([201, expect.stringMatching(/^<urn:uuid:/)]);
    expect(await locked.text()).toContain(token.slice(1, -1));
    await object.evict();
    expect(await status('PUT', 'l', { body: 'x' })).toBe(423);
    expect(await status('PUT', 'l', { body: 'x', headers: { if: `(${token})` } })).toBe(204);
    expect(await status('UNLOCK', 'l', { headers: { 'lock-token': token } })).toBe(204);
  });

  it('is first saved for whoever writes it another way, and shows what he wrote', async () => {
    expect(await status('PUT', 'here', { body: 'here' })).toBe(201);
    expect((await request(`/v1/images/${name}/files/there`, { method: 'PUT', body: 'there' })).status).toBe(200);
    expect(await text('there')).toBe('there');
    expect(await (await inImage('here')).text()).toBe('here');
    expect(await status('PUT', 'here', { body: 'again' })).toBe(204);
    await object.rest();
    expect(await (await inImage('here')).text()).toBe('again');
    expect((await versions()).length).toBe(3);
  });

  it('that was written by somebody else all the same is his, and what was written here is a version beside that', async () => {
    expect(await status('PUT', 'first', { body: 'first' })).toBe(201);
    await object.rest();
    expect(await status('PUT', 'here', { body: 'here' })).toBe(201);
    await object.kill();
    expect((await request(`/v1/images/${name}/versions/uploaded/restore`, { method: 'POST' })).status).toBe(200);
    expect(await status('GET', 'first')).toBe(404);
    expect(await status('GET', 'here')).toBe(404);
    const [, aside] = await versions();
    expect(await (await inImage(`here?version=${aside?.id}`)).text()).toBe('here');
    expect(await status('PUT', 'after', { body: 'after' })).toBe(201);
    await object.rest();
    expect(await (await inImage('after')).text()).toBe('after');
  });

  it('that was replaced is the new one, and nothing of the old one is in it', async () => {
    expect(await status('PUT', 'old', { body: 'old' })).toBe(201);
    await object.evict();
    await store('ext4');
    expect(await status('GET', 'old')).toBe(404);
    expect(await status('PUT', 'new', { body: 'new' })).toBe(201);
    await saved(1);
    expect((await inImage('old')).status).toBe(404);
  });

  it('that only reads says so where it is to be changed', async () => {
    await store('squashfs-xz');
    expect(await status('PROPFIND')).toBe(207);
    const answer = await dav('PUT', 'f', { body: 'x' });
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('read-only')]);
    expect(await status('PROPFIND')).toBe(207);
  });

  it('of several partitions has each behind a colon', async () => {
    await store('disk-gpt-several');
    for (const partition of [1, 2, 1]) {
      const listed = await dav('PROPFIND', '', { headers: { depth: '0' } }, `${name}:${partition}`);
      expect([listed.status, await listed.text()]).toEqual([
        207,
        expect.stringContaining(`<D:href>/dav/${name}:${partition}/`),
      ]);
    }
    expect(await status('PROPFIND', '', {}, `${name}:99`)).toBe(422);
  });

  it('is right for ten clients at once', async () => {
    const clients = Array.from({ length: 10 }, async (_, client) => {
      expect(await status('MKCOL', `c${client}`)).toBe(201);
      for (let file = 0; file < 5; file++) {
        expect(await status('PUT', `c${client}/${file}`, { body: `${client} ${file}` })).toBe(201);
        expect(await text(`c${client}/${file}`)).toBe(`${client} ${file}`);
      }
    });
    await Promise.all(clients);
    await expect.poll(async () => (await inImage('c9/4')).status, { timeout: 20_000, interval: 200 }).toBe(200);
    for (let client = 0; client < 10; client++)
      expect(await (await inImage(`c${client}/4`)).text()).toBe(`${client} 4`);
  });
});

describe('who asks', () => {
  const basic = (token = '') => ({ headers: { authorization: `Basic ${btoa(`me:${token}`)}` } });

  it('shows a token as a password, is asked for it, and may do what its scopes say', async () => {
    const { send, tokens } = await deployed(
      {},
      { scopes: ['images:read'], images: ['*'] },
      { scopes: ['images:write'] },
    );
    const ask = async (method: string, init: RequestInit = {}) => {
      const answer = await send(new Request(`${ORIGIN}/dav/${name}/`, { method, ...init }));
      return [answer.status, answer.headers.get('www-authenticate')?.split(' ')[0]];
    };
    expect(await ask('PROPFIND')).toEqual([401, 'Basic']);
    expect(await ask('PROPFIND', basic('nope'))).toEqual([401, 'Basic']);
    expect(await ask('PROPFIND', basic(tokens[0]))).toEqual([207, undefined]);
    expect(await ask('MKCOL', basic(tokens[0]))).toEqual([403, 'Bearer']);
    expect(await ask('PROPFIND', { headers: { authorization: `Bearer ${tokens[0]}` } })).toEqual([207, undefined]);
    // Another's image, which it has no name for.
    expect(await ask('PROPFIND', basic(tokens[1]))).toEqual([403, 'Bearer']);
    expect(await ask('PROPFIND', { headers: { ...basic(tokens[0]).headers, origin: 'https://evil.example' } })).toEqual(
      [403, undefined],
    );
    // A password is for WebDAV alone.
    expect((await send(new Request(`${ORIGIN}/v1/images`, basic(tokens[0])))).status).toBe(401);
  });

  it('is told of images that are not there', async () => {
    expect(await status('PROPFIND', '', {}, 'no-such')).toBe(404);
    expect(await status('PUT', 'f', { body: 'x' }, 'no-such')).toBe(404);
    expect(await status('GET', '', {}, '-bad')).toBe(404);
    expect(await status('PURGE')).toBe(405);
  });
});
