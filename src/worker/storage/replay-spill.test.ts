/** What a journal changes, spilled to the bucket: the same bytes as in memory, and nothing left behind. */

import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { seededWords } from '../../bytes/seeded-words.ts';
import { changes } from '../../storage/layers/changes.ts';
import { memoryDevice } from '../../storage/memory.ts';
import { bucketSpill } from './replay-spill.ts';

const prefix = 'spool/replay-test/';
const left = async () => (await env.IMAGES.list({ prefix })).objects.length;
const MIB_SECTORS = 2048;

it('reads as a device in memory does, whatever is written in whatever order', async () => {
  const work: Promise<unknown>[] = [];
  const open = () => bucketSpill({ bucket: env.IMAGES, prefix, keepAlive: (done) => void work.push(done) });
  const device = changes(memoryDevice(32 * MIB_SECTORS), { memoryMib: 0, spill: open, limitMib: 24 });
  const plain = memoryDevice(32 * MIB_SECTORS);
  const next = seededWords(1, 'spill');
  const below = (limit: number) => (next() >>> 0) % limit;
  for (let round = 0; round < 150; round += 1) {
    const sectors = 1 + below(96);
    const sector = below(12 * MIB_SECTORS - sectors);
    const bytes = new Uint8Array(sectors * 512).fill(1 + below(255));
    await device.write(sector, bytes);
    await plain.write?.(sector, bytes);
  }
  expect(device.usedBytes).toBeGreaterThan(2 << 20);
  expect(await left()).toBeGreaterThan(2);
  const [one, other] = [new Uint8Array(1 << 20), new Uint8Array(1 << 20)];
  for (let sector = 0; sector < 12 * MIB_SECTORS; sector += MIB_SECTORS) {
    await device.read(sector, one);
    await plain.read(sector, other);
    expect(one).toEqual(other);
  }
  await device.close();
  await Promise.all(work);
  expect(await left()).toBe(0);
});

it('says so when a part of it is gone', async () => {
  const work: Promise<unknown>[] = [];
  const spill = bucketSpill({ bucket: env.IMAGES, prefix, keepAlive: (done) => void work.push(done) });
  for (let slot = 0; slot < 1024; slot += 1) await spill.write(slot, new Uint8Array(4096).fill(7));
  const { objects } = await env.IMAGES.list({ prefix });
  await env.IMAGES.delete(objects.map(({ key }) => key));
  await expect((async () => spill.read(0, new Uint8Array(4096)))()).rejects.toMatchObject({ code: 'EIO' });
  await spill.close();
  await Promise.all(work);
});
