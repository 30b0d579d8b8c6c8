/** Tars over HTTP have the bytes that are recorded of the engine in Node: one engine, whatever its host. */

import { expect, it } from 'vitest';
import { fixtureDevice } from '../../fixtures/load.ts';
import tars from '../../fixtures/tars.json' with { type: 'json' };
import { request } from '../harness.ts';

const hex = (bytes: ArrayBuffer) =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

it.each(['ext4', 'xfs', 'squashfs-zstd', 'vfat32', 'disk-gpt 1'] as const)('%s', async (key) => {
  const [name = '', partition] = key.split(' ');
  const device = await fixtureDevice(name);
  const image = new Uint8Array(device.sectors * 512);
  await device.read(0, image);
  const query = partition === undefined ? '' : `?partition=${partition}`;
  const response = await request(`/v1/fs2tar${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: image,
  });
  expect(response.status).toBe(200);
  expect(hex(await crypto.subtle.digest('SHA-256', await response.arrayBuffer()))).toBe(tars[key]);
});
