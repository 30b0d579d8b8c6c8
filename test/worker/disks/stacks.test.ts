/** What is stacked on disks, over HTTP: secrets in headers that nobody else sees, several stored images. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { fixtureDevice, stackDevice } from '../../fixtures/load.ts';
import { request } from '../harness.ts';
import { bytesOf, passphrase, SECRET, storeStacks } from './stored.ts';

const textOf = async (path: string, headers: Record<string, string> = {}) => {
  const response = await request(path, { headers });
  return `${response.status} ${new TextDecoder().decode(await response.arrayBuffer())}`;
};

afterEach(() => vi.restoreAllMocks());

describe('an encrypted image', () => {
  it('is opened by a passphrase or a key in a header, which is in no log and no answer', async () => {
    await storeStacks('luks1');
    const logged = ['log', 'warn', 'error', 'info'].map((name) => vi.spyOn(console, name as 'log'));
    const path = '/v1/images/luks1/files/etc/hostname';
    expect(await textOf(path, passphrase)).toBe('200 luks1\n');
    expect(await textOf(path, { 'lkl-key': `bm8=, ${btoa(SECRET)}` })).toBe('200 luks1\n');
    const { headers } = await request(path, { headers: passphrase });
    expect(headers.get('cache-control')).toBe('private, no-store');
    for (const [more, status, type] of [
      [{}, 422, 'passphrase-needed'],
      [{ 'lkl-passphrase': 'wrong horse' }, 422, 'wrong-passphrase'],
      [{ 'lkl-key': 'horse!' }, 400, 'invalid-request'],
    ] as const) {
      const response = await request(path, { headers: more });
      const problem = await response.text();
      expect([response.status, problem]).toEqual([status, expect.stringContaining(`/${type}"`)]);
      expect(problem).not.toContain('horse');
    }
    expect(JSON.stringify(logged.map(({ mock }) => mock.calls))).not.toContain('horse');
  });

  it('is described with what lies in it, or with why it is closed', async () => {
    await storeStacks('gpt-luks-lvm');
    const describe = async (headers: Record<string, string>) =>
      (await request('/v1/images/gpt-luks-lvm', { headers })).json();
    expect(await describe(passphrase)).toMatchObject({
      partitions: [{ number: 1 }, { number: 2, content: { type: 'crypto_LUKS' } }],
      stacked: [
        { kind: 'crypt', on: ['partition 2'], content: { type: 'LVM2_member' } },
        { name: '/dev/vg/root', kind: 'lvm', file_system: { type: 'ext4', label: 'root' } },
        { name: '/dev/vg/home' },
        { name: '/dev/vg/swap', content: { type: 'swap' } },
      ],
    });
    expect(await describe({})).toMatchObject({ closed: [{ on: ['partition 2'], error: 'passphrase-needed' }] });
    const file = '/v1/images/gpt-luks-lvm/files/etc/hostname?partition=vg/home';
    expect(await textOf(file, passphrase)).toBe('200 vg/home\n');
  });

  it('is checked, or with why it is closed', async () => {
    await storeStacks('luks1', 'lvm');
    const check = async (query: string, headers: Record<string, string> = passphrase) => {
      const response = await request(`/v1/images/${query}`, { method: 'POST', headers });
      const { type, verdict, version } = (await response.json()) as Record<string, unknown>;
      return [response.status, type, verdict, version];
    };
    for (const query of ['luks1/fsck?how=all', 'lvm/fsck?partition=vg/root'])
      expect(await check(query), query).toEqual([200, 'ext4', 'clean', undefined]);
    expect((await check('luks1/fsck', {})).slice(0, 2)).toEqual([422, '/problems/passphrase-needed']);
    expect((await check('lvm/fsck?partition=vg/no')).slice(0, 2)).toEqual([422, '/problems/no-such-partition']);
  });

  it('is posted with its passphrase beside it', async () => {
    const body = await bytesOf(await stackDevice('luks1'));
    const headers = { ...passphrase, 'content-type': 'application/octet-stream' };
    const response = await request('/v1/fs2tar', { method: 'POST', body, headers });
    expect(response.status).toBe(200);
    expect(new TextDecoder('latin1').decode(await response.arrayBuffer())).toContain('luks1\n');
  });

  it('may have its header in another image', async () => {
    await storeStacks('luks2-header', 'luks2-header-header');
    const path = '/v1/images/luks2-header/files/etc/hostname?header=luks2-header-header';
    expect(await textOf(path, passphrase)).toBe('200 luks2-header\n');
  });
});

describe('several stored images', () => {
  it('are disks of one machine', async () => {
    await storeStacks('md-raid0-0', 'md-raid0-1', 'lvm-two-0', 'lvm-two-1');
    const alone = await textOf('/v1/images/md-raid0-0/files/etc/hostname');
    expect(alone).toMatch(/^422 .*\/stack-incomplete"/);
    expect(await textOf('/v1/images/md-raid0-0/files/etc/hostname?also=md-raid0-1')).toBe('200 md-raid0\n');
    const striped = '/v1/images/lvm-two-1/tar?also=lvm-two-0&partition=/dev/vg/striped';
    expect((await request(striped)).status).toBe(200);
    expect(await textOf('/v1/images/md-raid0-0?also=none')).toMatch(/^404 .*\/image-not-found"/);
  });

  it('a subvolume is chosen by its path or number', async () => {
    const body = await bytesOf(await fixtureDevice('btrfs-mixed'));
    expect((await request('/v1/images/mixed', { method: 'PUT', body })).status).toBe(201);
    expect((await request('/v1/images/mixed/files/?subvolume=5')).status).toBe(200);
    expect(await textOf('/v1/images/mixed/files/?subvolume=none')).toMatch(/^422 .*subvol=none/);
  });
});
