/** The disk in a stored image goes out as it is, or in the formats that are made: of any version. */

import { expect, it } from 'vitest';
import { SECTOR } from '../../../src/storage/block-device.ts';
import { memorySource } from '../../../src/storage/byte-source.ts';
import { openDisk } from '../../../src/storage/open-disk.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { request } from '../harness.ts';

const MIB = 2 ** 20;
let made = 0;

async function stored(image: Uint8Array): Promise<string> {
  const name = `raw-${++made}`;
  expect((await request(`/v1/images/${name}`, { method: 'PUT', body: image as BodyInit })).status).toBe(201);
  return name;
}

async function get(path: string, headers: Record<string, string> = {}) {
  const response = await request(`/v1/images/${path}`, { headers });
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
}

async function ext4(): Promise<Uint8Array> {
  const device = await fixtureDevice('ext4');
  const image = new Uint8Array(device.sectors * SECTOR);
  await device.read(0, image);
  return image;
}

async function diskIn(file: Uint8Array, expected = 'qcow2'): Promise<Uint8Array> {
  const { content, format } = await openDisk(memorySource(file));
  expect(format).toBe(expected);
  const bytes = new Uint8Array(content.sizeBytes);
  await content.read(0, bytes);
  return bytes;
}

const isSame = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, index) => byte === b[index]);

it('is a qcow2 of its data, as it was uploaded and as it was written since', async () => {
  const image = await ext4();
  const name = await stored(image);
  const before = await get(`${name}/raw?format=qcow2`);
  expect(before.status).toBe(200);
  expect(Number(before.headers.get('content-length'))).toBe(before.bytes.length);
  expect(before.bytes.length).toBeLessThan(image.length);
  expect(isSame(await diskIn(before.bytes), image)).toBe(true);
  expect((await request(`/v1/images/${name}/files/new`, { method: 'PUT', body: 'new' })).status).toBe(200);
  const [raw, qcow2] = [await get(`${name}/raw`), await get(`${name}/raw?format=qcow2`)];
  expect(isSame(await diskIn(qcow2.bytes), raw.bytes)).toBe(true);
  expect(isSame(raw.bytes, image)).toBe(false);
  expect(isSame((await get(`${name}/raw?format=qcow2&version=uploaded`)).bytes, before.bytes)).toBe(true);
  expect(qcow2.headers.get('etag')).not.toBe(raw.headers.get('etag'));
  const known = { 'if-none-match': qcow2.headers.get('etag') ?? '' };
  expect((await get(`${name}/raw?format=qcow2`, known)).status).toBe(304);
  expect((await get(`${name}/raw`, known)).status).toBe(200);
});

it.each(['vmdk', 'vmdk-stream', 'vhd', 'vhd-fixed', 'vdi', 'vhdx'])(
  'is made as %s, the same each time',
  async (format) => {
    const image = await ext4();
    const name = await stored(image);
    const [one, two] = [await get(`${name}/raw?format=${format}`), await get(`${name}/raw?format=${format}`)];
    expect(isSame(await diskIn(one.bytes, format.replace(/-.*/, '')), image)).toBe(true);
    expect(isSame(one.bytes, two.bytes)).toBe(true);
    expect(one.headers.get('etag')).toBe(two.headers.get('etag'));
    const length = one.headers.get('content-length');
    expect(length).toBe(format === 'vmdk-stream' ? null : String(one.bytes.length));
  },
);

it('comes out of what wraps it, by range too', async () => {
  const image = await ext4();
  const { bytes } = await get(`${await stored(image)}/raw?format=qcow2`);
  const name = await stored(bytes);
  expect(isSame((await get(`${name}/raw`)).bytes, bytes)).toBe(true);
  expect(isSame((await get(`${name}/raw?format=raw`)).bytes, image)).toBe(true);
  const part = await get(`${name}/raw?format=raw`, { range: 'bytes=1000-1999' });
  expect(part.status).toBe(206);
  expect(isSame(part.bytes, image.subarray(1000, 2000))).toBe(true);
});

it('of 4 GiB that were made here has only what is in it', async () => {
  const name = `raw-${++made}`;
  const answer = await request(`/v1/images/${name}/mkfs?type=ext4&size=4G&seed=1`, { method: 'POST' });
  expect(answer.status).toBe(201);
  const { bytes } = await get(`${name}/raw?format=qcow2`);
  expect(bytes.length).toBeLessThan(16 * MIB);
  const { content } = await openDisk(memorySource(bytes));
  expect(content.sizeBytes).toBe(4096 * MIB);
});

it.each([
  ['format=vpc', 400],
  ['format=qcow2&version=0123456789abcdef-1', 404],
])('%s is %i', async (query, status) => {
  expect((await get(`${await stored(await ext4())}/raw?${query}`)).status).toBe(status);
});

it('that is cut short is an error before a byte of it', async () => {
  const { bytes } = await get(`${await stored(await ext4())}/raw?format=qcow2`);
  const name = await stored(bytes.slice(0, bytes.length / 2));
  const answer = await get(`${name}/raw?format=qcow2`);
  expect(answer.status).toBe(422);
  expect(new TextDecoder().decode(answer.bytes)).toContain('its tables tell of');
});
