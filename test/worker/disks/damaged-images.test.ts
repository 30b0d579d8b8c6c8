/** POST /v1/fs2tar with real file systems that are damaged, odd or very large: never half a tree that looks whole. */

import { beforeAll, describe, expect, it } from 'vitest';
import { SECTOR } from '../../../src/storage/block-device.ts';
import { fixtureDevice, fixtures } from '../../fixtures/load.ts';
import { readTar } from '../../kernel/read-tar.ts';
import { request } from '../harness.ts';

async function imageOf(fixture: string): Promise<Uint8Array> {
  const device = await fixtureDevice(fixture);
  const image = new Uint8Array(device.sectors * SECTOR);
  device.read(0, image);
  return image;
}

const fs2tar = (image: Uint8Array, query = '') =>
  request(`/v1/fs2tar${query}`, {
    method: 'POST',
    body: image,
    headers: { 'content-type': 'application/octet-stream' },
  });

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function contentOf(response: Response): Promise<Map<string, Uint8Array>> {
  expect(response.status).toBe(200);
  const entries = readTar(new Uint8Array(await response.arrayBuffer()));
  return new Map(entries.map(({ path, data }) => [text(path), data]));
}

/** Either a problem document, or a body that breaks off. */
async function failureOf(response: Response): Promise<unknown> {
  if (response.status !== 200) return response.json();
  return response.arrayBuffer().then(
    () => undefined,
    (cause: unknown) => cause,
  );
}

describe('a damaged superblock', () => {
  it('is a problem with the errno and what the kernel said', async () => {
    const image = await imageOf('ext4');
    image.fill(0xff, 1024 + 4, 1024 + 8); // s_blocks_count_lo
    const response = await fs2tar(image);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      type: '/problems/mount-failed',
      errno: 'EBADMSG',
      file_system_type: 'ext4',
      console: expect.stringContaining('EXT4-fs (vda)'),
    });
  });

  it('of a partition is one too, when that partition is asked for', async () => {
    const image = await imageOf('disk-gpt-several');
    image.fill(0xff, 4096 * SECTOR + 1024 + 24, 4096 * SECTOR + 1024 + 28); // s_log_block_size
    const response = await fs2tar(image, '?partition=2');
    expect(await response.json()).toMatchObject({ status: 422, type: '/problems/mount-failed', partition: 2 });
  });
});

describe('a truncated image', () => {
  it.each(['ext4', 'squashfs-gzip', 'erofs', 'ntfs', 'nilfs2', 'exfat'])(
    'of %s is not taken for whole',
    async (name) => {
      const image = await imageOf(name);
      expect(await failureOf(await fs2tar(image.subarray(0, image.length / 4)))).toBeDefined();
    },
  );
});

describe.each([
  ['ext4-damaged', ['./dir/nested', './modes/all', './sparse/comb']],
  ['ext4-loop', ['./dir/nested/more/up']],
  ['squashfs-damaged', ['./mixed']],
])('damage deep inside: %s', (name, bad) => {
  it('ends the tar', async () => {
    expect(await failureOf(await fs2tar(await imageOf(name)))).toBeDefined();
  });

  it('is left out and listed with on-error=continue', async () => {
    const content = await contentOf(await fs2tar(await imageOf(name), '?on-error=continue'));
    const errors = text(content.get('./.fs2tar-errors') ?? new Uint8Array()).split('\n');
    const paths = errors.map((line) => line.split('\t')[2]);
    for (const path of bad) expect(paths).toContain(path);
    expect([...content.keys()].at(-1)).toBe('./.fs2tar-errors');
    expect(content.size).toBeGreaterThan(5);
  });
});

it('100,000 files in one directory all come, in order', async () => {
  const names = [...(await contentOf(await fs2tar(await imageOf('erofs-100k')))).keys()];
  expect(names.length).toBe(fixtures['erofs-100k']?.volumes[0]?.entries);
  expect(names.filter((name) => !name.endsWith('/'))).toEqual(names.filter((name) => !name.endsWith('/')).toSorted());
});

describe('a directory with a file that cannot be told of', () => {
  const get = (path: string) => request(`/v1/images/damaged/files/${path}`);
  const listed = async (path: string) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    return (await response.json()) as { entries: { name: string }[]; lacking?: object[]; cursor?: string };
  };

  beforeAll(async () => {
    const stored = await request('/v1/images/damaged', {
      method: 'PUT',
      body: await imageOf('ext4-damaged'),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(stored.status).toBe(201);
  });

  it('is a problem, unless one goes on: then it is named beside the others', async () => {
    const stopped = await get('modes');
    expect(stopped.status).toBe(422);
    expect(await stopped.json()).toMatchObject({ errno: 'EBADMSG' });
    const { entries, lacking } = await listed('modes?on-error=continue');
    expect(entries.length).toBeGreaterThan(3);
    expect(entries.map(({ name }) => name)).not.toContain('all');
    expect(lacking).toEqual([
      { name: 'all', type: 'file', errno: 'EBADMSG', detail: 'modes/all: nothing can be said of it (EBADMSG)' },
    ]);
  });

  it('is listed to its end, page by page', async () => {
    const names: string[] = [];
    let told = 0;
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const page = await listed(`modes?on-error=continue&limit=1${cursor && `&cursor=${cursor}`}`);
      for (const { name } of page.entries) names.push(name);
      told += page.lacking?.length ?? 0;
      cursor = page.cursor;
    }
    expect(told).toBe(1);
    expect(names).toEqual((await listed('modes?on-error=continue')).entries.map(({ name }) => name));
  });

  it('a file of it whose bytes cannot be read says which', async () => {
    const response = await get('sparse/comb');
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      detail: 'sparse/comb: its data cannot be read (EIO)',
      damaged: true,
    });
  });

  it('whose own names cannot be listed tells that', async () => {
    expect(await listed('dir/nested?on-error=continue')).toMatchObject({
      entries: [],
      lacking: [{ errno: 'EBADMSG', detail: 'dir/nested: its names cannot be listed whole (EBADMSG)' }],
    });
  });
});
