/** The library beside node:fs/promises: the same calls on the same tree give the same answers and the same errors. */

import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Image, openImage } from '../../src/library/index.ts';
import { fixtureDevice } from '../fixtures/load.ts';
import { withFolder, writeTwin } from './images.ts';

/** What both are asked for; `at` makes a path of the tree. */
type Side = Pick<
  typeof fs.promises,
  'access' | 'lstat' | 'open' | 'opendir' | 'readFile' | 'readdir' | 'readlink' | 'realpath' | 'stat' | 'statfs'
>;
type Call = (side: Side, at: (path: string) => string) => Promise<unknown>;

let image: Image;
beforeAll(async () => {
  image = await openImage(await fixtureDevice('ext4'));
});
afterAll(() => image.close());

/** An answer or an error, as data that does not name the folder. */
async function told(call: Call, side: Side, root: string): Promise<unknown> {
  const plain = (value: unknown) =>
    typeof value === 'string' ? value.replaceAll(root, '') || '/' : value instanceof Buffer ? value.toString() : value;
  try {
    const value = await call(side, (path) => `${root}${path}`);
    return Array.isArray(value) ? value.map(plain) : plain(value);
  } catch (cause) {
    const { message, code, errno, syscall, path } = cause as NodeJS.ErrnoException;
    return { message: plain(message), code, errno, syscall, path: plain(path) };
  }
}

async function drained(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.toString();
  return text;
}

const nestedCalls: Record<string, Call> = {
  'the text of a file': (side, at) => side.readFile(at('/hello.txt'), 'utf8'),
  'the text by way of a symlink': (side, at) => side.readFile(at('/links/short'), { encoding: 'latin1' }),
  'the bytes of a file': (side, at) => side.readFile(at('/hello.txt')),
  'a file in base64': (side, at) => side.readFile(at('/hello.txt'), 'base64'),
  'an empty file': (side, at) => side.readFile(at('/empty'), 'utf8'),
  'a file that is not there': (side, at) => side.readFile(at('/nothing')),
  'a directory read as a file': (side, at) => side.readFile(at('/dir')),
  'a path through a file': (side, at) => side.readFile(at('/hello.txt/more')),
  'a file with a slash behind it': (side, at) => side.stat(at('/hello.txt/')),
  'a name that is too long': (side, at) => side.stat(at(`/${'x'.repeat(256)}`)),
  'an empty path': (side) => side.stat(''),
  'stat of nothing': (side, at) => side.stat(at('/nothing')),
  'lstat of nothing': (side, at) => side.lstat(at('/dir/nothing')),
  'names in a directory': (side, at) => side.readdir(at('/dir')),
  'names as buffers': (side, at) => side.readdir(at('/dir/nested'), 'buffer'),
  'everything below': async (side, at) => (await side.readdir(at('/dir'), { recursive: true })).sort(),
  'an empty directory': (side, at) => side.readdir(at('/dir/empty-dir')),
  'a listing with types': async (side, at) =>
    (await side.readdir(at('/dir/nested'), { withFileTypes: true }))
      .map((entry) => `${entry.parentPath.slice(at('').length)} ${entry.name} ${entry.isDirectory()} ${entry.isFile()}`)
      .sort(),
  'everything below with types': async (side, at) =>
    (await side.readdir(at('/dir'), { withFileTypes: true, recursive: true }))
      .map((entry) => `${entry.parentPath.slice(at('').length)} ${entry.name} ${entry.isDirectory()}`)
      .sort(),
  'a file listed': (side, at) => side.readdir(at('/hello.txt')),
  'a listing of nothing': (side, at) => side.readdir(at('/nothing')),
  'opendir of a file': (side, at) => side.opendir(at('/hello.txt')),
  'opendir, read to its end': async (side, at) => {
    const names: string[] = [];
    for await (const { name } of await side.opendir(at('/dir'))) names.push(name);
    return names.sort();
  },
  'the target of a symlink': (side, at) => side.readlink(at('/links/absolute')),
  'the target of no symlink': (side, at) => side.readlink(at('/hello.txt')),
  'the real path of a symlink': (side, at) => side.realpath(at('/links/short')),
  'the real path of dots': (side, at) => side.realpath(at('/dir/./nested/../../hello.txt')),
  'the real path of nothing': (side, at) => side.realpath(at('/nothing')),
  'access to what is there': (side, at) => side.access(at('/hello.txt'), fs.constants.R_OK),
  'access to nothing': (side, at) => side.access(at('/nothing')),
  'execution of what nobody may': (side, at) => side.access(at('/hello.txt'), fs.constants.X_OK),
  'statfs of nothing': (side, at) => side.statfs(at('/nothing')),
  'a path with a null byte': (side) => side.readFile('/a\0b').catch(({ code, name }) => [code, name]),
  'a path that is none': (side) => side.stat(7 as unknown as string).catch(({ code, name }) => [code, name]),
  'an encoding that is none': (side, at) =>
    side.readFile(at('/hello.txt'), 'nonsense' as BufferEncoding).catch(({ code, name }) => [code, name]),
  'the types of a file': async (side, at) => {
    const stat = await side.stat(at('/hello.txt'));
    return [stat.isFile(), stat.isDirectory(), stat.isSymbolicLink(), stat.size, stat.mode & 0o170000];
  },
  'the types of a symlink': async (side, at) => {
    const stat = await side.lstat(at('/links/short'), { bigint: true });
    return [stat.isFile(), stat.isSymbolicLink(), stat.size, stat.mode & 0o170000n];
  },
  'reads in a row': async (side, at) => {
    const handle = await side.open(at('/hello.txt'));
    const parts: unknown[] = [];
    for (const length of [5, 2, 100, 1]) {
      const { bytesRead, buffer } = await handle
        .read(Buffer.alloc(100), 1, length, null)
        .catch(() => handle.read(Buffer.alloc(100), 1, 99));
      parts.push(bytesRead, buffer.toString('latin1', 1, 1 + bytesRead));
    }
    await handle.close();
    return parts;
  },
  'a read at a place': async (side, at) => {
    const handle = await side.open(at('/hello.txt'), 'r');
    const { bytesRead, buffer } = await handle.read({ buffer: Buffer.alloc(5), position: 7 });
    const rest = await handle.readFile('utf8');
    await handle.close();
    return [bytesRead, buffer.toString(), rest];
  },
  'a read into several buffers': async (side, at) => {
    const handle = await side.open(at('/hello.txt'), 'r');
    const buffers = [Buffer.alloc(3), Buffer.alloc(4), Buffer.alloc(10)];
    const { bytesRead } = await handle.readv(buffers);
    await handle.close();
    return [bytesRead, ...buffers.map((buffer) => buffer.toString())];
  },
  'a read of a directory': async (side, at) => {
    const handle = await side.open(at('/dir'), 'r');
    try {
      return await handle.read(Buffer.alloc(5), 0, 5, 0);
    } finally {
      await handle.close();
    }
  },
  'a stream of a part': async (side, at) => {
    const handle = await side.open(at('/hello.txt'), 'r');
    return drained(handle.createReadStream({ start: 2, end: 6, highWaterMark: 2 }));
  },
  'the lines of a file': async (side, at) => {
    const handle = await side.open(at('/hello.txt'), 'r');
    const lines: string[] = [];
    for await (const line of handle.readLines()) lines.push(line);
    return lines;
  },
};

describe('as node:fs/promises', () => {
  it.each(Object.entries(nestedCalls))('%s', async (_, call) => {
    const native = await withFolder(async (folder) => {
      writeTwin(folder);
      return told(call, fs.promises, fs.realpathSync(folder));
    });
    expect(await told(call, image as unknown as Side, '')).toEqual(native);
  });

  it('has every property of Stats and BigIntStats', async () => {
    const native = await fs.promises.stat('/');
    const nativeBig = await fs.promises.stat('/', { bigint: true });
    const keys = (value: object) =>
      Object.entries(value)
        .map(([key, one]) => `${key} ${one instanceof Date ? 'Date' : typeof one}`)
        .sort();
    // Node makes dates when they are asked for.
    for (const name of ['atime', 'mtime', 'ctime', 'birthtime'] as const) void [native[name], nativeBig[name]];
    expect(keys(await image.stat('/'))).toEqual(keys(native));
    expect(keys(await image.stat('/', { bigint: true }))).toEqual(keys(nativeBig));
  });

  it('refuses to write', async () => {
    const refusal = { code: 'EROFS', errno: -30, path: '/hello.txt' };
    for (const flags of ['w', 'a', 'r+', 'wx', fs.constants.O_RDWR, fs.constants.O_RDONLY | fs.constants.O_TRUNC]) {
      await expect(image.open('/hello.txt', flags)).rejects.toMatchObject({ ...refusal, syscall: 'open' });
    }
    await expect(image.access('/hello.txt', fs.constants.W_OK)).rejects.toMatchObject({
      ...refusal,
      syscall: 'access',
    });
  });
});
