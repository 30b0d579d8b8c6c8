/** Clients that hang up while a session is being made: nothing of it stays. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

let worker: EmbeddedWorker;
beforeAll(async () => {
  worker = await embeddedWorker();
}, 60_000);
afterAll(() => worker.close());

const post = (body: unknown, signal?: AbortSignal) =>
  fetch(new URL('v1/sessions', worker.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
const list = async () =>
  ((await (await fetch(new URL('v1/sessions', worker.url))).json()) as { sessions: { id: string }[] }).sessions;
/** A session that has all memory, and gives none of it up: it is in a call. */
async function fullOne(): Promise<string> {
  const { id } = (await (await post({ memory: 64, clock: 'wall' })).json()) as { id: string };
  run(id, { call: 'nanosleep', args: [{ tv_sec: 20, tv_nsec: 0 }, null] }).catch(() => {});
  return id;
}
const run = (id: string, call: unknown) =>
  fetch(new URL(`v1/sessions/${id}/syscalls`, worker.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ calls: [call] }),
  });
const health = async () => (await (await fetch(new URL('healthz', worker.url))).json()) as { kernels: number };
const remove = (id: string) => fetch(new URL(`v1/sessions/${id}`, worker.url), { method: 'DELETE' });

it('one that waits for memory is given up with its client, and what a DELETE frees is free at once', async () => {
  const full = await fullOne();
  const gone = new AbortController();
  const waiting = post({ memory: 64 }, gone.signal);
  await new Promise((resolve) => setTimeout(resolve, 300));
  gone.abort();
  await expect(waiting).rejects.toThrow();
  await remove(full);
  // It had its turn now, were it still waiting.
  const after = await post({ memory: 64 });
  expect(after.status).toBe(201);
  const { id } = (await after.json()) as { id: string };
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await list()).map((one) => one.id)).toEqual([id]);
  expect((await health()).kernels).toBe(1);
  await remove(id);
  expect(await list()).toEqual([]);
});

it('one that is to go on while memory is waited for does not, when it is deleted meanwhile', async () => {
  const sleeper = ((await (await post({ memory: 32 })).json()) as { id: string }).id;
  expect((await fetch(new URL(`v1/sessions/${sleeper}/suspend`, worker.url), { method: 'POST' })).status).toBe(200);
  const full = await fullOne();
  const going = run(sleeper, { call: 'getpid', args: [] });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await remove(sleeper)).status).toBe(204);
  await remove(full);
  expect((await going).status).toBe(404);
  expect(await health()).toMatchObject({ kernels: 0, waiting: 0 });
  expect(await list()).toEqual([]);
});
