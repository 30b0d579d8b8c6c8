/** A program that computes for ever stops the whole of workerd: it is started again, and serves what it had stored. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { direct, keptGoing } from '../../cli/serve/kept-going.ts';
import { embeddedMiniflare, NAME } from './embedded-worker.ts';

it('a Worker that gives no sign of life is started again where it was, with what it had stored', async () => {
  const storage = mkdtempSync(join(tmpdir(), 'lkl-kept-'));
  const make = await embeddedMiniflare({ storage }, [], { unsafeDirectSockets: [{}] });
  const told: string[] = [];
  let started = 0;
  const start = () => {
    started++;
    return direct(NAME, make());
  };
  const kept = await keptGoing({
    start,
    host: '127.0.0.1',
    port: 0,
    patienceMs: 8000,
    everyMs: 200,
    told: (message) => told.push(message),
  });
  try {
    const at = (path: string) => new URL(path, kept.url);
    const stored = await fetch(at('/v1/images/stays'), { method: 'PUT', body: new Uint8Array(4096) });
    expect(stored.status).toBe(201);
    const program = { argv: ['sh', '-c', 'while :; do :; done'], deadline_ms: 1000 };
    const headers = { 'content-type': 'application/json' };
    const lost = fetch(at('/v1/run'), { method: 'POST', headers, body: JSON.stringify(program) }).catch(() => 'lost');
    expect(await lost).toBe('lost');
    let status = 0;
    while (status !== 200) {
      status = await fetch(at('/v1/images/stays/raw'), { signal: AbortSignal.timeout(5000) }).then(
        (answer) => answer.status,
        () => 0,
      );
    }
    expect([started, told]).toEqual([2, [expect.stringContaining('no sign of life for 8 s')]]);
  } finally {
    await kept.end();
    rmSync(storage, { recursive: true, force: true });
  }
}, 180_000);
