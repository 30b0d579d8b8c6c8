/** Images of containers with compressed layers, over HTTP: undone for the request, in memory or in the bucket, and gone after it. */

import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { ustarBlock } from '../../../src/archive/tar/ustar.ts';
import { concat } from '../../../src/bytes/concat.ts';
import { seededWords } from '../../../src/bytes/seeded-words.ts';
import { request } from '../harness.ts';
import { at, create, destroy, run, suspend } from '../sessions/session-client.ts';

const text = (value: string) => new TextEncoder().encode(value);

function tarOf(files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> {
  const parts = Object.entries(files).flatMap(([name, bytes]) => [
    ustarBlock({ name: text(name), typeflag: '0', mode: 0o644, uid: 0, gid: 0, size: bytes.length, mtime: 0 }),
    bytes,
    new Uint8Array(-bytes.length & 511),
  ]);
  return concat([...parts, new Uint8Array(1024)]);
}

const gzip = async (bytes: Uint8Array<ArrayBuffer>) =>
  new Uint8Array(
    await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
  );

const noise = (bytes: number) => {
  const next = seededWords(7, 'noise');
  return new Uint8Array(Uint32Array.from({ length: bytes / 4 }, next).buffer);
};

/** As `docker save` has it. */
async function container(layers: readonly Readonly<Record<string, Uint8Array>>[]): Promise<Uint8Array<ArrayBuffer>> {
  const names = layers.map((_, at) => `${at}.tar`);
  const packed = await Promise.all(layers.map(async (layer) => gzip(tarOf(layer))));
  const manifest = [{ Config: 'config.json', RepoTags: ['box:1'], Layers: names }];
  return tarOf({
    'manifest.json': text(JSON.stringify(manifest)),
    repositories: text('{}'),
    'config.json': text('{}'),
    ...Object.fromEntries(names.map((name, at) => [name, packed[at] ?? new Uint8Array(0)])),
  });
}

const read = async (path: string) => {
  const response = await request(path);
  return `${response.status} ${new TextDecoder().decode(await response.arrayBuffer())}`;
};
const spooled = async () => (await env.IMAGES.list({ prefix: 'spool/' })).objects.map(({ key }) => key);

describe('an image of a container with compressed layers', () => {
  it('is merged and read, its layers in memory or in the bucket', async () => {
    const before = await spooled();
    const big = noise(20 << 20);
    const body = await container([
      { 'etc/hostname': text('lower'), 'etc/gone': text('gone'), big },
      { 'etc/hostname': text('upper'), 'etc/.wh.gone': text('') },
    ]);
    expect((await request('/v1/images/box', { method: 'PUT', body })).ok).toBe(true);
    expect(await read('/v1/images/box/files/etc/hostname')).toBe('200 upper');
    expect(await read('/v1/images/box/files/etc/gone')).toMatch(/^404 /);
    const whole = await request('/v1/images/box/files/big');
    expect(whole.headers.get('content-length')).toBe(`${20 << 20}`);
    expect(new Uint8Array(await whole.arrayBuffer())).toEqual(big);
    const posted = await request('/v1/fs2tar?path=etc', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body,
    });
    expect(posted.status).toBe(200);
    expect(new TextDecoder().decode(await posted.arrayBuffer())).toContain('upper');
    await expect.poll(spooled).toEqual(before);
  });

  it('is mounted in batches and sessions, and what was undone goes with them', async () => {
    const before = await spooled();
    const big = noise(4 << 20);
    const body = await container([{ 'etc/hostname': text('lower'), big }, { 'etc/hostname': text('upper') }]);
    expect((await request('/v1/images/layers', { method: 'PUT', body })).ok).toBe(true);
    const post = async (path: string, value: object) => {
      const response = await request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(value),
      });
      return { status: response.status, text: await response.text() };
    };
    const mounts = [{ image: 'layers', at: '/mnt' }];
    const calls = [
      { call: 'openat', args: ['AT_FDCWD', '/mnt/etc/hostname', 'O_RDONLY'], as: 'file' },
      { call: 'read', args: [{ ref: 'file' }, { out: 16 }, 16] },
    ];
    const batch = await post('/v1/syscalls', { mounts, calls });
    expect(batch).toMatchObject({ status: 200, text: expect.stringContaining('"utf8":"upper"') });
    await expect.poll(spooled).toEqual(before);

    const id = await create({ mounts });
    expect((await spooled()).length).toBe(before.length + 1);
    expect(JSON.stringify(await run(id, { calls }))).toContain('"utf8":"upper"');
    await suspend(id);
    await expect.poll(spooled).toEqual(before);
    const whole = await request(at(id, '/files/mnt/big'), { headers: { authorization: 'Bearer test' } });
    expect(new Uint8Array(await whole.arrayBuffer())).toEqual(big);
    await destroy(id);
    await expect.poll(spooled).toEqual(before);
  });

  it('is refused where a layer is damaged, and nothing stays', async () => {
    const before = await spooled();
    const body = await container([{ 'etc/hostname': noise(1 << 16) }]);
    body[40_000] = (body[40_000] ?? 0) ^ 1;
    const response = await request('/v1/fs2tar', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body,
    });
    expect([response.status, await response.text()]).toEqual([
      422,
      expect.stringContaining('/problems/bad-compression'),
    ]);
    await expect.poll(spooled).toEqual(before);
  });
});
