/** File systems of stored images, made, filled, checked, grown and converted with one request each. */

import { env } from 'cloudflare:workers';
import { packTar, unpackTar } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { request } from '../harness.ts';

const MIB = 2 ** 20;
let made = 0;
const fresh = () => `tools-${++made}`;

const files = { 'etc/motd': 'hello\n', 'bin/tool': 'x'.repeat(300_000), 'a/b/c/d': 'deep' };

async function tar(): Promise<Uint8Array<ArrayBuffer>> {
  const entries = Object.entries(files).map(([name, body]) => ({
    header: { name, size: body.length, mode: 0o640, uid: 7, gid: 8, mtime: new Date(1e12), type: 'file' as const },
    body,
  }));
  const link = {
    header: { name: 'link', size: 0, type: 'symlink' as const, linkname: 'etc/motd', mtime: new Date(1e12) },
  };
  return (await packTar([...entries, link])) as Uint8Array<ArrayBuffer>;
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly detail?: string;
  readonly version?: string;
  readonly etag?: string;
  readonly size_bytes?: number;
  readonly verdict?: string;
  readonly output?: string;
  readonly filled?: { readonly entries: number; readonly losses: readonly { readonly kind: string }[] };
}

async function post(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await request(`/v1/images/${path}`, { method: 'POST', ...init });
  return { ...((await response.json()) as object), status: response.status };
}

const mkfs = (name: string, query: string, body?: BodyInit, headers: Record<string, string> = {}) =>
  post(
    `${name}/mkfs?${query}`,
    body === undefined ? { headers } : { body, headers: { 'content-type': 'application/octet-stream', ...headers } },
  );
const fsck = (name: string, query = '') => post(`${name}/fsck?${query}`);
const resize = (name: string, size: string) => post(`${name}/resize?size=${size}`);

async function textOf(name: string, path: string): Promise<string> {
  const response = await request(`/v1/images/${name}/files/${path}`);
  if (response.status !== 200) throw new Error(await response.text());
  return new TextDecoder().decode(await response.arrayBuffer());
}

async function expectFiles(name: string): Promise<void> {
  for (const [path, text] of Object.entries(files)) expect(await textOf(name, path), path).toBe(text);
}

const stored = async (prefix: string) => (await env.IMAGES.list({ prefix })).objects.length;

describe('an image that is made', () => {
  it.each(['ext2', 'ext4', 'xfs', 'btrfs', 'vfat', 'exfat', 'f2fs'])('%s: empty, clean, then filled', async (type) => {
    const name = fresh();
    const size = type === 'xfs' ? 320 * MIB : 128 * MIB;
    const answer = await mkfs(name, `type=${type}&size=${size}&label=made&seed=1`);
    expect(answer).toMatchObject({ status: 201, size_bytes: size });
    expect(await (await request(`/v1/images/${name}`)).json()).toMatchObject({
      size_bytes: size,
      content: { type, label: 'made' },
    });
    expect(await fsck(name)).toMatchObject({ status: 200, verdict: 'clean', type });
    expect(
      await post(`${name}/tar`, { body: await tar(), headers: { 'content-type': 'application/octet-stream' } }),
    ).toMatchObject({ status: 200 });
    await expectFiles(name);
    expect(await fsck(name)).toMatchObject({ verdict: 'clean' });
  });

  it.each(['ext4', 'xfs', 'btrfs', 'vfat', 'squashfs', 'erofs'])(
    '%s: of a tar, with all that it has a place for',
    async (type) => {
      const name = fresh();
      const size = ['squashfs', 'erofs'].includes(type) ? '' : '&size=320M';
      const answer = await mkfs(name, `type=${type}${size}&seed=1`, await tar());
      expect(answer.detail).toBeUndefined();
      expect(answer).toMatchObject({ status: 201 });
      expect(answer.filled?.losses.map(({ kind }) => kind) ?? []).toEqual(
        type === 'vfat' ? expect.arrayContaining(['symlink']) : [],
      );
      await expectFiles(name);
      if (type === 'vfat') return;
      const entries = await unpackTar(await (await request(`/v1/images/${name}/tar?path=etc`)).arrayBuffer());
      expect(entries.at(-1)?.header).toMatchObject({ mode: 0o640, uid: 7, gid: 8, mtime: new Date(1e12) });
    },
  );

  it('the same seed and content are the same bytes; so large that it fits', async () => {
    const [one, other] = [fresh(), fresh()];
    for (const name of [one, other])
      expect(await mkfs(name, 'type=squashfs&seed=7', await tar())).toMatchObject({ status: 201 });
    const raw = async (name: string) => new Uint8Array(await (await request(`/v1/images/${name}/raw`)).arrayBuffer());
    const [a, b] = [await raw(one), await raw(other)];
    expect(a.length).toBeLessThan(16_384);
    expect(a.every((byte, index) => byte === b[index]) && a.length === b.length).toBe(true);
    expect(await stored('making/')).toBe(0);
  });

  it.each(['ext4', 'xfs', 'btrfs', 'vfat', 'exfat', 'f2fs'])(
    '%s that fits is small, clean, the same as one of that size, of a tar and of an image',
    async (type) => {
      const [one, other] = [fresh(), fresh()];
      const fitted = await mkfs(one, `type=${type}&size=fit&seed=7`, await tar());
      expect(fitted.detail).toBeUndefined();
      expect(fitted).toMatchObject({ status: 201 });
      await expectFiles(one);
      expect(await fsck(one)).toMatchObject({ verdict: 'clean' });
      if (type === 'ext4') expect(fitted.size_bytes).toBeLessThan(MIB);
      const again = await mkfs(other, `type=${type}&size=fit&seed=7&from=${one}`);
      expect(again.detail).toBeUndefined();
      await expectFiles(other);
      expect(await stored('making/')).toBe(0);
    },
    120_000,
  );

  it('is not made over another, unless that is said; what was there stays when it fails', async () => {
    const name = fresh();
    const first = await mkfs(name, 'type=ext4&size=16M', await tar());
    expect(await mkfs(name, 'type=ext4&size=16M')).toMatchObject({ status: 412 });
    expect(await mkfs(name, 'type=ext4&size=16M', undefined, { 'if-match': '"other"' })).toMatchObject({ status: 412 });
    // Before there is work to do: nothing could be made in so little room.
    expect(await mkfs(name, 'type=xfs&size=1K')).toMatchObject({ status: 412 });
    expect(await mkfs(fresh(), 'type=xfs&size=1K')).toMatchObject({ status: 422 });
    expect(await mkfs(name, 'type=ext4&size=64K', await tar(), { 'if-match': '*' })).toMatchObject({ status: 422 });
    await expectFiles(name);
    expect(await mkfs(name, 'type=xfs&size=320M', undefined, { 'if-match': `"${first.etag}"` })).toMatchObject({
      status: 201,
    });
    expect(await stored('making/')).toBe(0);
  });

  it.each([
    ['type=ext4', 400, 'invalid-request'],
    ['type=squashfs', 400, 'invalid-request'],
    ['type=squashfs&size=1M', 400, 'invalid-request'],
    ['type=ntfs&size=1M', 422, 'unknown-file-system'],
    ['type=__proto__&size=1M', 422, 'unknown-file-system'],
    ['type=ext4&size=1X', 400, 'invalid-request'],
    ['type=ext4&size=fit', 400, 'invalid-request'],
    ['type=ext4&size=fit&from=no-such-image', 404, 'image-not-found'],
    ['type=ext4&size=0', 422, 'tool-failed'],
    ['type=ext4&size=4000T', 413, 'too-large'],
    ['type=vfat&size=16M&label=much-too-long-a-label', 400, 'invalid-request'],
    ['type=ext4&size=16M&words=-O&words=no_such_feature', 422, 'tool-failed'],
    ['type=ext4&size=16M&from=no-such-image', 404, 'image-not-found'],
    ['type=ext4&size=16M&from-type=ext4', 400, 'invalid-request'],
  ])('%s is refused, and leaves nothing', async (query, status, type) => {
    const name = fresh();
    expect(await mkfs(name, query)).toMatchObject({ status, type: `/problems/${type}` });
    expect((await request(`/v1/images/${name}`, { method: 'HEAD' })).status).toBe(404);
    expect([await stored(`making/${name}/`), await stored(`volumes/${name}/`)]).toEqual([0, 0]);
  });

  it.each([
    ['half a tar', async () => (await tar()).slice(0, 100_000), 'bad-tar'],
    ['no tar', async () => new TextEncoder().encode('no tar at all, but a text of some length'.repeat(40)), 'bad-tar'],
    [
      'more than fits',
      async () => packTar([{ header: { name: 'big', size: 20 * MIB }, body: new Uint8Array(20 * MIB) }]),
      'no-room-in-image',
    ],
  ])('of %s there is nothing', async (_, body, type) => {
    const name = fresh();
    expect(await mkfs(name, 'type=ext4&size=16M', (await body()) as BodyInit)).toMatchObject({
      status: 422,
      type: `/problems/${type}`,
    });
    if (type === 'bad-tar')
      expect(await mkfs(name, 'type=ext4&size=fit', (await body()) as BodyInit)).toMatchObject({ status: 422 });
    expect((await request(`/v1/images/${name}`, { method: 'HEAD' })).status).toBe(404);
    expect(await stored(`volumes/${name}/`)).toBe(0);
  });
});

it('an image is converted: to another file system, and back, with owners and times', async () => {
  const names = [fresh(), fresh(), fresh(), fresh()];
  await mkfs(names[0] ?? '', 'type=ext4&size=64M', await tar());
  for (const [i, query] of ['type=squashfs', 'type=btrfs&size=256M', 'type=erofs'].entries()) {
    expect(await mkfs(names[i + 1] ?? '', `${query}&from=${names[i]}`), query).toMatchObject({ status: 201 });
    await expectFiles(names[i + 1] ?? '');
  }
  const entries = await unpackTar(await (await request(`/v1/images/${names[3]}/tar?path=etc`)).arrayBuffer());
  expect(entries.at(-1)?.header).toMatchObject({ mode: 0o640, uid: 7, gid: 8, mtime: new Date(1e12) });
});

it('a squashfs is made of more than its programs have memory for', async () => {
  const [from, name] = [fresh(), fresh()];
  const body = new Uint8Array(MIB);
  const entries = [];
  for (let i = 0; i < 28; i++) {
    for (let at = 0; at < MIB; at += 65_536) crypto.getRandomValues(body.subarray(at, at + 65_536));
    entries.push({ header: { name: `big/${i}`, size: MIB, type: 'file' as const }, body: body.slice() });
  }
  await mkfs(from, 'type=ext4&size=64M', (await packTar(entries)) as Uint8Array<ArrayBuffer>);
  expect(await mkfs(name, `type=squashfs&from=${from}`)).toMatchObject({ status: 201 });
  const [there, expected] = [name, from].map((image) => request(`/v1/images/${image}/files/big/27`));
  expect(await (await there)?.arrayBuffer()).toEqual(await (await expected)?.arrayBuffer());
});

it('two images converted at once take turns', async () => {
  const from = fresh();
  await mkfs(from, 'type=ext4&size=16M', await tar());
  const names = [fresh(), fresh()];
  const answers = await Promise.all(names.map((name) => mkfs(name, `type=squashfs&from=${from}`)));
  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  for (const name of names) await expectFiles(name);
});

describe('an image that is checked', () => {
  it('is only looked at unless a repair is asked for, which is a version', async () => {
    const name = fresh();
    await mkfs(name, 'type=ext4&size=16M&seed=3', await tar());
    const before = (await request(`/v1/images/${name}`, { method: 'HEAD' })).headers.get('etag');
    // The inode table's first block, by the one that can.
    const broken = await request('/v1/run', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        argv: [
          'sh',
          '-c',
          'dd if=/dev/zero of=/dev/vda bs=1024 seek=260 count=8 conv=notrunc; dd if=/dev/zero of=/dev/vda bs=1024 seek=8 count=1',
        ],
        disks: [{ image: name, write: true }],
      }),
    });
    expect(broken.status).toBe(200);
    const looked = await fsck(name);
    expect(looked).toMatchObject({ status: 200, verdict: 'damaged' });
    expect(looked.output).toContain('Pass 1');
    expect(looked.version).toBeUndefined();
    const mended = await fsck(name, 'how=all');
    expect(mended).toMatchObject({ status: 200, verdict: 'mended' });
    expect(await fsck(name)).toMatchObject({ verdict: 'clean', etag: mended.etag });
    const { versions } = (await (await request(`/v1/images/${name}/versions`)).json()) as { versions: object[] };
    expect(versions).toHaveLength(3);
    expect(before).not.toBe(`"${mended.etag}"`);
    // There is nothing to mend any more: the image stays the version that it is.
    const again = await fsck(name, 'how=all');
    expect(again).toMatchObject({ status: 200, verdict: 'clean', etag: mended.etag });
    expect(again.output).toContain('Pass 1');
    expect(again.version).toBeUndefined();
  });

  it.each([
    ['no-such', '', 404, 'image-not-found'],
    [undefined, 'type=ntfs', 422, 'unknown-file-system'],
    [undefined, 'partition=2', 422, 'no-such-partition'],
    [undefined, 'how=maybe', 400, 'invalid-request'],
  ])('%s %s is refused', async (image, query, status, type) => {
    const name = image ?? fresh();
    if (!image) await mkfs(name, 'type=ext4&size=16M');
    expect(await fsck(name, query)).toMatchObject({ status, type: `/problems/${type}` });
  });
});

describe('an image that is resized', () => {
  it.each([
    ['ext4', '64M', '1G', '32M'],
    ['btrfs', '256M', '1G', '300M'],
    ['xfs', '320M', '1G', undefined],
  ])('%s from %s to %s keeps all that is in it', async (type, first, larger, smaller) => {
    const name = fresh();
    await mkfs(name, `type=${type}&size=${first}&seed=1`, await tar());
    const grown = await resize(name, larger);
    expect(grown).toMatchObject({ status: 200, size_bytes: 2 ** 30, type });
    const report = await (await request(`/v1/images/${name}`)).json();
    expect(report).toMatchObject({ size_bytes: 2 ** 30, content: { type } });
    await expectFiles(name);
    expect(await fsck(name)).toMatchObject({ verdict: 'clean' });
    if (smaller === undefined) {
      expect(await resize(name, '320M')).toMatchObject({ status: 422, type: '/problems/cannot-resize' });
      return;
    }
    expect(await resize(name, smaller)).toMatchObject({ status: 200 });
    await expectFiles(name);
    expect(await fsck(name)).toMatchObject({ verdict: 'clean' });
    // And back: the version that it was.
    const back = await post(`${name}/versions/${grown.version}/restore`);
    expect(back).toMatchObject({ status: 200, size_bytes: 2 ** 30 });
    await expectFiles(name);
  });

  it.each([
    ['type=squashfs', '1G', 422, 'cannot-resize'],
    ['type=ext4&size=16M', '1K', 422, 'tool-failed'],
    ['type=ext4&size=16M', '0', 400, 'invalid-request'],
    ['type=ext4&size=16M', '4000T', 413, 'too-large'],
  ])('%s to %s is refused, and stays as it is', async (query, size, status, type) => {
    const name = fresh();
    await mkfs(name, query, await tar());
    expect(await resize(name, size)).toMatchObject({ status, type: `/problems/${type}` });
    await expectFiles(name);
  });
});
