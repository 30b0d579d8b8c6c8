/** Sessions when the host dies: what was answered as stored or flushed is there afterwards, and the rest is said to be gone. */

import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedWorker, embeddedWorker } from './embedded-worker.ts';

type Json = Record<string, unknown>;

const storage = mkdtempSync(join(tmpdir(), 'lkl-storage-'));
afterAll(() => rmSync(storage, { recursive: true, force: true }));

let worker: EmbeddedWorker;
const start = async () => {
  worker = await embeddedWorker({ storage });
};
// One for all: a test leaves it running, or another in its place.
beforeAll(start, 300_000);
afterAll(() => worker.close());

/** The workerd that this process started. */
function workerdPid(): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const isOurs = status.includes(`\nPPid:\t${process.pid}\n`);
      if (isOurs && readlinkSync(`/proc/${pid}/exe`).endsWith('/workerd')) return Number(pid);
    } catch {
      // it has ended meanwhile
    }
  }
  throw new Error('workerd does not run');
}

/** As when the machine's power goes: nothing is told. */
async function crash(): Promise<void> {
  process.kill(workerdPid(), 'SIGKILL');
  await worker.close();
  await start();
}

async function ask(method: string, path: string, body?: Json | string, status = 200): Promise<Json> {
  const json = typeof body === 'object';
  const response = await fetch(new URL(`v1/sessions${path}`, worker.url), {
    method,
    ...(json && { headers: { 'content-type': 'application/json' } }),
    ...(body !== undefined && { body: json ? JSON.stringify(body) : body }),
  });
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status });
  // A new session's answer begins with a blank.
  return text.trimStart().startsWith('{') ? JSON.parse(text) : { text };
}
const create = async (options: Json = {}) => `/${(await ask('POST', '', options, 201)).id}`;
const call = (name: string, ...args: unknown[]) => ({ call: name, args });
const run = (id: string, ...calls: Json[]) => ask('POST', `${id}/syscalls`, { calls });

describe('a session whose host is killed', () => {
  it('has what was there when it was suspended, and says that the rest is gone', async () => {
    const id = await create();
    await run(id, call('mkdir', '/kept', 448));
    const { suspended } = (await ask('POST', `${id}/suspend`)) as { suspended: { at: string } };
    await run(id, call('mkdir', '/lost', 448));
    await crash();
    const look = [call('access', '/kept', 0), call('access', '/lost', 0)];
    const first = await run(id, ...look);
    expect(first).toMatchObject({
      results: [{ ret: 0 }, { errno: 'ENOENT' }],
      rolled_back: { to: suspended.at },
    });
    expect(await run(id, ...look)).not.toHaveProperty('rolled_back');
    expect(await ask('GET', id)).toMatchObject({ rolled_back: { to: suspended.at } });
    await ask('DELETE', id, undefined, 204);
  });

  it('has what was flushed', async () => {
    const id = await create();
    await run(id, call('open', '/f', 'O_RDWR|O_CREAT', 384), call('write', 0, 'flushed', 7), call('fsync', 0));
    await crash();
    const answer = await run(id, call('pread64', 0, { out: 16 }, 16, 0));
    expect(answer).toMatchObject({ results: [{ ret: 7, out: { utf8: 'flushed' } }] });
    expect(answer).not.toHaveProperty('rolled_back');
    await ask('DELETE', id, undefined, 204);
  });

  it('begins anew when nothing of it was stored', async () => {
    const id = await create({ sysctl: { 'kernel.hostname': 'box' } });
    await crash();
    const uname = call('uname', { out: 'utsname' });
    const untouched = await run(id, uname, call('mkdir', '/lost', 448));
    expect(untouched).toMatchObject({ results: [{ out: { nodename: 'box' } }, { ret: 0 }] });
    expect(untouched).not.toHaveProperty('rolled_back');
    await crash();
    const { created } = await ask('GET', id);
    expect(await run(id, uname, call('access', '/lost', 0))).toMatchObject({
      results: [{ out: { nodename: 'box' } }, { errno: 'ENOENT' }],
      rolled_back: { to: created },
    });
    await ask('DELETE', id, undefined, 204);
  });

  it('during a call is where it was before, or after it', async () => {
    const id = await create();
    await run(id, call('open', '/log', 'O_RDWR|O_CREAT|O_APPEND', 384), call('fsync', 0));
    let acknowledged = 0;
    const writer = (async () => {
      for (;;) {
        await run(id, call('write', 0, 'x', 1), call('fsync', 0));
        acknowledged++;
      }
    })().catch(() => {});
    while (acknowledged < 3) await sleep(10);
    await crash();
    await writer;
    const { results } = (await run(id, call('lseek', 0, 0, 'SEEK_END'))) as { results: [{ ret: number }] };
    expect(results[0].ret - acknowledged).toBeOneOf([0, 1]);
    await ask('DELETE', id, undefined, 204);
  });
});

describe('a file of a session whose client goes away', () => {
  it('is not there when half of it came, and the session goes on', async () => {
    const id = await create();
    const { hostname, port } = worker.url;
    const socket = connect(Number(port), hostname);
    const head = `PUT /v1/sessions${id}/files/half HTTP/1.1\r\nhost: lkl\r\ncontent-length: 1000000\r\n\r\n`;
    await new Promise<void>((resolve) => socket.write(head + 'x'.repeat(500_000), () => resolve()));
    await sleep(100);
    socket.destroy();
    expect(await run(id, call('access', '/half', 0))).toMatchObject({ results: [{ errno: 'ENOENT' }] });
    await ask('DELETE', id, undefined, 204);
  });
});
