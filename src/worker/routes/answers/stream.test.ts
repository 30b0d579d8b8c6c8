import { expect, it } from 'vitest';
import type { Sink } from '../../../archive/chunk-writer.ts';
import { Phases } from '../../observe/phases.ts';
import { streamed } from './stream.ts';

/** What `streamed` needs; `work` are what is kept alive. */
function world() {
  const leaving = new AbortController();
  const work: Promise<unknown>[] = [];
  const meter = { sentBytes: 0, brokenOff: false, phases: new Phases() } as never;
  const needs = {
    gone: leaving.signal,
    keepAlive: (one: Promise<unknown>) => void work.push(one),
    log: () => {},
    meter,
    nowMs: () => performance.now(),
  };
  return { leaving, work, needs };
}

it('what is written to a client that has left ends, though nobody ever reads it', async () => {
  const { leaving, work, needs } = world();
  const written: string[] = [];
  const job = async (sink: Sink) => {
    try {
      await sink(new Uint8Array(1));
      written.push('taken');
    } catch {
      written.push('refused');
    }
  };
  await streamed(job, needs);
  leaving.abort(new Error('the client has left'));
  await Promise.all(work);
  expect(written).toEqual(['refused']);
});

it('a client that had left before is written nothing', async () => {
  const { leaving, work, needs } = world();
  leaving.abort(new Error('the client has left'));
  const job = async (sink: Sink) => void (await sink(new Uint8Array(1)));
  const stream = await streamed(job, needs);
  await Promise.all(work);
  await expect(new Response(stream).arrayBuffer()).rejects.toThrow('the client has left');
});

it('what a client takes comes whole, and its leaving afterwards changes nothing', async () => {
  const { leaving, work, needs } = world();
  const job = async (sink: Sink) => {
    for (const byte of [1, 2, 3]) await sink(Uint8Array.of(byte));
  };
  const stream = await streamed(job, needs);
  expect(new Uint8Array(await new Response(stream).arrayBuffer())).toEqual(Uint8Array.of(1, 2, 3));
  await Promise.all(work);
  leaving.abort();
});
