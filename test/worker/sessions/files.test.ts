/** /v1/sessions/{id}/files: bytes in and out of a living kernel by path, between batches. */

import { describe, expect, it } from 'vitest';
import { SECTOR } from '../../../src/storage/block-device.ts';
import { MIB, noise, same } from '../../fakes/bodies.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { request } from '../harness.ts';
import { at, call, create, destroy, expectStatus, type Json, json, run, suspend } from './session-client.ts';

const headers = { authorization: 'Bearer test' };
const put = (id: string, path: string, body: BodyInit | null, query = '') =>
  request(at(id, `/files/${path}${query}`), { method: 'PUT', headers, body });
const get = (id: string, path: string, more: Record<string, string> = {}) =>
  request(at(id, `/files/${path}`), { headers: { ...headers, ...more } });

describe('files of a session', () => {
  it('are written and read, with the directories on the way', async () => {
    const id = await create();
    const created = await put(id, 'srv/data/greeting', 'hello');
    expect(created.status).toBe(201);
    expect((await put(id, 'srv/data/greeting', 'hi')).status).toBe(204);
    const answer = await get(id, 'srv/data/greeting');
    expect(answer.headers.get('content-length')).toBe('2');
    expect(await answer.text()).toBe('hi');
    const { results } = await run(id, {
      calls: [
        call('open', '/srv/data/greeting', 'O_RDONLY', 0),
        call('read', 0, { out: 8 }, 8),
        call('stat', '/srv/data', { out: 'stat' }),
      ],
    });
    expect(results).toMatchObject([{ ret: 0 }, { out: { utf8: 'hi' } }, { out: { st_mode: 0o40755 } }]);
    await destroy(id);
  });

  it('take permissions, and keep those they have', async () => {
    const id = await create();
    const mode = async () => (await run(id, { calls: [call('stat', '/x', { out: 'stat' })] })).results[0];
    await put(id, 'x', 'a', '?mode=4750');
    expect(await mode()).toMatchObject({ out: { st_mode: 0o104750 } });
    await put(id, 'x', 'b');
    expect(await mode()).toMatchObject({ out: { st_mode: 0o104750 } }); // root's writes do not take it away
    await put(id, 'x', 'b', '?mode=600');
    expect(await mode()).toMatchObject({ out: { st_mode: 0o100600 } });
    await expectStatus(await put(id, 'x', 'b', '?mode=999'), 400);
    await destroy(id);
  });

  it('stream through: more than the kernel could buffer twice, byte for byte', async () => {
    const id = await create({ memory: 40 });
    const bytes = noise(12 * MIB + 12_345);
    expect((await put(id, 'big', bytes)).status).toBe(201);
    const back = new Uint8Array(await (await get(id, 'big')).arrayBuffer());
    expect(same(back, bytes)).toBe(true);
    await destroy(id);
  });

  it('are read by range', async () => {
    const id = await create();
    await put(id, 'f', '0123456789');
    for (const [range, text, where] of [
      ['bytes=2-4', '234', 'bytes 2-4/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=-3', '789', 'bytes 7-9/10'],
    ] as const) {
      const answer = await get(id, 'f', { range });
      expect([answer.status, answer.headers.get('content-range')]).toEqual([206, where]);
      expect(await answer.text()).toBe(text);
    }
    const past = await get(id, 'f', { range: 'bytes=10-' });
    expect(past.headers.get('content-range')).toBe('bytes */10');
    await expectStatus(past, 416);
    await destroy(id);
  });

  it('that do not fit the memory are refused, and leave none of it taken', async () => {
    const id = await create();
    await expectStatus(await put(id, 'big', noise(40 * MIB)), 413);
    await expectStatus(await get(id, 'big'), 404);
    expect((await put(id, 'small', noise(4 * MIB))).status).toBe(201);
    expect(await expectStatus(await put(id, 'small', noise(40 * MIB)), 413)).toMatchObject({
      type: '/problems/no-room',
    });
    expect(await (await get(id, 'small')).text()).toBe('');
    await destroy(id);
  });

  it('have names of several lines', async () => {
    const id = await create();
    expect((await put(id, 'a%0Ab/c%0A%0A', 'lines')).status).toBe(201);
    expect(await (await get(id, 'a%0Ab/c%0A%0A')).text()).toBe('lines');
    await destroy(id);
  });

  it('have names that are not UTF-8', async () => {
    const id = await create();
    await put(id, 'n/%ff%fe%25', 'odd');
    expect(await (await get(id, 'n/%ff%fe%25')).text()).toBe('odd');
    const { entries } = (await expectStatus(await get(id, 'n'), 200)) as { entries: Json[] };
    expect(entries).toMatchObject([{ name: '\ufffd\ufffd%', name_base64: '//4l', size_bytes: 3, mode: '0644' }]);
    await destroy(id);
  });

  it('are those of /proc too, to wherever they end, and settings', async () => {
    const id = await create();
    expect((await put(id, 'proc/sys/kernel/hostname', 'renamed')).status).toBe(204);
    expect(await (await get(id, 'proc/sys/kernel/hostname')).text()).toBe('renamed\n');
    const version = await get(id, 'proc/version', { range: 'bytes=0-1' });
    expect([version.status, version.headers.has('content-length')]).toEqual([200, false]);
    expect(await version.text()).toMatch(/^Linux version 6\.12.*\n$/);
    expect(await (await get(id, 'sys/kernel/mm/transparent_hugepage/../../uevent_seqnum')).text()).toMatch(/^\d+\n$/);
    await destroy(id);
  });

  it('that wait for more end where there is no more', async () => {
    const id = await create();
    expect((await get(id, 'proc/kmsg')).status).toBe(200);
    expect(await (await get(id, 'proc/kmsg')).text()).toBe('');
    expect((await run(id, { calls: [call('getpid')] })).results).toMatchObject([{ ret: 1 }]);
    await destroy(id);
  });

  it('are directories as JSON, page by page', async () => {
    const id = await create();
    for (const name of ['c', 'a', 'b']) await put(id, `d/${name}`, name);
    const page = async (query: string) => expectStatus(await get(id, `d${query}`), 200);
    const first = await page('?limit=2');
    expect(first).toMatchObject({ entries: [{ name: 'a' }, { name: 'b' }] });
    const second = await page(`?limit=2&cursor=${first.cursor}`);
    expect(second).toMatchObject({ entries: [{ name: 'c', type: 'file' }] });
    expect(second).not.toHaveProperty('cursor');
    await destroy(id);
  });

  it('that cannot be read are a problem, not an answer that breaks off', async () => {
    const id = await create();
    expect(await expectStatus(await get(id, 'proc/self/mem'), 422)).toMatchObject({ errno: 'EIO' });
    expect((await get(id, 'proc/self/environ')).status).toBe(200);
    await destroy(id);
  });

  it('have the errors of Linux', async () => {
    const id = await create();
    expect(await expectStatus(await get(id, 'nope'), 404)).toMatchObject({ errno: 'ENOENT' });
    expect(await expectStatus(await put(id, 'tmp', 'x'), 409)).toMatchObject({ errno: 'EISDIR' });
    expect(await expectStatus(await put(id, 'proc/version/x', 'x'), 404)).toMatchObject({ errno: 'ENOTDIR' });
    expect(await expectStatus(await put(id, 'dev/null', 'x'), 422)).toMatchObject({ type: '/problems/not-a-file' });
    await run(id, { calls: [call('mknod', '/fifo', 0o10644, 0)] });
    expect(await expectStatus(await put(id, 'fifo', 'x'), 422)).toMatchObject({ errno: 'ENXIO' });
    expect(await expectStatus(await get(id, 'fifo'), 422)).toMatchObject({ type: '/problems/not-a-file' });
    expect(await expectStatus(await get(id, 'a%00b'), 400)).toMatchObject({ type: '/problems/invalid-request' });
    const { results } = await run(id, { calls: [call('open', '/', 'O_RDONLY', 0)] });
    expect(results).toMatchObject([{ ret: 0 }]); // no descriptor was left open
    await destroy(id);
  });

  it('go on where they were after the session was suspended', async () => {
    const id = await create();
    await put(id, 'kept', 'still here');
    await suspend(id);
    expect(await (await get(id, 'kept')).text()).toBe('still here');
    expect(await expectStatus(await request(at(id), json('GET')), 200)).toMatchObject({ state: 'running' });
    await destroy(id);
  });

  it('hold batches up until they were read, and no longer than the client is there', async () => {
    const id = await create();
    const bytes = noise(4 * MIB);
    await put(id, 'big', bytes);
    const reader = (await get(id, 'big')).body?.getReader();
    await reader?.read();
    let answered = false;
    const batch = run(id, { calls: [call('ftruncate', 0, 0), call('unlink', '/big')] }).then(() => {
      answered = true;
    });
    await scheduler.wait(50);
    expect(answered).toBe(false);
    await reader?.cancel();
    await batch;
    await expectStatus(await get(id, 'big'), 404);
    await destroy(id);
  });
});

describe('disks of a session', () => {
  const bytesOf = async (path: string, init?: RequestInit) => {
    const response = await request(path, { headers: { authorization: 'Bearer test' }, ...init });
    return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
  };

  it('come out as they are now: whole, by range, and as an image that has what was written', async () => {
    const device = await fixtureDevice('ext4');
    const image = new Uint8Array(device.sectors * SECTOR);
    await device.read(0, image);
    expect((await request('/v1/images/before', { method: 'PUT', headers, body: image })).ok).toBe(true);
    const id = await create({ mounts: [{ image: 'before', at: '/mnt' }] });
    const write = call('write', { ref: 'fd' }, 'from a session', 14);
    const open = { ...call('openat', 'AT_FDCWD', '/mnt/new', 'O_WRONLY|O_CREAT', 420), as: 'fd' };
    expect((await run(id, { calls: [open, write] })).results).toMatchObject([{ ret: 0 }, { ret: 14 }]);
    const whole = await bytesOf(at(id, '/disks/vda'));
    expect(whole.response.status).toBe(200);
    expect(whole.response.headers.get('content-length')).toBe(String(whole.bytes.length));
    const part = await bytesOf(at(id, '/disks/vda'), {
      headers: { authorization: 'Bearer test', range: 'bytes=-1124' },
    });
    expect(part.response.status).toBe(206);
    expect(part.bytes).toEqual(whole.bytes.slice(-1124));
    const save = () => request(at(id, '/disks/vda/image'), json('POST', { image: 'after' }));
    expect(await expectStatus(await save(), 201)).toMatchObject({ name: 'after', size_bytes: whole.bytes.length });
    // It is a clean file system with the file, and the session goes on.
    const file = await bytesOf('/v1/images/after/files/new');
    expect(new TextDecoder().decode(file.bytes)).toBe('from a session');
    const more = call('write', 0, 'from a session', 14);
    expect((await run(id, { calls: [more] })).results).toMatchObject([{ ret: 14 }]);
    expect((await save()).status).toBe(200);
    expect((await bytesOf('/v1/images/after/files/new')).bytes.length).toBe(28);
    expect((await bytesOf('/v1/images/before/files/new')).response.status).toBe(404);
    await destroy(id);
  });

  it('that are not there are told with those that are', async () => {
    const id = await create();
    const problem = await expectStatus(await request(at(id, '/disks/vdb'), json('GET')), 404);
    expect(problem).toMatchObject({ type: '/problems/disk-not-found', detail: 'the session has no disk' });
    await destroy(id);
  });
});
