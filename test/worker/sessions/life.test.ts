/** Sessions while nobody calls: put to rest, evicted, found again, expired; and what there may be of them. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { SessionIndexRpc } from '../../../src/worker/session/rpc.ts';
import { romfs } from '../../fakes/romfs.ts';
import { request } from '../harness.ts';
import { at, call, create, destroy, expectStatus, type Json, json, run, suspend } from './session-client.ts';

/** The object of a session of the owner that `json` has. */
async function objectOf(id: string) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode('Bearer test'));
  const owner = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return env.SESSIONS.getByName(`local:${owner}/${id}`);
}
const look = async (id: string) => expectStatus(await request(at(id), json('GET')), 200);
const makeFile = { calls: [call('open', '/f', 'O_RDWR|O_CREAT', 384), call('write', 0, 'text', 4)] };
const readFile = { calls: [call('pread64', 0, { out: 8 }, 8, 0)] };
const text = { results: [{ ret: 4, out: { utf8: 'text' } }] };

describe('a session that nobody calls', () => {
  it('is suspended by its alarm, and goes on at the next call', async () => {
    const id = await create();
    await run(id, makeFile);
    expect(await look(id)).toMatchObject({ state: 'running' });
    expect(await runDurableObjectAlarm(await objectOf(id))).toBe(true);
    const stored = await look(id);
    expect(stored).toMatchObject({ state: 'suspended', suspended: { bytes: expect.any(Number) } });
    const answer = await run(id, readFile);
    expect(answer).toMatchObject(text);
    expect(answer).not.toHaveProperty('rolled_back');
    await destroy(id);
  });

  it('is found again when the host dropped its object', async () => {
    const id = await create();
    await run(id, makeFile);
    await suspend(id);
    await evictDurableObject(await objectOf(id));
    expect(await look(id)).toMatchObject({ state: 'suspended' });
    expect(await run(id, readFile)).toMatchObject(text);
    await destroy(id);
  });

  it('is deleted by its alarm when its time is over', async () => {
    const id = await create({ expires_in_s: 1 });
    await run(id, makeFile);
    await scheduler.wait(1100);
    await expectStatus(await request(at(id), json('GET')), 404);
    await runDurableObjectAlarm(await objectOf(id));
    await expectStatus(await request(at(id), json('GET')), 404);
  });
});

describe('a session that another version of the kernel has made', () => {
  /** As an upgrade finds it: stored, and by a kernel that is no more. */
  async function olderSession(id: string): Promise<void> {
    await run(id, makeFile);
    await suspend(id);
    await runInDurableObject(await objectOf(id), (_, { storage }) => {
      const row = storage.sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM parts WHERE name = 'kernel' AND row = 0");
      const text = new TextDecoder().decode(row.one().bytes);
      const forged = text.replace(/"buildId":"[^"]+"/, '"buildId":"6.12.100-0123456789ab"');
      expect(forged).not.toBe(text);
      storage.sql.exec(
        "UPDATE parts SET bytes = ? WHERE name = 'kernel' AND row = 0",
        new TextEncoder().encode(forged).buffer,
      );
    });
    await evictDurableObject(await objectOf(id));
  }

  it('has ended, says so each time, keeps the end of its logs, and can be deleted', async () => {
    const id = await create();
    const other = await create();
    await olderSession(id);
    for (let times = 0; times < 2; times++) {
      const ended = await expectStatus(await request(at(id, '/syscalls'), json('POST', readFile)), 410);
      expect(ended).toMatchObject({
        type: '/problems/session-ended',
        detail: expect.stringContaining('another version of the kernel'),
      });
    }
    for (const [path, method] of [
      ['/suspend', 'POST'],
      ['/fork', 'POST'],
      ['/files/f', 'GET'],
    ] as const) {
      await expectStatus(await request(at(id, path), json(method)), 410);
    }
    const strace = await request(at(id, '/strace'), json('GET'));
    expect(await strace.text()).toContain('openat(AT_FDCWD, "/f"');
    const { sessions } = await expectStatus(await request('/v1/sessions', json('GET')), 200);
    expect((sessions as { id: string }[]).map((row) => row.id)).toEqual(expect.arrayContaining([id, other]));
    expect(await run(other, { calls: [call('getpid')] })).toMatchObject({ results: [{ ret: 1 }] });
    await destroy(id);
    await expectStatus(await request(at(id), json('GET')), 404);
    await destroy(other);
  });
});

describe('a session in the midst of a long call', () => {
  const sleep = (id: string) =>
    request(at(id, '/syscalls'), json('POST', { calls: [call('nanosleep', { tv_sec: 50, tv_nsec: 0 }, null)] }));

  it('is deleted at once', async () => {
    const id = await create();
    const sleeping = sleep(id);
    await scheduler.wait(100);
    const startMs = Date.now();
    await destroy(id);
    await expectStatus(await sleeping, 404);
    expect(Date.now() - startMs).toBeLessThan(10_000);
  });

  it('is deleted by its alarm', async () => {
    const id = await create({ expires_in_s: 1 });
    const sleeping = sleep(id);
    await scheduler.wait(1100);
    const startMs = Date.now();
    await runDurableObjectAlarm(await objectOf(id));
    await expectStatus(await sleeping, 404);
    expect(Date.now() - startMs).toBeLessThan(10_000);
  });
});

describe("a session's log", () => {
  it('has what was written to /dev/kmsg, before and after it was suspended', async () => {
    const id = await create();
    const log = (line: string) => ({
      calls: [
        { ...call('open', '/dev/kmsg', 'O_WRONLY', 0), as: 'fd' },
        call('write', { ref: 'fd' }, line, line.length),
      ],
    });
    const read = async () => (await request(at(id, '/console'), json('GET'))).text();
    await run(id, log('first line\n'));
    expect(await read()).toMatch(/first line\n$/);
    await suspend(id);
    expect(await read()).toMatch(/first line\n$/);
    await run(id, log('second line\n'));
    expect(await read()).toMatch(/first line\n(.*\n)*.*second line\n$/);
    await destroy(id);
  });
});

describe('an image below a session', () => {
  const image = (text: string) => romfs([['file', new TextEncoder().encode(text)]]);
  const read = {
    calls: [{ ...call('open', '/mnt/file', 'O_RDONLY', 0), as: 'fd' }, call('read', { ref: 'fd' }, { out: 8 }, 8)],
  };

  it('that was replaced meanwhile is an error, and no mixture', async () => {
    const put = async (text: string) => {
      const response = await request('/v1/images/below', { method: 'PUT', body: image(text) });
      expect(response.ok).toBe(true);
    };
    await put('before');
    const id = await create({ mounts: [{ image: 'below', at: '/mnt' }] });
    await suspend(id);
    await put('after');
    const changed = await expectStatus(await request(at(id, '/syscalls'), json('POST', read)), 409);
    expect(changed).toMatchObject({ type: '/problems/session-image-changed', image: 'below' });
    await put('before'); // the same bytes once more are another version
    await expectStatus(await request(at(id, '/syscalls'), json('POST', read)), 409);
    await destroy(id);
  });
});

describe('a session that cannot be stored', () => {
  /** What a program may do to its own pid 1. */
  const doings: readonly (readonly [what: string, calls: readonly Json[]])[] = [
    ['has no /proc any more', [call('umount2', '/proc', 2)]],
    ['may open no file', [call('prlimit64', 0, 7, { rlim_cur: 0, rlim_max: 0 }, null)]],
    ['gave up its uid', [call('setresuid', 1000, 1000, 1000)]],
    ['is in a root of its own', [call('mkdir', '/tmp/root', 493), call('chroot', '/tmp/root')]],
  ];

  it.each(doings)('since its program %s is listed, told of, and goes when it is deleted', async (_, calls) => {
    const id = await create();
    await run(id, { calls: [...calls] });
    await runDurableObjectAlarm(await objectOf(id));
    expect(['running', 'suspended']).toContain((await look(id)).state);
    await destroy(id);
    await expectStatus(await request(at(id), json('GET')), 404);
  });

  it('is over when its time is', async () => {
    const id = await create({ expires_in_s: 5 });
    await run(id, { calls: [call('umount2', '/proc', 2), call('setresuid', 1000, 1000, 1000)] });
    const status = async () => (await request(at(id), json('GET'))).status;
    await expect.poll(status, { timeout: 50_000, interval: 200 }).toBe(404);
    await runInDurableObject(await objectOf(id), async (_, state) => {
      // Its alarm has it forgotten, or is about to.
      await expect.poll(() => state.storage.getAlarm(), { timeout: 10_000 }).toBeNull();
    });
  });
});

describe('a session that was deleted', () => {
  it('leaves no byte', async () => {
    const id = await create();
    await run(id, makeFile);
    await suspend(id);
    const object = await objectOf(id);
    const tables = () =>
      runInDurableObject(object, async (_, { storage }) =>
        storage.sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'parts'").toArray(),
      );
    expect(await tables()).toHaveLength(1);
    await destroy(id);
    expect(await tables()).toHaveLength(0);
  });
});

describe('a session whose making was cut off', () => {
  it('is not listed, and counts no longer than making one takes', async () => {
    const index = env.SESSION_INDEX.getByName('cut off') as unknown as SessionIndexRpc;
    const row = (id: number) => ({ id: `${id}`, createdMs: id, expiresMs: Date.now() + 3_600_000, memoryMib: 12 });
    await index.admit(row(1));
    expect(await index.list()).toEqual({ value: [] });
    expect(await index.get('1')).toEqual({ value: null });
    await index.admit(row(2));
    await index.confirm('2');
    expect(await index.list()).toMatchObject({ value: [{ id: '2' }] });
  });
});

describe('all sessions of an owner', () => {
  it('have 512 MiB together', async () => {
    const index = env.SESSION_INDEX.getByName('large') as unknown as SessionIndexRpc;
    const row = (id: number) => ({ id: String(id), createdMs: id, expiresMs: 1e14, memoryMib: 64 });
    for (let id = 1; id <= 8; id++) expect(await index.admit(row(id))).toEqual({ value: null });
    expect(await index.admit({ ...row(9), memoryMib: 12 })).toMatchObject({ problem: { name: 'too-many-sessions' } });
    expect(await index.remove('3')).toEqual({ value: null });
    expect(await index.admit(row(9))).toEqual({ value: null });
  });

  it('wait for memory when more run than an isolate holds, until others are at rest', async () => {
    const ids = await Promise.all([create({ memory: 40 }), create({ memory: 40 })]);
    for (const id of ids) expect((await run(id, { calls: [call('getpid')] })).results).toMatchObject([{ ret: 1 }]);
    const large = await request('/v1/sessions', json('POST', { memory: 65 }));
    await expectStatus(large, 400);
    for (const id of ids) await destroy(id);
  });

  it('are listed until their time is over', async () => {
    const owner = 'Bearer expiring';
    const list = async () =>
      (await expectStatus(await request('/v1/sessions', json('GET', undefined, owner)), 200)) as { sessions: Json[] };
    const ids = async () => (await list()).sessions.map(({ id }) => id);
    const [short, long] = [await create({ expires_in_s: 5 }, owner), await create({}, owner)];
    expect(await ids()).toContain(long);
    await expect.poll(ids, { timeout: 50_000, interval: 200 }).toEqual([long]);
    await expectStatus(await request(at(short), json('GET', undefined, owner)), 404);
    await expectStatus(await request(at(long), json('DELETE', undefined, owner)), 204);
  });
});
