/** What is inside a stored image: its description, its tar, its files by range, its directories by page. */

import { env } from 'cloudflare:workers';
import { unpackTar } from 'modern-tar';
import { beforeAll, describe, expect, it } from 'vitest';
import { MIB, noise, same } from '../../fakes/bodies.ts';
import { dosDisk } from '../../fakes/disk.ts';
import { type RomfsTree, romfs } from '../../fakes/romfs.ts';
import { readZip } from '../../fakes/zip-reader.ts';
import { request } from '../harness.ts';

const text = (content: string) => new TextEncoder().encode(content);
const data = noise(MIB + 123);
const many = 2500;

const tree: RomfsTree = [
  ['data', data],
  ['empty', new Uint8Array(0)],
  ['etc', [['fstab', text('/dev/vda / ext4\n')]]],
  ['a b%c', text('escaped')],
  [Uint8Array.of(0xff, 0x61), text('not UTF-8')],
  ['two\nlines', text('below each other')],
  ['relative', { symlink: 'etc/fstab' }],
  ['absolute', { symlink: '/etc/fstab' }],
  ['outside', { symlink: '../../../../etc/fstab' }],
  ['bytes', { symlink: 'nowhere' }],
  ['null', { device: 'char', major: 1, minor: 3 }],
  ['pipe', 'fifo'],
  ['many', Array.from({ length: many }, (_, index) => [`file-${index}`, new Uint8Array(0)] as const)],
];

beforeAll(async () => {
  await env.IMAGES.put('images/tree', romfs(tree, 'a label'));
  await env.IMAGES.put('images/disk', dosDisk(romfs([['one', text('1')]]), romfs([['two', text('2')]])));
  await env.IMAGES.put('images/noise', noise(100_000));
});

const get = (path: string, headers: Record<string, string> = {}) => request(`/v1/images/${path}`, { headers });
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

async function expectProblem(response: Response, status: number, type: string): Promise<void> {
  expect(await response.json()).toMatchObject({ status, type: `/problems/${type}` });
}

it('the tree goes out as a zip, all of it or from a path on', async () => {
  const response = await get('tree/zip');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/zip']);
  const rows = await readZip(await bytesOf(response));
  const named = (name: string) => rows.find((row) => new TextDecoder('latin1').decode(row.name) === name);
  expect(rows.length).toBe(many + 12);
  expect(same(named('data')?.bytes ?? new Uint8Array(0), data)).toBe(true);
  expect(named('\xffa')).toMatchObject({ isUtf8: false, bytes: text('not UTF-8') });
  expect(named('relative')).toMatchObject({ bytes: text('etc/fstab') });
  expect((await readZip(await bytesOf(await get('tree/zip?path=/etc')))).length).toBe(1);
  await expectProblem(await get('tree/zip?path=nowhere'), 404, 'ENOENT');
});

describe('a description', () => {
  it('tells the file system of an image', async () => {
    const response = await get('tree');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      size_bytes: romfs(tree, 'a label').length,
      partitions: [],
      file_system: { type: 'romfs', label: 'a label', block_bytes: expect.any(Number), free_bytes: 0 },
    });
  });

  it('tells the partitions of a disk', async () => {
    const response = await get('disk');
    expect(await response.json()).toMatchObject({
      partition_table: 'dos',
      partitions: [
        { number: 1, start_bytes: MIB, file_system: { type: 'romfs' } },
        { number: 2, start_bytes: 2 * MIB, file_system: { type: 'romfs' } },
      ],
    });
  });

  it('tells that there is nothing the kernel knows', async () => {
    expect(await (await get('noise')).json()).toEqual({
      name: 'noise',
      etag: expect.any(String),
      size_bytes: 100_000,
      format: 'raw',
      partitions: [],
    });
  });

  it('is not sent again to who has it', async () => {
    const etag = (await get('tree')).headers.get('etag') ?? '';
    expect((await get('tree', { 'if-none-match': etag })).status).toBe(304);
    expect((await get('tree', { 'if-none-match': `"x", W/${etag}` })).status).toBe(304);
    expect((await get('tree', { 'if-none-match': '"x"' })).status).toBe(200);
  });
});

describe('a tar', () => {
  it('has the tree', async () => {
    const response = await get('tree/tar?path=etc');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="tree.tar"');
    const entries = await unpackTar(await response.arrayBuffer());
    expect(entries.map(({ header }) => header.name)).toEqual(['./', './fstab']);
  });

  it('has every type there is, and thousands of files', async () => {
    const entries = await unpackTar(await (await get('tree/tar')).arrayBuffer());
    expect(entries).toHaveLength(1 + tree.length + 1 + many);
    expect(new Set(entries.map(({ header }) => header.type))).toEqual(
      new Set(['directory', 'file', 'symlink', 'character-device', 'fifo']),
    );
  });

  it('answers HEAD without a body', async () => {
    const response = await request('/v1/images/tree/tar', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/x-tar');
  });
});

describe('a file', () => {
  it('is sent whole with its length and version', async () => {
    const response = await get('tree/files/data');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('content-length')).toBe(String(data.length));
    expect(response.headers.get('accept-ranges')).toBe('bytes');
    expect(response.headers.get('etag')).toMatch(/^".+"$/);
    expect(same(await bytesOf(response), data)).toBe(true);
  });

  it('may be empty', async () => {
    const response = await get('tree/files/empty');
    expect(response.status).toBe(200);
    expect(await bytesOf(response)).toHaveLength(0);
  });

  it.each([
    ['a b%c', 'a%20b%25c', 'escaped'],
    ['bytes that are not UTF-8', '%ffa', 'not UTF-8'],
    ['two lines', 'two%0Alines', 'below each other'],
    ['a relative link', 'relative', '/dev/vda / ext4\n'],
    ['an absolute link', 'absolute', '/dev/vda / ext4\n'],
    ['a link that climbs out of the image', 'outside', '/dev/vda / ext4\n'],
    ['a doubled slash', 'etc//fstab', '/dev/vda / ext4\n'],
    ['an escaped slash', 'etc%2Ffstab', '/dev/vda / ext4\n'],
  ])('is found by %s', async (_, path, content) => {
    const response = await get(`tree/files/${path}`);
    expect(response.status).toBe(200);
    expect(new TextDecoder().decode(await bytesOf(response))).toBe(content);
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-299', 100, 200],
    [`bytes=${MIB}-`, MIB, 123],
    ['bytes=-23', MIB + 100, 23],
    [`bytes=-${10 * MIB}`, 0, MIB + 123],
    [`bytes=5-${10 * MIB}`, 5, MIB + 118],
  ])('is sent in part for Range: %s', async (range, offset, length) => {
    const response = await get('tree/files/data', { range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${offset}-${offset + length - 1}/${data.length}`);
    expect(response.headers.get('content-length')).toBe(String(length));
    expect(same(await bytesOf(response), data.subarray(offset, offset + length))).toBe(true);
  });

  it.each(['bytes=1-0', 'bytes=a-b', 'lines=1-2', 'bytes=0-1,5-6', 'bytes=-'])(
    'is sent whole for Range: %s',
    async (range) => {
      const response = await get('tree/files/etc/fstab', { range });
      expect(response.status).toBe(200);
      expect(await bytesOf(response)).toHaveLength(16);
    },
  );

  it.each([`bytes=${MIB + 123}-`, 'bytes=-0', 'bytes=99999999999999999999-'])(
    'has nothing at Range: %s',
    async (range) => {
      const response = await get('tree/files/data', { range });
      expect(response.headers.get('content-range')).toBe(`bytes */${data.length}`);
      await expectProblem(response, 416, 'range-not-satisfiable');
    },
  );

  it('is sent in part only of the version If-Range names', async () => {
    const etag = (await get('tree/files/etc/fstab')).headers.get('etag') ?? '';
    expect((await get('tree/files/etc/fstab', { range: 'bytes=0-1', 'if-range': etag })).status).toBe(206);
    expect((await get('tree/files/etc/fstab', { range: 'bytes=0-1', 'if-range': '"old"' })).status).toBe(200);
  });

  it('is not sent again to who has it', async () => {
    const etag = (await get('tree/files/data')).headers.get('etag') ?? '';
    expect((await get('tree/files/data', { 'if-none-match': etag })).status).toBe(304);
  });

  it('of a partition is sent', async () => {
    expect(new TextDecoder().decode(await bytesOf(await get('disk/files/two?partition=2')))).toBe('2');
  });

  it.each([
    ['one that is not there', 'tree/files/nothing', 404, 'ENOENT'],
    ['one below a file', 'tree/files/data/x', 404, 'ENOTDIR'],
    ['a broken link', 'tree/files/bytes', 404, 'ENOENT'],
    ['a device', 'tree/files/null', 422, 'not-a-file'],
    ['a fifo', 'tree/files/pipe', 422, 'not-a-file'],
    ['a NUL byte', 'tree/files/a%00b', 400, 'invalid-request'],
    ['a name of 300 bytes', `tree/files/${'a'.repeat(300)}`, 422, 'ENAMETOOLONG'],
    ['a path of 5000 bytes, where Linux takes 4095', `tree/files/${'a/'.repeat(2500)}`, 404, 'ENOENT'],
    ['an image that is not there', 'nothing/files/data', 404, 'image-not-found'],
    ['an image without a file system', 'noise/files/data', 422, 'no-file-system'],
    ['a disk with two file systems', 'disk/files/two', 422, 'several-file-systems'],
    ['a strange query', 'tree/files/data?part=1', 400, 'invalid-request'],
  ])('is a problem: %s', async (_, path, status, type) => {
    await expectProblem(await get(path), status, type);
  });
});

describe('a directory', () => {
  interface Page {
    readonly entries: readonly Record<string, unknown>[];
    readonly cursor?: string;
  }
  const page = async (path: string): Promise<Page> => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    return response.json();
  };

  it('is listed in byte order with types, modes and targets', async () => {
    const { entries } = await page('tree/files/');
    expect(entries.map(({ name }) => name)).toEqual([
      ...['a b%c', 'absolute', 'bytes', 'data', 'empty', 'etc', 'many', 'null', 'outside', 'pipe', 'relative'],
      'two\nlines',
      '\ufffda',
    ]);
    const named = (name: string) => entries.find((entry) => entry.name === name);
    expect(named('data')).toMatchObject({ type: 'file', mode: '0644', size_bytes: data.length, mtime_ns: '0', uid: 0 });
    expect(named('etc')).toMatchObject({ type: 'directory', mode: '0755' });
    expect(named('absolute')).toMatchObject({ type: 'symlink', target: '/etc/fstab' });
    expect(named('null')).toMatchObject({ type: 'char' });
    expect(named('pipe')).toMatchObject({ type: 'fifo' });
    expect(named('data')).not.toHaveProperty('name_base64');
    expect(entries.at(-1)).toMatchObject({ name: '\ufffda', name_base64: '/2E=' });
  });

  it('may be empty, and one below another', async () => {
    expect((await page('tree/files/etc')).entries.map(({ name }) => name)).toEqual(['fstab']);
    expect((await page('tree/files/etc/')).entries).toHaveLength(1);
    expect(await page('tree/files/etc/?cursor=ZnN0YWI')).toEqual({ entries: [] });
  });

  it('of many entries comes in pages, each entry once', async () => {
    const names: unknown[] = [];
    let cursor = '';
    for (let pages = 1; ; pages += 1) {
      const found = await page(`tree/files/many?limit=1000${cursor}`);
      names.push(...found.entries.map(({ name }) => name));
      if (found.cursor === undefined) {
        expect(pages).toBe(3);
        break;
      }
      cursor = `&cursor=${found.cursor}`;
    }
    expect(names).toEqual(Array.from({ length: many }, (_, index) => `file-${index}`).sort());
  });

  it.each(['limit=0', 'limit=10001', 'cursor=', 'cursor=a.b', 'cursor=a'])('refuses ?%s', async (query) => {
    await expectProblem(await get(`tree/files/?${query}`), 400, 'invalid-request');
  });
});

describe('an image that is not there', () => {
  it.each(['nothing', 'nothing/tar', 'nothing/files/'])('%s is 404', async (path) => {
    await expectProblem(await get(path), 404, 'image-not-found');
  });
});
