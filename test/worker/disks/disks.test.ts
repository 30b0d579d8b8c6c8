/** What a file is opened as is the same over HTTP, in a batch, in a session: one place makes disks of bytes. */

import { describe, expect, it } from 'vitest';
import { ustarBlock } from '../../../src/archive/tar/ustar.ts';
import { concat } from '../../../src/bytes/concat.ts';
import { romfs } from '../../fakes/romfs.ts';
import { caseDevice } from '../../fixtures/load.ts';
import { request } from '../harness.ts';
import { bytesOf } from './stored.ts';

type Json = Record<string, unknown>;

async function store(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  expect((await request(`/v1/images/${name}`, { method: 'PUT', body })).status).toBe(201);
}

const post = async (path: string, body: Json): Promise<Json> => {
  const headers = { 'content-type': 'application/json' };
  const response = await request(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await response.json()) as Json;
};

const gzip = async (bytes: Uint8Array<ArrayBuffer>) =>
  new Uint8Array(
    await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer(),
  );

const textOf = async (response: Response) => new TextDecoder().decode(await response.arrayBuffer());

const calls = (path: string) => [
  { call: 'openat', args: ['AT_FDCWD', path, 'O_RDONLY'], as: 'file' },
  { call: 'read', args: [{ ref: 'file' }, { out: 256 }, 256] },
];

/** By a batch and by a session. */
async function readByBoth(mount: Json, path: string): Promise<unknown[]> {
  const mounts = [{ ...mount, at: '/mnt' }];
  const told = ({ results, detail }: Json) =>
    ((results as Json[] | undefined)?.[1]?.out as Json | undefined)?.utf8 ?? detail ?? results;
  const batch = await post('/v1/syscalls', { mounts, calls: calls(`/mnt/${path}`) });
  const session = await post('/v1/sessions', { mounts });
  const inSession = await post(`/v1/sessions/${session.id}/syscalls`, { calls: calls(`/mnt/${path}`) });
  await request(`/v1/sessions/${session.id}`, { method: 'DELETE' });
  return [told(batch), told(inSession)];
}

const HOSTNAME = 'etc/hostname';

describe('a batch and a session have disks as mounts have them', () => {
  it.each([
    ['gpt4k', 'in sectors of 4096 bytes'],
    ['gpt_no_pmbr', 'with its table mended'],
    ['gpt_only_backup', 'with its table mended'],
  ])('%s, %s', async (name) => {
    await store(name, await bytesOf(await caseDevice(name)));
    const whole = await request(`/v1/images/${name}/files/${HOSTNAME}`);
    expect(whole.status).toBe(200);
    const content = await textOf(whole);
    for (const read_only of [false, true]) {
      expect(await readByBoth({ image: name, read_only }, HOSTNAME)).toEqual([content, content]);
    }
  });

  it('an image whose last block is not whole', async () => {
    const bytes = await bytesOf(await caseDevice('sqfs_nopad'));
    await store('sqfs-nopad', bytes);
    const content = await textOf(await request('/v1/images/sqfs-nopad/files/a'));
    expect(await readByBoth({ image: 'sqfs-nopad' }, 'a')).toEqual([content, content]);
  });

  it('from an offset on', async () => {
    const image = romfs([['file', new TextEncoder().encode('behind')]]);
    const bytes = new Uint8Array(3000 + image.length);
    bytes.set(image, 3000);
    await store('behind', bytes);
    expect(await textOf(await request('/v1/images/behind/files/file?offset=3000'))).toBe('behind');
    expect(await readByBoth({ image: 'behind', offset: 3000 }, 'file')).toEqual(['behind', 'behind']);
  });
});

describe('which disk of a file', () => {
  /** A tar of two disks and a text. */
  function twoDisks(): Uint8Array<ArrayBuffer> {
    const encode = (text: string) => new TextEncoder().encode(text);
    const entry = (name: string, content: Uint8Array) => {
      const header = ustarBlock({
        ...{ name: encode(name), typeflag: '0', mode: 0o644, uid: 0, gid: 0, mtime: 0 },
        size: content.length,
      });
      return [header, content, new Uint8Array(-content.length & 511)];
    };
    return concat([
      ...entry('one.img', romfs([['file', encode('one')]])),
      ...entry('two.img', romfs([['file', encode('two')]])),
      ...entry('note', encode('text')),
      new Uint8Array(1024),
    ]);
  }

  it('is named by format and member, everywhere', async () => {
    await store('disks', twoDisks());
    expect(await textOf(await request('/v1/images/disks/files/note'))).toBe('text');
    expect(await textOf(await request('/v1/images/disks/files/file?member=two.img'))).toBe('two');
    const described = (await (await request('/v1/images/disks?member=one.img')).json()) as Json;
    expect(described.file_system).toMatchObject({ type: 'romfs' });
    expect(described).toMatchObject({ format: 'tar', layers: [{ format: 'tar', note: 'one.img' }] });
    expect(await (await request('/v1/images/disks')).json()).toMatchObject({
      choices: [
        { kind: 'member', name: 'one.img' },
        { kind: 'member', name: 'two.img' },
      ],
    });
    expect(await readByBoth({ image: 'disks' }, 'note')).toEqual(['text', 'text']);
    expect(await readByBoth({ image: 'disks', member: 'one.img' }, 'file')).toEqual(['one', 'one']);
    const raw = await request('/v1/images/disks/tar?format=raw');
    expect([raw.status, await raw.json()]).toMatchObject([422, { type: '/problems/no-file-system' }]);
    const none = await request('/v1/images/disks/files/file?member=three.img');
    expect([none.status, await none.json()]).toMatchObject([
      422,
      {
        detail: 'tar: there is no file "three.img" in it: what may be disks are one.img, two.img (member=…)',
        choose_by: 'member',
        choices: ['one.img', 'two.img'],
      },
    ]);
    expect((await request('/v1/images/disks/tar?format=zip')).status).toBe(400);
  });

  it('compressed in what is compressed, is undone', async () => {
    const packed = await gzip(await gzip(twoDisks()));
    await store('packed', packed);
    expect(await textOf(await request('/v1/images/packed/files/note'))).toBe('text');
  });

  it('a tar is posted like an image', async () => {
    const headers = { 'content-type': 'application/octet-stream' };
    const response = await request('/v1/fs2tar?path=note', { method: 'POST', headers, body: twoDisks() });
    expect(response.status).toBe(200);
    expect(new TextDecoder().decode((await response.arrayBuffer()).slice(512, 516))).toBe('text');
  });
});
