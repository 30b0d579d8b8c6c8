/** `lkl webdav`: what is written over HTTP is on the disk, which is unmounted cleanly at Ctrl-C. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lkl, spawnLkl, unpackFixture } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
const image = join(folder, 'disk.img');
beforeAll(() => unpackFixture('ext4', image));
afterAll(() => rmSync(folder, { recursive: true }));

async function served(...args: string[]) {
  const child = spawnLkl(['webdav', image, '--port', '0', ...args]);
  const [line = ''] = await new Promise<string[]>((resolve) => {
    createInterface(child.stderr).once('line', (first) => resolve([first]));
  });
  const [url = ''] = /http:\S+/.exec(line) ?? [line];
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    url,
    end: () => {
      child.kill('SIGINT');
      return ended;
    },
  };
}

/** s_feature_incompat of the superblock: a journal that has to be replayed. */
const needsRecovery = () => (readFileSync(image).readUInt32LE(1024 + 96) & 4) !== 0;

it('writes, and unmounts cleanly', async () => {
  const { url, end } = await served();
  expect((await fetch(new URL('new', url), { method: 'PUT', body: 'hello' })).status).toBe(201);
  expect(await (await fetch(new URL('new', url))).text()).toBe('hello');
  expect((await fetch(url, { headers: { origin: 'http://elsewhere' } })).status).toBe(403);
  expect(await end()).toBe(0);
  expect(needsRecovery()).toBe(false);
  expect(await lkl(['cat', image, 'new'])).toMatchObject({ exitCode: 0, stdout: Buffer.from('hello') });
});

it('only reads with --ro', async () => {
  const before = readFileSync(image);
  const { url, end } = await served('--ro');
  expect((await fetch(new URL('other', url), { method: 'PUT', body: 'x' })).status).toBe(403);
  expect(await (await fetch(new URL('new', url))).text()).toBe('hello');
  expect(await end()).toBe(0);
  expect(readFileSync(image).equals(before)).toBe(true);
});

it('symlinks on the way neither make a copy endless nor take a source away', async () => {
  expect(await lkl(['mkdir', image, '/loop'])).toMatchObject({ stderr: '', exitCode: 0 });
  for (const [target, link] of [
    ['/', '/loop/root'],
    ['../loop', '/loop/self'],
    ['loop', '/alias'],
    ['f', '/loop/to-f'],
  ] as const)
    expect(await lkl(['ln', '-s', image, target, link])).toMatchObject({ stderr: '', exitCode: 0 });
  const { url, end } = await served();
  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    fetch(new URL(path, url), { method, headers }).then(
      async (answer) => [answer.status, await answer.text()] as const,
    );
  const to = (path: string) => ({ destination: new URL(path, url).href });
  expect((await fetch(new URL('loop/f', url), { method: 'PUT', body: 'kept' })).status).toBe(201);
  const [status, listing] = await ask('PROPFIND', 'loop/', { depth: 'infinity' });
  expect(status).toBe(207);
  expect(listing.match(/<D:response>/g)).toHaveLength(5);
  expect((await ask('COPY', 'loop/', to('copied')))[0]).toBe(201);
  expect((await ask('GET', 'copied/to-f'))[1]).toBe('kept');
  expect((await ask('COPY', 'loop/', to('alias/inside')))[0]).toBe(409);
  expect((await ask('COPY', 'loop/f', to('alias/f')))[0]).toBe(403);
  expect((await ask('COPY', 'loop/to-f', to('loop/f')))[0]).toBe(403);
  expect((await ask('MOVE', 'loop/f', to('alias/f')))[0]).toBe(403);
  expect((await ask('MOVE', 'alias/f', to('loop')))[0]).toBe(409);
  expect((await ask('GET', 'loop/f'))[1]).toBe('kept');
  expect((await ask('DELETE', 'copied/'))[0]).toBe(204);
  expect((await ask('GET', 'loop/f'))[1]).toBe('kept');
  expect(await end()).toBe(0);
});
