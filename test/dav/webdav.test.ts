/** WebDAV over a file system that Linux has mounted. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { O_CREAT, O_WRONLY } from '../../src/abi/uapi/fs.ts';
import { davHandler } from '../../src/dav/handler.ts';
import type { Linux, MountedWritableTree } from '../../src/linux.ts';
import { nodeLinux } from '../../src/node/engine.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { overlay } from '../../src/storage/layers/overlay.ts';
import { fixtureDevice } from '../fixtures/load.ts';

let mounted: MountedWritableTree;
let linux: Linux;
let disk: BlockDevice;
let handle: ReturnType<typeof davHandler>;
let now = 0;
let names = 0;

beforeAll(async () => {
  const fixture = await fixtureDevice('ext4');
  linux = await nodeLinux();
  disk = overlay(fixture);
  mounted = await linux.openWritableTree(disk, {});
  handle = davHandler(mounted, { prefix: '/dav/', nowMs: () => now, uniqueName: () => `name-${++names}` });
});
afterAll(() => mounted.close());

const ask = (method: string, path: string, init: { headers?: Record<string, string>; body?: BodyInit } = {}) =>
  handle(new Request(`http://localhost/dav/${path}`, { method, ...init }));
const status = async (...args: Parameters<typeof ask>) => (await ask(...args)).status;
const text = async (path: string) => (await ask('GET', path)).text();
const to = (path: string, more: Record<string, string> = {}) => ({
  headers: { destination: `http://localhost/dav/${path}`, ...more },
});
const lockinfo = (scope: string) =>
  `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>me</D:owner></D:lockinfo>`;
const tokenOf = (response: Response) => response.headers.get('lock-token') ?? '';

describe('files', () => {
  it('are put, read whole and by range, and deleted', async () => {
    expect(await status('PUT', 'f', { body: '0123456789' })).toBe(201);
    const answer = await ask('GET', 'f', { headers: { range: 'bytes=2-4' } });
    expect([answer.status, answer.headers.get('content-range'), await answer.text()]).toEqual([
      206,
      'bytes 2-4/10',
      '234',
    ]);
    expect(await status('PUT', 'f', { body: 'ab', headers: { 'content-range': 'bytes 4-5/*' } })).toBe(204);
    expect(await text('f')).toBe('0123ab6789');
    const etag = (await ask('HEAD', 'f')).headers.get('etag') ?? '';
    expect(await status('GET', 'f', { headers: { 'if-none-match': etag } })).toBe(304);
    expect(await status('PUT', 'f', { body: 'x', headers: { 'if-match': '"other"' } })).toBe(412);
    expect(await status('PUT', 'f', { body: 'x', headers: { 'if-none-match': '*' } })).toBe(412);
    expect(await status('DELETE', 'f')).toBe(204);
    expect(await status('GET', 'f')).toBe(404);
  });

  it('stay as they were when the client goes away in the middle, and nothing is left beside them', async () => {
    await ask('PUT', 'kept', { body: 'old' });
    let asked = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (asked++ < 3) controller.enqueue(new Uint8Array(1000));
        else controller.error(new Error('gone'));
      },
    });
    const request = new Request('http://localhost/dav/kept', { method: 'PUT', body, duplex: 'half' } as RequestInit);
    await expect(handle(request)).rejects.toThrow('gone');
    expect(await text('kept')).toBe('old');
    expect(await (await ask('PROPFIND', '', { headers: { depth: '1' } })).text()).not.toContain('.lkl-');
  });

  it('that were coming when all crashed have left nothing', async () => {
    const { promise: isComing, resolve: coming } = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    let pieces = 0;
    const body = new ReadableStream({
      async pull(controller) {
        if (pieces++ < 3) return controller.enqueue(new Uint8Array(70_000).fill(7));
        coming();
        await end.promise;
        controller.close();
      },
    });
    const request = new Request('http://localhost/dav/cut', { method: 'PUT', body, duplex: 'half' } as RequestInit);
    const put = handle(request);
    await isComing;
    await mounted.changes.sync();
    const crashed = await linux.openTree(overlay({ sectors: disk.sectors, read: disk.read.bind(disk) }), {});
    const names: string[] = [];
    const folder = await crashed.tree.openDirectory(new TextEncoder().encode('.'));
    for (let page = await folder.next(); page.length > 0; page = await folder.next())
      for (const { name } of page) names.push(new TextDecoder().decode(name));
    await folder.close();
    await crashed.close();
    expect(names).toContain('hello.txt');
    expect(names.filter((name) => name.startsWith('.lkl-') || name === 'cut')).toEqual([]);
    end.resolve();
    expect((await put).status).toBe(201);
    expect((await text('cut')).length).toBe(210_000);
  });

  it('that come slowly keep nobody waiting', async () => {
    const end = Promise.withResolvers<void>();
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(new Uint8Array(10));
        await end.promise;
        controller.close();
      },
    });
    const request = new Request('http://localhost/dav/slow', { method: 'PUT', body, duplex: 'half' } as RequestInit);
    const slow = handle(request);
    expect(await status('PUT', 'fast', { body: 'fast' })).toBe(201);
    expect(await status('GET', 'slow')).toBe(404);
    end.resolve();
    expect((await slow).status).toBe(201);
    expect((await text('slow')).length).toBe(10);
  });

  it('have any bytes as names', async () => {
    expect(await status('PUT', '%FF%20%25a', { body: 'odd' })).toBe(201);
    expect(await text('%FF%20%25a')).toBe('odd');
    expect(await (await ask('PROPFIND', '', { headers: { depth: '1' } })).text()).toContain('/dav/%FF%20%25a<');
    expect(await status('PUT', 'a%2f..%2fb', { body: '' })).toBe(400);
    expect(await status('PUT', 'a%00', { body: '' })).toBe(400);
  });

  it('keep mode and owner when they are replaced', async () => {
    await ask('PUT', 'owned', { body: '1' });
    const path = new TextEncoder().encode('owned');
    await mounted.changes.chmod(path, 0o640);
    await mounted.changes.chown(path, { uid: 5, gid: 6 });
    await ask('PUT', 'owned', { body: '2' });
    expect(await mounted.tree.stat(path)).toMatchObject({ uid: 5, gid: 6, mode: 0o100640 });
  });
});

describe('collections', () => {
  it('are made, copied with all in them, moved and deleted', async () => {
    expect(await status('MKCOL', 'c')).toBe(201);
    expect(await status('MKCOL', 'c')).toBe(405);
    expect(await status('MKCOL', 'no/such')).toBe(409);
    expect(await status('MKCOL', 'with', { body: 'x' })).toBe(415);
    await ask('MKCOL', 'c/d');
    await ask('PUT', 'c/d/f', { body: 'deep' });
    expect(await status('COPY', 'c', to('copy'))).toBe(201);
    expect(await text('copy/d/f')).toBe('deep');
    expect(await status('COPY', 'c', to('copy', { overwrite: 'F' }))).toBe(412);
    expect(await status('COPY', 'c', to('c/d/e'))).toBe(409);
    expect(await status('MOVE', 'copy', to('moved/'))).toBe(201);
    expect(await text('moved/d/f')).toBe('deep');
    expect(await status('MOVE', 'c', { headers: { destination: 'http://elsewhere/dav/x' } })).toBe(502);
    expect(await status('DELETE', 'moved')).toBe(204);
    expect(await status('DELETE', '')).toBe(403);
  });

  it('list what is in them, as deep as is asked', async () => {
    await ask('MKCOL', 'l');
    await ask('MKCOL', 'l/m');
    await ask('PUT', 'l/m/n', { body: 'n' });
    const hrefs = async (depth: string) => {
      const answer = await ask('PROPFIND', 'l', { headers: { depth } });
      return [...(await answer.text()).matchAll(/<D:href>([^<]*)/g)].map(([, href]) => href);
    };
    expect(await hrefs('0')).toEqual(['/dav/l/']);
    expect(await hrefs('1')).toEqual(['/dav/l/', '/dav/l/m/']);
    expect(await hrefs('infinity')).toEqual(['/dav/l/', '/dav/l/m/', '/dav/l/m/n']);
  });
});

describe('properties', () => {
  const patch = (inner: string) => ({
    body: `<D:propertyupdate xmlns:D="DAV:" xmlns:z="urn:z">${inner}</D:propertyupdate>`,
  });
  const find = async (name: string) => {
    const body = `<D:propfind xmlns:D="DAV:" xmlns:z="urn:z"><D:prop>${name}</D:prop></D:propfind>`;
    return (await ask('PROPFIND', 'p', { body, headers: { depth: '0' } })).text();
  };

  it('of clients are kept with the file, through copies and moves', async () => {
    await ask('PUT', 'p', { body: '' });
    const answer = await ask('PROPPATCH', 'p', patch('<D:set><D:prop><z:a>1<z:b c="&lt;"/></z:a></D:prop></D:set>'));
    expect([answer.status, await answer.text()]).toEqual([207, expect.stringContaining('200 OK')]);
    expect(await find('<z:a/>')).toMatch(/<x:a xmlns:x="urn:z">1<x:b xmlns:x="urn:z" c="&#60;"\/?>/);
    await ask('COPY', 'p', to('q'));
    await ask('MOVE', 'q', to('p'));
    expect(await find('<z:a/>')).toContain('>1<');
    await ask('PROPPATCH', 'p', patch('<D:remove><D:prop><z:a/></D:prop></D:remove>'));
    expect(await find('<z:a/>')).toContain('404');
  });

  it('are set all or none; those of the protocol are not set', async () => {
    const answer = await ask(
      'PROPPATCH',
      'p',
      patch('<D:set><D:prop><z:new>1</z:new><D:getetag>x</D:getetag></D:prop></D:set>'),
    );
    const said = await answer.text();
    expect(said).toContain('424');
    expect(said).toContain('403');
    expect(await find('<z:new/>')).toContain('404');
  });

  it('tell size, time and what is free', async () => {
    const all = await find('<D:getcontentlength/><D:getlastmodified/><D:resourcetype/><D:nope/>');
    expect(all).toContain('<D:getcontentlength>0</D:getcontentlength>');
    expect(all).toContain('404 Not Found');
    const body = '<D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/></D:prop></D:propfind>';
    const root = await (await ask('PROPFIND', '', { body, headers: { depth: '0' } })).text();
    expect(Number(/available-bytes>(\d+)</.exec(root)?.[1])).toBeGreaterThan(0);
    expect(await status('PROPFIND', '', { body: '<a', headers: { depth: '0' } })).toBe(400);
  });
});

describe('locks', () => {
  it('are no more than can be kept, and a request for one is no longer than clients make it', async () => {
    const long = lockinfo('shared').replace('me', 'x'.repeat(60_000));
    const statuses: number[] = [];
    for (let times = 0; times < 12; times++) statuses.push(await status('LOCK', 'long', { body: long }));
    expect([statuses[0], statuses.at(-1)]).toEqual([201, 507]);
    now += 4_000_000;
    expect(await status('LOCK', 'long', { body: long })).toBe(200);
    for (const method of ['LOCK', 'PROPFIND', 'PROPPATCH']) {
      expect(await status(method, 'long', { body: long.replace('x', 'x'.repeat(10_000)) })).toBe(413);
    }
    now += 4_000_000;
    await ask('DELETE', 'long');
  });

  it('keep others away, with all below, until they end', async () => {
    await ask('MKCOL', 'k');
    const locked = await ask('LOCK', 'k', { body: lockinfo('exclusive'), headers: { timeout: 'Second-60' } });
    expect(locked.status).toBe(200);
    const token = tokenOf(locked);
    expect(await status('PUT', 'k/f', { body: 'x' })).toBe(423);
    expect(await status('LOCK', 'k/f', { body: lockinfo('shared') })).toBe(423);
    expect(await status('PUT', 'k/f', { body: 'x', headers: { if: `<http://localhost/dav/k> (${token})` } })).toBe(201);
    expect(await status('DELETE', 'k')).toBe(423);
    expect(await status('MOVE', 'k', to('k2'))).toBe(423);
    expect(await status('PUT', 'k/f', { body: 'y', headers: { if: '(<urn:uuid:none>)' } })).toBe(412);
    expect(await status('UNLOCK', 'k', { headers: { 'lock-token': '<urn:uuid:none>' } })).toBe(409);
    now += 30_000;
    expect(await status('LOCK', 'k', { headers: { if: `(${token})`, timeout: 'Second-60' } })).toBe(200);
    now += 59_000;
    expect(await status('PUT', 'k/f', { body: 'x' })).toBe(423);
    now += 2_000;
    expect(await status('PUT', 'k/f', { body: 'x' })).toBe(204);
  });

  it('that are shared are many; one on a name that is not there makes an empty file', async () => {
    const [one, two] = [
      await ask('LOCK', 's', { body: lockinfo('shared') }),
      await ask('LOCK', 's', { body: lockinfo('shared') }),
    ];
    expect([one.status, two.status]).toEqual([201, 200]);
    expect(await text('s')).toBe('');
    expect(await status('LOCK', 's', { body: lockinfo('exclusive') })).toBe(423);
    expect(await status('UNLOCK', 's', { headers: { 'lock-token': tokenOf(one) } })).toBe(204);
    expect(await status('PUT', 's', { body: 'x' })).toBe(423);
    expect(await status('UNLOCK', 's', { headers: { 'lock-token': tokenOf(two) } })).toBe(204);
    expect(await status('PUT', 's', { body: 'x' })).toBe(204);
  });
});

it('a tree that is only read changes by nothing', async () => {
  const read = davHandler(mounted, { readOnly: true, nowMs: () => 0, uniqueName: () => 'x' });
  const options = await read(new Request('http://localhost/', { method: 'OPTIONS' }));
  expect(options.headers.get('dav')).toBe('1, 2, 3');
  for (const method of ['PUT', 'DELETE', 'MKCOL', 'MOVE', 'COPY', 'PROPPATCH', 'LOCK', 'UNLOCK']) {
    expect((await read(new Request('http://localhost/x', { method }))).status).toBe(403);
  }
});

it('what a crash left on a file system without unnamed files is gone when something is put beside it', async () => {
  const fat = await linux.openWritableTree(overlay(await fixtureDevice('vfat16')), {});
  try {
    const options = { nowMs: () => 0, uniqueName: () => crypto.randomUUID() };
    const encode = (name: string) => new TextEncoder().encode(name);
    const [left, kept] = [`.lkl-${crypto.randomUUID()}`, '.lkl-notes'];
    for (const name of [left, kept]) await (await fat.changes.open(encode(name), O_WRONLY | O_CREAT, 0o644)).close();
    const dav = davHandler(fat, options);
    const put = (name: string) => dav(new Request(`http://localhost/${name}`, { method: 'PUT', body: 'text' }));
    expect((await Promise.all(['a', 'b', 'c'].map(put))).map(({ status }) => status)).toEqual([201, 201, 201]);
    const there = (name: string) =>
      fat.tree.stat(encode(name), { follow: false }).then(
        () => true,
        () => false,
      );
    expect(await Promise.all([left, kept, 'a', 'b', 'c'].map(there))).toEqual([false, true, true, true, true]);
  } finally {
    await fat.close();
  }
});
