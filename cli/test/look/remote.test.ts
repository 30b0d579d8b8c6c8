/** `lkl fs2tar --url`: what is asked of a Worker elsewhere, and what becomes of its answers. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { packTar } from 'modern-tar';
import { afterAll, describe, expect, it } from 'vitest';
import { lkl } from '../command.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
const image = join(folder, 'image');
const out = join(folder, 'out.tar');
writeFileSync(image, Buffer.alloc(3 << 20, 'image'));
const key = join(folder, 'key');
writeFileSync(key, Buffer.from([0, 1, 255]));
afterAll(() => rmSync(folder, { recursive: true }));

/** A Worker of a few lines, as long as `use` runs. */
async function withWorker<T>(answer: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/behind/proxy`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const tar = async () =>
  Buffer.from(await packTar([{ header: { name: './a', size: 2000 }, body: new Uint8Array(2000) }]));

describe('a remote Worker', () => {
  it('is asked below the path of its URL, for what the options say, with the image as the body', async () => {
    let asked: IncomingMessage | undefined;
    let sent: Buffer | undefined;
    const whole = await tar();
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      asked = request;
      sent = await buffer(request);
      response.end(whole);
    };
    const args = ['-t', 'ext4', '-p', '2', '--path', 'a b/ü', '--options', 'subvol=a&b', '--on-error', 'continue'];
    const stack = ['--also', 'b', '--also', 'c', '--header', 'h', '--subvol', 's', '--key-file', key];
    const ran = await withWorker(answer, (url) => lkl(['fs2tar', image, '--url', url, ...args, ...stack]));
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ran.stdout.equals(whole)).toBe(true);
    const { pathname, searchParams } = new URL(asked?.url ?? '', 'http://worker');
    expect([asked?.method, pathname]).toEqual(['POST', '/behind/proxy/v1/fs2tar']);
    expect(searchParams.getAll('also')).toEqual(['b', 'c']);
    searchParams.delete('also');
    expect(Object.fromEntries(searchParams)).toEqual({
      header: 'h',
      subvolume: 's',
      type: 'ext4',
      partition: '2',
      path: 'a b/ü',
      options: 'subvol=a&b',
      'on-error': 'continue',
    });
    expect(asked?.headers).toMatchObject({
      'lkl-key': 'AAH/',
      'content-type': 'application/octet-stream',
      'content-length': `${3 << 20}`,
    });
    expect(sent?.equals(Buffer.alloc(3 << 20, 'image'))).toBe(true);
  });

  it.each([
    [400, 'invalid-request', 1],
    [400, 'empty-body', 2],
    [404, 'ENOENT', 2],
    [404, 'about:blank', 4],
    [405, 'about:blank', 4],
    [409, 'ESTALE', 4],
    [411, 'length-required', 4],
    [413, 'too-large', 2],
    [422, 'no-file-system', 2],
    [429, 'too-many-writes', 4],
    [500, 'kernel-panic', 4],
    [503, 'kernel-oom', 4],
  ])('that answers %i %s ends it with %i, and one line', async (status, name, exitCode) => {
    const type = name === 'about:blank' ? name : `/problems/${name}`;
    const problem = { type, title: 'in short', status, detail: 'at\nlength', console: 'the log' };
    const answer: RequestListener = (_, response) => {
      response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
    };
    await withWorker(answer, async (url) => {
      const quiet = await lkl(['fs2tar', image, '--url', url, '-o', out]);
      expect(quiet).toMatchObject({ exitCode, stderr: 'lkl: at; length\n' });
      const verbose = await lkl(['fs2tar', image, '--url', url, '-o', out, '-v']);
      expect(verbose).toMatchObject({ exitCode, stderr: 'lkl: at; length\nthe log\n' });
    });
    expect(existsSync(out)).toBe(false);
  });

  it('cannot write control characters to the terminal', async () => {
    const problem = { type: '/problems/ENOENT', title: 'ü', detail: 'a\x1b[2Jb\x9bc', console: 'log\x07\r\nend\n' };
    const answer: RequestListener = (_, response) => {
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
    };
    const { stderr } = await withWorker(answer, (url) => lkl(['fs2tar', image, '--url', url, '-v']));
    expect(stderr).toBe('lkl: a\\033[2Jb\\302\\233c\nlog\\007\\015\nend\n');
  });

  it.each<[string, (response: ServerResponse, whole: Buffer) => void]>([
    ['breaks off', (response, whole) => response.write(whole.subarray(0, 1500), () => response.destroy())],
    ['ends well, but too early', (response, whole) => response.end(whole.subarray(0, 1536))],
    ['sends no tar at all', (response) => response.end()],
    ['is no Worker', (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad</h1>')],
    ['hangs up', (response) => response.destroy()],
  ])('that %s ends it with 4, and leaves no file', async (_, answer) => {
    const whole = await tar();
    const ran = await withWorker(
      (request, response) => request.resume().on('end', () => answer(response, whole)),
      (url) => lkl(['fs2tar', image, '--url', url, '-o', out]),
    );
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toMatch(/^lkl: .+\n$/);
    expect(existsSync(out)).toBe(false);
  });

  it.each([
    ['stop', 0],
    ['continue', 3],
  ])('whose tar ends with .fs2tar-errors ends it, with --on-error %s, with %i', async (onError, exitCode) => {
    const header = { name: './.fs2tar-errors', size: 4, mtime: new Date(0) };
    const whole = Buffer.from(await packTar([{ header, body: 'EIO\n' }]));
    const ran = await withWorker(
      (request, response) => request.resume().on('end', () => response.end(whole)),
      (url) => lkl(['fs2tar', image, '--url', url, '--on-error', onError]),
    );
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.stdout.equals(whole)).toBe(true);
  });

  it('makes a zip of it', async () => {
    let asked = '';
    // An end of a directory without lines: a zip of nothing.
    const whole = Buffer.from(`PK\x05\x06${'\0'.repeat(18)}`, 'latin1');
    const answer: RequestListener = (request, response) => {
      asked = `${request.method} ${request.url}`;
      request.resume().on('end', () => response.end(whole));
    };
    const ran = await withWorker(answer, (url) => lkl(['fs2zip', image, '--url', url, '--path', 'etc']));
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ran.stdout.equals(whole)).toBe(true);
    expect(asked).toBe('POST /behind/proxy/v1/fs2zip?on-error=stop&path=etc');
    const cut: RequestListener = (request, response) => {
      request.resume().on('end', () => response.end(whole.subarray(0, 20)));
    };
    const half = await withWorker(cut, (url) => lkl(['fs2zip', image, '--url', url, '-o', out]));
    expect(half).toMatchObject({ exitCode: 4, stderr: 'lkl: the zip broke off: it ends before its end\n' });
    expect(existsSync(out)).toBe(false);
  });

  it('that is not there ends it with 4', async () => {
    const url = await withWorker(
      () => {},
      async (url) => url,
    );
    expect(await lkl(['fs2tar', image, '--url', url])).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
