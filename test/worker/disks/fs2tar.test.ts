/** POST /v1/fs2tar: a posted image comes back as its tree, or as a problem; never as half a tree that looks whole. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { unpackTar } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { app } from '../../../src/worker/app.ts';
import { chunked, cutOff, gzip, MIB, noise, same } from '../../fakes/bodies.ts';
import { dosDisk } from '../../fakes/disk.ts';
import { bzip2Sectors, dmgOf } from '../../fakes/dmg.ts';
import { type RomfsTree, romfs } from '../../fakes/romfs.ts';
import { readZip } from '../../fakes/zip-reader.ts';
import { type Fetch, inProcess, ORIGIN, request } from '../harness.ts';

const octets = { 'content-type': 'application/octet-stream' };
const text = (content: string) => new TextEncoder().encode(content);

const small: RomfsTree = [
  ['etc', [['fstab', text('/dev/vda / ext4\n')]]],
  ['link', { symlink: 'etc/fstab' }],
];

const fs2tar = (body: BodyInit, query = '', headers: Record<string, string> = {}, send?: Fetch) =>
  request(`/v1/fs2tar${query}`, { method: 'POST', body, headers: { ...octets, ...headers } }, send);

/** With room after it, so that other file systems find a place for their superblock. */
function roomy(image: Uint8Array): Uint8Array {
  const larger = new Uint8Array(MIB);
  larger.set(image);
  return larger;
}

async function names(response: Response): Promise<string[]> {
  expect(response.status).toBe(200);
  const entries = await unpackTar(await response.arrayBuffer());
  return entries.map(({ header }) => header.name);
}

async function expectProblem(response: Response, status: number, members: Record<string, unknown>): Promise<void> {
  expect(await response.json()).toMatchObject({ status, ...members });
  expect(response.status).toBe(status);
}

const spooledNow = async () => (await env.IMAGES.list({ prefix: 'spool/' })).objects.length;

describe('an image in memory', () => {
  it('comes back as a tar', async () => {
    const response = await fs2tar(romfs(small));
    expect(response.headers.get('content-type')).toBe('application/x-tar');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="image.tar"');
    const entries = await unpackTar(await response.arrayBuffer());
    expect(entries.map(({ header }) => [header.name, header.type])).toEqual([
      ['./', 'directory'],
      ['./etc/', 'directory'],
      ['./etc/fstab', 'file'],
      ['./link', 'symlink'],
    ]);
    expect(new TextDecoder().decode(entries[2]?.data)).toBe('/dev/vda / ext4\n');
  });

  it('comes back as a zip', async () => {
    const answer = await request('/v1/fs2zip', { method: 'POST', body: await gzip(romfs(small)), headers: octets });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/zip']);
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="image.zip"');
    const entries = await readZip(new Uint8Array(await answer.arrayBuffer()));
    expect(entries.map(({ name, bytes }) => [name, bytes].map((it) => new TextDecoder().decode(it)))).toEqual([
      ['etc/', ''],
      ['etc/fstab', '/dev/vda / ext4\n'],
      ['link', 'etc/fstab'],
    ]);
    const nothing = await request('/v1/fs2zip', { method: 'POST', body: noise(MIB), headers: octets });
    await expectProblem(nothing, 422, { type: '/problems/no-file-system' });
  });

  it('comes back as the same bytes each time', async () => {
    const [first, second] = [await fs2tar(romfs(small)), await fs2tar(romfs(small))];
    expect(same(new Uint8Array(await first.arrayBuffer()), new Uint8Array(await second.arrayBuffer()))).toBe(true);
  });

  it('may be of unknown length, or compressed', async () => {
    const all = ['./', './etc/', './etc/fstab', './link'];
    expect(await names(await fs2tar(chunked(romfs(small))))).toEqual(all);
    expect(await names(await fs2tar(await gzip(romfs(small))))).toEqual(all);
    expect(
      await names(await fs2tar(await gzip(romfs(small)), '?decompress=none', { 'content-encoding': 'gzip' })),
    ).toEqual(all);
  });

  it('that begins as a bzip2 and ends as a DMG is told as that, and read where it is not to be undone', async () => {
    const dmg = dmgOf(bzip2Sectors.map((packed) => ({ type: 0x80000006, sectors: 1, packed })));
    await expectProblem(await fs2tar(dmg), 422, {
      type: '/problems/bad-compression',
      detail: expect.stringMatching(/it is an Apple disk image \(DMG\).* \(decompress=none\), it is read$/),
    });
    await expectProblem(await fs2tar(dmg, '?decompress=none'), 422, { type: '/problems/no-file-system' });
  });

  it('comes back compressed with compress=gzip', async () => {
    const response = await fs2tar(romfs(small), '?compress=gzip');
    expect(response.headers.get('content-type')).toBe('application/gzip');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="image.tar.gz"');
    const tar = response.body?.pipeThrough(new DecompressionStream('gzip')) ?? null;
    expect(await names(new Response(tar))).toHaveLength(4);
  });

  it.each(['path=etc', 'path=/etc', 'path=//etc/', 'path=etc/../etc', 'path=%65tc', 'p%61th=etc'])(
    'gives the directory at ?%s',
    async (query) => {
      expect(await names(await fs2tar(romfs(small), `?${query}`))).toEqual(['./', './fstab']);
    },
  );

  it('gives the directory at a path that is not UTF-8', async () => {
    const tree: RomfsTree = [[Uint8Array.of(0xff, 0x20), [['inside', text('x')]]]];
    expect(await names(await fs2tar(romfs(tree), '?path=%ff+'))).toEqual(['./', './inside']);
  });
});

describe('an image larger than memory should hold', () => {
  const data = noise(20 * MIB);
  const large = romfs([['data', data]]);

  it.each([
    ['known', () => large],
    ['unknown', () => chunked(large)],
  ])('of %s length comes back whole, and nothing of it stays', async (_, body) => {
    const entries = await unpackTar(await (await fs2tar(body())).arrayBuffer());
    expect(same(entries[1]?.data ?? new Uint8Array(0), data)).toBe(true);
    await expect.poll(spooledNow).toBe(0);
  });

  it('leaves nothing when the client goes away while sending it', async () => {
    const response = await fs2tar(cutOff(large.subarray(0, 18 * MIB)), '', {}, inProcess());
    await expectProblem(response, 400, { type: '/problems/body-interrupted' });
    expect(await spooledNow()).toBe(0);
  });

  it('leaves nothing when the client goes away while it is answered', async () => {
    const context = createExecutionContext();
    const sent = new Request(`${ORIGIN}/v1/fs2tar`, { method: 'POST', body: large, headers: octets });
    const response = await app.fetch(sent, env, context);
    const reader = response.body?.getReader();
    await reader?.read();
    expect(await spooledNow()).toBe(1);
    await reader?.cancel();
    await waitOnExecutionContext(context);
    expect(await spooledNow()).toBe(0);
  });

  it('leaves nothing when it cannot be mounted', async () => {
    await expectProblem(await fs2tar(noise(17 * MIB)), 422, { type: '/problems/no-file-system' });
    expect(await spooledNow()).toBe(0);
  });
});

describe('a disk with partitions', () => {
  const disk = dosDisk(romfs(small), romfs([['second', text('x')]]));

  it('with two file systems is a problem that lists them', async () => {
    await expectProblem(await fs2tar(disk), 422, {
      type: '/problems/several-file-systems',
      partitions: [expect.objectContaining({ number: 1, type: 'romfs' }), expect.objectContaining({ number: 2 })],
    });
  });

  it('gives the partition asked for', async () => {
    expect(await names(await fs2tar(disk, '?partition=2'))).toEqual(['./', './second']);
  });

  it('gives its only file system unasked', async () => {
    expect(await names(await fs2tar(dosDisk(new Uint8Array(MIB), romfs(small))))).toHaveLength(4);
  });

  it('does not give a partition it does not have', async () => {
    await expectProblem(await fs2tar(disk, '?partition=3'), 422, { type: '/problems/no-such-partition' });
  });
});

describe('bad input', () => {
  it.each([
    ['nothing', new Uint8Array(0), '', 400, 'empty-body'],
    ['random bytes', noise(100_000), '', 422, 'no-file-system'],
    ['zeros', new Uint8Array(100_000), '', 422, 'no-file-system'],
    ['one byte', Uint8Array.of(1), '', 422, 'no-file-system'],
    ['a type the kernel does not know', romfs(small), '?type=zfs', 422, 'unknown-file-system'],
    ['the type of another file system', roomy(romfs(small)), '?type=ext4', 422, 'mount-failed'],
    ['an option the file system does not know', romfs(small), '?type=ext4&options=nonsense', 422, 'mount-failed'],
    ['a path that is not there', romfs(small), '?path=nowhere', 404, 'ENOENT'],
    ['a path through a file', romfs(small), '?path=etc/fstab/x', 404, 'ENOTDIR'],
    ['a damaged compressed body', Uint8Array.of(0x1f, 0x8b, 8, 0, 1), '', 422, 'bad-compression'],
    ['a type that is no word', romfs(small), '?type=../x', 400, 'invalid-request'],
    ['partition 0', romfs(small), '?partition=0', 422, 'no-such-partition'],
    ['a partition in scientific notation', romfs(small), '?partition=1e0', 422, 'no-such-partition'],
    ['a partition in hexadecimal', romfs(small), '?partition=0x1', 422, 'no-such-partition'],
    ['no partition', romfs(small), '?partition=', 400, 'invalid-request'],
    ['mount options with a NUL byte', romfs(small), '?options=ro%00x', 400, 'invalid-request'],
    ['an unknown compression', romfs(small), '?compress=xz', 400, 'invalid-request'],
    ['an unknown query', romfs(small), '?on_error=continue', 400, 'invalid-request'],
  ])('%s is a problem', async (_, body, query, status, type) => {
    await expectProblem(await fs2tar(body, query), status, { type: `/problems/${type}` });
  });

  it('a form is not an image', async () => {
    const form = new FormData();
    form.set('image', new Blob([romfs(small)]));
    const response = await request('/v1/fs2tar', { method: 'POST', body: form });
    await expectProblem(response, 415, { type: '/problems/unsupported-media-type' });
  });

  it('no body is a problem', async () => {
    await expectProblem(await request('/v1/fs2tar', { method: 'POST' }), 400, { type: '/problems/empty-body' });
  });
});

/** `image` with its own length in its superblock, whose first 512 bytes add up to zero (romfs.rst). */
function resized(image: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const copy = image.slice();
  const data = new DataView(copy.buffer);
  data.setUint32(8, copy.length);
  data.setUint32(12, 0);
  let sum = 0;
  for (let at = 0; at < 512; at += 4) sum = (sum + data.getUint32(at)) >>> 0;
  data.setUint32(12, -sum);
  return copy;
}

describe('a truncated image', () => {
  it('is a problem when nothing was sent yet', async () => {
    const image = romfs([['data', noise(40_000)]]).subarray(0, 20_000);
    expect((await fs2tar(image)).status).toBeGreaterThanOrEqual(400);
  });

  const image = romfs([
    ['a', noise(300_000)],
    ['b', noise(300_000)],
    ['c', text('whole')],
  ]);
  const truncated = image.slice(0, 450_000);
  /** The same where its superblock says that it is whole. */
  const damaged = resized(truncated);

  it('is refused before anything is sent', async () => {
    await expectProblem(await fs2tar(truncated), 422, { type: '/problems/image-cut' });
  });

  it('breaks the tar off when some was sent', async () => {
    const response = await fs2tar(damaged);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it('breaks the compressed tar off too', async () => {
    const response = await fs2tar(damaged, '?compress=gzip');
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it('gives what can be read with on-error=continue, and says what cannot', async () => {
    const entries = await unpackTar(await (await fs2tar(truncated, '?on-error=continue')).arrayBuffer());
    expect(entries.map(({ header }) => header.name)).toEqual(['./', './a', './.fs2tar-errors']);
    expect(new TextDecoder().decode(entries.at(-1)?.data)).toMatch(/EIO/);
  });
});

describe('a compressed body', () => {
  /** So many MiB of `byte` behind the bytes of `head`, compressed as they come. */
  async function grown(head: Uint8Array, mib: number, byte: number): Promise<Uint8Array> {
    const piece = new Uint8Array(MIB).fill(byte);
    const { readable, writable } = new IdentityTransformStream();
    const write = async () => {
      const writer = writable.getWriter();
      await writer.write(head);
      for (let made = 0; made < mib; made++) await writer.write(piece);
      await writer.close();
    };
    write().catch(() => {}); // whoever reads hears it
    const stream = readable.pipeThrough(new CompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /** Fails whatever would be stored. */
  const storesNothing: Fetch = async (request) => {
    const refuse = () => Promise.reject(new Error('something was stored'));
    const IMAGES = { put: refuse, createMultipartUpload: refuse } as unknown as R2Bucket;
    return app.fetch(request, { ...env, IMAGES }, createExecutionContext());
  };

  it('of zeros, but for a little, is stored nowhere, however much that is', async () => {
    const body = await grown(romfs(small), 300, 0);
    expect(await names(await fs2tar(body, '', {}, storesNothing))).toHaveLength(4);
  });

  it('is refused as a bomb before it has grown much', async () => {
    const body = await grown(romfs(small), 300, 0x41);
    expect(body.length).toBeLessThan(MIB);
    const response = await fs2tar(body);
    await expectProblem(response, 413, { type: '/problems/too-large', detail: expect.stringMatching(/bomb/) });
    expect(await spooledNow()).toBe(0);
  });

  it('that grows as data does comes back whole, with its holes', async () => {
    const data = noise(20 * MIB);
    const image = romfs([
      ['a', data.subarray(0, 9 * MIB)],
      ['hole', new Uint8Array(9 * MIB)],
      ['z', data],
    ]);
    const response = await fs2tar(await gzip(image));
    const entries = await unpackTar(await response.arrayBuffer());
    const files = Object.fromEntries(entries.map(({ header, data: bytes }) => [header.name, bytes]));
    expect(same(files['./z'] ?? new Uint8Array(), data)).toBe(true);
    expect(same(files['./a'] ?? new Uint8Array(), data.subarray(0, 9 * MIB))).toBe(true);
    expect(files['./hole']?.every((byte) => byte === 0)).toBe(true);
    expect(await spooledNow()).toBe(0);
  });
});
