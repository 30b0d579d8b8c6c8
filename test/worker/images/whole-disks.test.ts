/** Whole disks over HTTP: made of definitions, partitioned, checked by partition, and given another size. */

import { env } from 'cloudflare:workers';
import { packTar } from 'modern-tar';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../../src/bytes/hex.ts';
import { request } from '../harness.ts';

const MIB = 2 ** 20;
let made = 0;
const fresh = () => `disk-${++made}`;

const files = {
  'boot/vmlinuz': 'x'.repeat(100_000),
  'etc/hostname': 'made\n',
  'home/joe/x': 'x\n',
  'home/ann/y': 'y\n',
};

async function tar(): Promise<Uint8Array<ArrayBuffer>> {
  const entries = Object.entries(files).map(([name, body]) => ({
    header: { name, size: body.length, mode: 0o640, uid: 7, gid: 8, mtime: new Date(1e12), type: 'file' as const },
    body,
  }));
  return (await packTar(entries)) as Uint8Array<ArrayBuffer>;
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly detail?: string;
  readonly etag?: string;
  readonly size_bytes?: number;
  readonly table?: string;
  readonly partition?: number;
  readonly verdict?: string;
  readonly root_hashes?: readonly string[];
  readonly partitions?: readonly { readonly uuid?: string; readonly content: string; readonly size_bytes: number }[];
}

async function post(path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await request(`/v1/images/${path}`, {
    method: 'POST',
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { ...((await response.json()) as object), status: response.status };
}

async function put(name: string, bytes: BodyInit): Promise<void> {
  const response = await request(`/v1/images/${name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  expect(response.status).toBe(201);
}

interface Report {
  readonly size_bytes: number;
  readonly partition_table?: string;
  readonly partition_table_id?: string;
  readonly partitions: readonly {
    readonly number: number;
    readonly start_bytes: number;
    readonly size_bytes: number;
    readonly uuid?: string;
    readonly content?: { readonly type: string };
  }[];
}
const report = async (name: string): Promise<Report> => (await request(`/v1/images/${name}`)).json();
const raw = async (name: string) => new Uint8Array(await (await request(`/v1/images/${name}/raw`)).arrayBuffer());
const digest = async (name: string) => toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', await raw(name))));
const status = async (name: string) => (await request(`/v1/images/${name}`, { method: 'HEAD' })).status;
const stored = async (prefix: string) => (await env.IMAGES.list({ prefix })).objects.length;

async function textOf(name: string, path: string, partition: number): Promise<string> {
  const response = await request(`/v1/images/${name}/files/${path}?partition=${partition}`);
  if (response.status !== 200) throw new Error(await response.text());
  return response.text();
}

describe('a disk of definitions', () => {
  const tree = 'rootfs.tar';
  // What systemd-repart 252 gives these types for this seed.
  const seed = '0123abcd-0123-4567-89ab-0123456789ab';
  const uuids = [
    '39c783ed-b94f-4f28-ab92-98359f3f9d4f',
    'cc7ebb6a-50b6-43fe-8044-8dfc37637d3d',
    '4f822a22-0544-48ea-ae20-8c828462b0e3',
  ];
  const definitions = {
    '10-esp.conf': '[Partition]\nType=esp\nCopyFiles=/boot:/\nSizeMinBytes=40M\nSizeMaxBytes=40M\n',
    '20-root.conf':
      '[Partition]\nType=root-x86-64\nFormat=ext4\nCopyFiles=/\nExcludeFiles=/boot /home/\nMakeDirectories=/proc\nMinimize=best\n',
    '30-home.conf': '[Partition]\nType=home\nFormat=btrfs\nCopyFiles=/home:/\n',
  };
  const order = { definitions, root: { image: tree }, size_bytes: 170 * MIB, seed };

  beforeAll(async () => put(tree, await tar()));

  it('is what systemd-repart would make, the same bytes each time, and clean', async () => {
    const [one, other] = [fresh(), fresh()];
    for (const name of [one, other]) {
      const answer = await post(`${name}/mkimage`, order);
      expect(answer.detail).toBeUndefined();
      expect(answer).toMatchObject({ status: 201, size_bytes: 170 * MIB, root_hashes: [] });
      expect(answer.partitions?.map(({ uuid, content }) => [uuid, content])).toEqual([
        [uuids[0], 'vfat'],
        [uuids[1], 'ext4'],
        [uuids[2], 'btrfs'],
      ]);
    }
    const found = await report(one);
    expect(found).toMatchObject({
      partition_table: 'gpt',
      partition_table_id: '6da7bad5-e8e3-4ce4-880a-8743c1822b13',
    });
    expect(found.partitions.map(({ uuid, content }) => [uuid, content?.type])).toEqual([
      [uuids[0], 'vfat'],
      [uuids[1], 'ext4'],
      [uuids[2], 'btrfs'],
    ]);
    expect(found.partitions[1]?.size_bytes).toBeLessThan(2 * MIB);
    expect(found.partitions[2]?.size_bytes).toBeGreaterThan(110 * MIB);
    for (const number of [1, 2, 3])
      expect(await post(`${one}/fsck?partition=${number}`)).toMatchObject({ status: 200, verdict: 'clean' });
    expect(await textOf(one, 'vmlinuz', 1)).toBe(files['boot/vmlinuz']);
    expect(await textOf(one, 'etc/hostname', 2)).toBe(files['etc/hostname']);
    expect(await textOf(one, 'joe/x', 3)).toBe(files['home/joe/x']);
    expect((await request(`/v1/images/${one}/files/home/joe?partition=2`)).status).toBe(404);
    expect((await request(`/v1/images/${one}/files/proc?partition=2`)).status).toBe(200);
    expect(await digest(one)).toBe(await digest(other));
    expect(await stored('making/')).toBe(0);
  }, 240_000);

  it('has swap, a squashfs and its hashes, and what is stored as it is', async () => {
    const [name, blocks] = [fresh(), fresh()];
    // As the gzip, or the qcow2, that it is.
    const loader = new Uint8Array(9000).fill(7);
    loader.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]);
    await put(blocks, loader);
    const answer = await post(`${name}/mkimage`, {
      definitions: {
        '1.conf': '[Partition]\nType=swap\nSizeMinBytes=1M\nSizeMaxBytes=1M\n',
        '2.conf': '[Partition]\nType=root\nFormat=squashfs\nCopyFiles=/etc:/etc\nVerity=data\nVerityMatchKey=a\n',
        '3.conf': '[Partition]\nType=root-verity\nVerity=hash\nVerityMatchKey=a\n',
        '4.conf': `[Partition]\nType=linux-generic\nCopyBlocks=${blocks}\n`,
      },
      root: { image: tree },
      seed: 1,
    });
    expect(answer.detail).toBeUndefined();
    const [hash = ''] = answer.root_hashes ?? [];
    const { partitions } = await report(name);
    expect(partitions.map(({ content }) => content?.type)).toEqual(['swap', 'squashfs', 'DM_verity_hash', 'qcow2']);
    expect(partitions[1]?.uuid?.replaceAll('-', '')).toBe(hash.slice(0, 32));
    expect(await textOf(name, 'etc/hostname', 2)).toBe(files['etc/hostname']);
    const last = partitions[3]?.start_bytes ?? 0;
    const bytes = (await raw(name)).subarray(last, last + 9000);
    expect(bytes.every((byte, i) => byte === loader[i])).toBe(true);
  }, 60_000);

  it('is one of a configuration of genimage, with files of another image', async () => {
    const name = fresh();
    const answer = await post(`${name}/mkimage`, {
      genimage: `image boot.vfat { vfat { files = { "boot/vmlinuz" } } size = 33M }
        image root.ext4 { ext4 { label = "root" } size = 16M }
        image card.img { hdimage { disk-signature = 0x12345678 }
          partition boot { partition-type = 0xC bootable = true image = "boot.vfat" }
          partition root { partition-type = 0x83 image = "root.ext4" } }`,
      root: { image: tree },
      input: { image: tree },
      seed: 1,
    });
    expect(answer.detail).toBeUndefined();
    expect(answer).toMatchObject({ status: 201 });
    expect(await report(name)).toMatchObject({ partition_table: 'dos', partition_table_id: '12345678' });
    expect(await textOf(name, 'vmlinuz', 1)).toBe(files['boot/vmlinuz']);
    expect(await textOf(name, 'home/ann/y', 2)).toBe(files['home/ann/y']);
  }, 60_000);

  it.each([
    [{ definitions: {} }, 400, 'there is no definition'],
    [{}, 400, 'either'],
    [{ definitions, genimage: 'x' }, 400, 'either'],
    [{ definitions: { '../x.conf': 'x' } }, 400, '../x.conf'],
    [{ definitions: { 'a.conf': '[Partition]\nType=nothing\n' } }, 400, 'a.conf: Type=nothing'],
    [{ definitions, size_bytes: 10 * MIB, root: { image: tree } }, 400, 'its partitions want'],
    [{ definitions }, 400, '`root` says in which image'],
    [{ definitions, root: { image: 'no-such' } }, 404, 'no-such'],
    [
      { definitions: { 'a.conf': '[Partition]\nType=root\nCopyFiles=/nowhere:/\n' }, root: { image: tree } },
      400,
      '/nowhere: there is no such file or folder in rootfs.tar',
    ],
    [
      { definitions: { 'a.conf': '[Partition]\nType=root\nCopyBlocks=/etc/passwd\n' } },
      400,
      'the name of a stored image',
    ],
    [
      {
        definitions: {
          'a.conf': '[Partition]\nType=root\nFormat=ext4\nSizeMinBytes=100K\nSizeMaxBytes=100K\nCopyFiles=/:/\n',
        },
        root: { image: tree },
      },
      422,
      'a.conf',
    ],
    [{ definitions, size_bytes: 2 ** 43 }, 400, 'size_bytes'],
    [{ definitions: { 'a.conf': '[Partition]\nType=root\nSizeMinBytes=3000T\n' } }, 413, 'at most'],
  ])('of what cannot be is refused, and leaves nothing: %#', async (body, code, words) => {
    const name = fresh();
    const answer = await post(`${name}/mkimage`, body);
    expect(answer.status, JSON.stringify(answer)).toBe(code);
    expect(JSON.stringify(answer)).toContain(words);
    expect(await status(name)).toBe(404);
    expect([await stored(`making/${name}/`), await stored(`volumes/${name}/`)]).toEqual([0, 0]);
  });

  it('made twice at once under one name is made once', async () => {
    const name = fresh();
    const small = {
      definitions: { 'a.conf': '[Partition]\nType=root\nFormat=ext4\nCopyFiles=/etc:/\n' },
      root: { image: tree },
    };
    const both = await Promise.all([post(`${name}/mkimage`, small), post(`${name}/mkimage`, small)]);
    expect(both.map(({ status: one }) => one).toSorted()).toEqual([201, 412]);
    expect(await post(`${name}/fsck?partition=1`)).toMatchObject({ verdict: 'clean' });
    expect(await stored('making/')).toBe(0);
  }, 60_000);

  it('takes trees out of a partition, and of a part of it; nothing leads out of them', async () => {
    const [from, name] = [fresh(), fresh()];
    expect((await post(`${from}/mkimage`, order)).status).toBe(201);
    const answer = await post(`${name}/mkimage`, {
      definitions: { 'a.conf': '[Partition]\nType=root\nFormat=vfat\nCopyFiles=/../../joe:/../../x\n' },
      root: { image: from, partition: 3 },
    });
    expect(answer.detail).toBeUndefined();
    expect(await textOf(name, 'x/x', 1)).toBe('x\n');
  }, 60_000);

  it('replaces another only where that is named', async () => {
    const name = fresh();
    await put(name, new Uint8Array(4096).fill(1));
    expect((await post(`${name}/mkimage`, order)).status).toBe(412);
    expect((await raw(name))[0]).toBe(1);
    expect((await post(`${name}/mkimage`, order, { 'if-match': '*' })).status).toBe(201);
  });
});

describe('a partition table', () => {
  it.each(['gpt', 'dos'])(
    '%s is written to a new image, and changed; the last partition is resized',
    async (label) => {
      const name = fresh();
      const script = `label: ${label}\nsize=20M, type=${label === 'gpt' ? 'uefi' : 'ef'}\ntype=linux\n`;
      const first = await post(`${name}/partition`, { script, size_bytes: 100 * MIB, seed: 1 });
      expect(first.detail).toBeUndefined();
      expect(first).toMatchObject({ status: 200, size_bytes: 100 * MIB });
      expect(first.table).toContain(`label: ${label}`);
      const run = await request('/v1/run', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          argv: ['sh', '-c', 'mkfs.vfat /dev/vda1 && mke2fs -q /dev/vda2'],
          disks: [{ image: name, write: true }],
        }),
      });
      expect(await run.json()).toMatchObject({ exit_code: 0 });
      const filled = await request(`/v1/images/${name}/files/note?partition=2`, { method: 'PUT', body: 'kept' });
      expect(filled.status).toBeLessThan(300);

      const grown = await post(`${name}/resize?size=200M`);
      expect(grown.detail).toBeUndefined();
      expect(grown).toMatchObject({ status: 200, size_bytes: 200 * MIB, type: 'ext2', partition: 2 });
      const large = await report(name);
      expect(large.partitions[1]?.size_bytes).toBeGreaterThan(170 * MIB);
      expect(await textOf(name, 'note', 2)).toBe('kept');
      expect(await post(`${name}/fsck?partition=2`)).toMatchObject({ verdict: 'clean' });

      const shrunk = await post(`${name}/resize?size=64M&partition=2`);
      expect(shrunk.detail).toBeUndefined();
      const small = await report(name);
      expect(small).toMatchObject({ size_bytes: 64 * MIB, partition_table: label });
      expect(small.partitions.map(({ content }) => content?.type)).toEqual(['vfat', 'ext2']);
      expect(await textOf(name, 'note', 2)).toBe('kept');
      for (const number of [1, 2])
        expect(await post(`${name}/fsck?partition=${number}`)).toMatchObject({ verdict: 'clean' });
      expect(await post(`${name}/resize?size=1G&partition=1`)).toMatchObject({
        status: 422,
        type: '/problems/cannot-resize',
      });

      // The table as it is makes itself again.
      const named = await post(`${name}/partition`, { script: 'type=L\n', words: ['-N', '1'] });
      expect(named.detail).toBeUndefined();
      const dumped = await post(`${name}/partition`, { script: named.table ?? '' });
      expect(dumped.table).toBe(named.table);
      expect(await textOf(name, 'note', 2)).toBe('kept');
    },
    60_000,
  );

  it.each([
    [{ script: 'nonsense\n', size_bytes: 8 * MIB }, 422, 'sfdisk'],
    [{ script: 'label: gpt\nstart=1G\n', size_bytes: 8 * MIB }, 422, 'sfdisk'],
    [{ script: '', size_bytes: 8 * MIB }, 400, 'script'],
    [{ script: 'label: gpt\n' }, 404, ''],
    [{ script: 'label: gpt\n', size_bytes: 100 }, 400, 'size_bytes'],
    [{ script: 'label: gpt\n', size_bytes: 2 ** 43 }, 400, 'size_bytes'],
  ])('that cannot be is refused, and leaves nothing: %#', async (body, code, words) => {
    const name = fresh();
    const answer = await post(`${name}/partition`, body);
    expect(answer.status, JSON.stringify(answer)).toBe(code);
    expect(JSON.stringify(answer)).toContain(words);
    expect(await status(name)).toBe(404);
    expect([await stored(`making/${name}/`), await stored(`volumes/${name}/`)]).toEqual([0, 0]);
  });

  it('of an image that is there stays as it was where the words are none, or another version is meant', async () => {
    const name = fresh();
    await post(`${name}/partition`, { script: 'label: dos\n,,L\n', size_bytes: 8 * MIB });
    const before = await raw(name);
    expect((await post(`${name}/partition`, { script: 'nonsense\n' })).status).toBe(422);
    expect((await post(`${name}/partition`, { script: 'label: gpt\n' }, { 'if-match': '"x"' })).status).toBe(412);
    expect((await post(`${name}/partition`, { script: 'label: gpt\n', size_bytes: 9 * MIB })).status).toBe(412);
    const after = await raw(name);
    expect(after.length === before.length && after.every((byte, i) => byte === before[i])).toBe(true);
  });
});
