/** Clients that vanish, against workerd itself: the short form of `node scripts/attack.ts cut`. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { cut } from '../../scripts/attack/cut.ts';
import { romfs } from '../fakes/romfs.ts';
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

let worker: EmbeddedWorker;
beforeAll(async () => {
  worker = await embeddedWorker();
});
afterAll(() => worker.close());

it('a service whose clients vanish at any moment is whole again, and answers the next', async () => {
  const image = romfs([
    ['directory', [['file', new Uint8Array(200_000).fill(0x61)]]],
    ['large.bin', new Uint8Array(300_000)],
  ]);
  const options = { image, file: 'large.bin', count: 64, atOnce: 8, seed: 7, withinMs: 300 };
  const { status, cuts } = await cut({ url: worker.url, ...options });
  expect(status).toBe(200);
  expect(Object.values(cuts).every((times) => times === 4)).toBe(true);
});
