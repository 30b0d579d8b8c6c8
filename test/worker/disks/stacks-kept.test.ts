/** What is stacked on disks, in batches and sessions over HTTP: secrets in headers, and nowhere else. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { request } from '../harness.ts';
import { at, call, create, destroy, expectStatus, type Json, json, run } from '../sessions/session-client.ts';
import { passphrase, storeStacks } from './stored.ts';

const post = (path: string, body: Json, headers: Record<string, string> = {}) => {
  const init = json('POST', body);
  return request(path, { ...init, headers: { ...(init.headers as Record<string, string>), ...headers } });
};

/** The object of a session of the owner that `json` has. */
async function objectOf(id: string) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode('Bearer test'));
  const owner = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return env.SESSIONS.getByName(`local:${owner}/${id}`);
}

const hostname = {
  calls: [{ ...call('open', '/mnt/etc/hostname', 'O_RDONLY'), as: 'fd' }, call('read', { ref: 'fd' }, { out: 64 }, 64)],
};

afterEach(() => vi.restoreAllMocks());

describe('a batch', () => {
  it('mounts what lies in a volume group, an array or a btrfs of several images', async () => {
    await storeStacks('lvm-two-0', 'lvm-two-1', 'btrfs-two-0', 'btrfs-two-1');
    const mounts = [
      { image: 'lvm-two-0', also: ['lvm-two-1'], partition: 'vg/linear', at: '/mnt' },
      { image: 'btrfs-two-0', also: ['btrfs-two-1'], subvolume: '@home', at: '/btrfs' },
    ];
    const answer = await post('/v1/syscalls', { ...hostname, mounts, memory: 40 });
    expect(await answer.json()).toMatchObject({ results: [{ ret: 0 }, { out: { utf8: 'vg/linear\n' } }] });
  });

  it('opens what is encrypted, with a passphrase in a header that is in no log and no answer', async () => {
    await storeStacks('luks1');
    const logged = ['log', 'warn', 'error', 'info'].map((name) => vi.spyOn(console, name as 'log'));
    const batch = { ...hostname, mounts: [{ image: 'luks1', at: '/mnt' }], console: true };
    const answer = await post('/v1/syscalls', batch, passphrase);
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ results: [{}, { out: { utf8: 'luks1\n' } }] });
    for (const [headers, type] of [
      [{}, 'passphrase-needed'],
      [{ 'lkl-passphrase': 'wrong horse' }, 'wrong-passphrase'],
    ] as const) {
      const refused = await post('/v1/syscalls', batch, headers);
      expect([refused.status, (await refused.json()) as Json]).toMatchObject([422, { type: `/problems/${type}` }]);
    }
    expect(text).not.toContain('horse');
    expect(JSON.stringify(logged.map(({ mock }) => mock.calls))).not.toContain('horse');
  });
});

describe('a session', () => {
  it('with a volume group goes on after its host dropped it', async () => {
    await storeStacks('lvm-two-0', 'lvm-two-1');
    const mounts = [{ image: 'lvm-two-0', also: ['lvm-two-1'], partition: 'vg/linear', at: '/mnt' }];
    const id = await create({ mounts, memory: 40 });
    expect(await run(id, hostname)).toMatchObject({ results: [{}, { out: { utf8: 'vg/linear\n' } }] });
    expect(await runDurableObjectAlarm(await objectOf(id))).toBe(true);
    await evictDurableObject(await objectOf(id));
    expect(await run(id, { calls: [call('readlinkat', 'AT_FDCWD', '/mnt/link', { out: 64 }, 64)] })).toMatchObject({
      results: [{ out: { utf8: 'etc/hostname' } }],
    });
    await destroy(id);
  });

  it('with an encrypted volume is never stored, and neither is what opened it', async () => {
    await storeStacks('luks1');
    const made = await post('/v1/sessions', { mounts: [{ image: 'luks1', at: '/mnt' }], memory: 40 }, passphrase);
    const { id } = (await expectStatus(made, 201)) as { readonly id: string };
    expect(await run(id, hostname)).toMatchObject({ results: [{}, { out: { utf8: 'luks1\n' } }] });
    await runDurableObjectAlarm(await objectOf(id));
    expect(await expectStatus(await request(at(id), json('GET')), 200)).toMatchObject({
      state: 'running',
      obstacle: expect.stringContaining('encrypted volume'),
    });
    await expectStatus(await request(at(id, '/suspend'), json('POST', {})), 409);
    const stored = await runInDurableObject(await objectOf(id), (_, { storage }) =>
      [...storage.sql.exec('SELECT name, bytes FROM parts')].map(
        ({ name, bytes }) => `${name} ${new TextDecoder().decode(bytes as ArrayBuffer)}`,
      ),
    );
    expect(stored.map((part) => part.split(' ')[0])).toEqual(['meta']);
    expect(stored.join()).not.toContain('horse');
    const lost = runInDurableObject(await objectOf(id), (_, state) => state.abort('the host lets go of it'));
    await expect(lost).rejects.toThrow();
    const answer = await request(at(id, '/syscalls'), json('POST', hostname));
    expect([answer.status, (await answer.json()) as Json]).toMatchObject([
      410,
      { detail: expect.stringContaining('encrypted volume') },
    ]);
  });

  it('that asks for images that are not there, as others of its disk, is told so', async () => {
    await storeStacks('lvm-two-0');
    const answer = await post('/v1/sessions', { mounts: [{ image: 'lvm-two-0', also: ['nowhere'], at: '/mnt' }] });
    await expectStatus(answer, 404);
  });
});
