/** The tar watcher: counts, the list of what is missing, and ends that are none. */

import { packTar, type TarEntry } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { TarWatch } from './tar-watch.ts';

const file = (name: string, text: string, mtime = new Date(0)): TarEntry => ({
  header: { name, size: Buffer.byteLength(text), mtime },
  body: text,
});

const pack = async (...entries: TarEntry[]) => Buffer.from(await packTar(entries));

/** The watcher after `tar` has passed in chunks of `chunkBytes`. */
function watched(tar: Buffer, chunkBytes: number): TarWatch {
  const chunks = Array.from({ length: Math.ceil(tar.length / chunkBytes) }, (_, index) =>
    tar.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  );
  const watch = new TarWatch();
  for (const chunk of chunks) watch.take(chunk);
  return watch;
}

describe('tar watcher', () => {
  const long = `./${'long/'.repeat(60)}name`;
  const entries = [
    { header: { name: './', type: 'directory', size: 0 } } satisfies TarEntry,
    file('./empty', ''),
    file('./block', 'x'.repeat(512)),
    file(long, 'y'.repeat(10_000)),
    file('./text', 'z'),
  ];

  it.each([1, 7, 511, 512, 513, 65_536])('counts entries and bytes in chunks of %i', async (chunkBytes) => {
    const tar = await pack(...entries);
    expect(watched(tar, chunkBytes)).toMatchObject({ entries: 5, bytes: tar.length, errorList: undefined });
  });

  it('takes the size of an extended header for that of the file', async () => {
    const tar = await pack(file('./a', 'a'.repeat(5000)), file('./b', 'b'));
    const records = Buffer.from('13 size=5000\n');
    const extended = Buffer.alloc(1024);
    tar.copy(extended, 0, 0, 512);
    extended.write('00000000015\0', 124);
    extended.write('x', 156);
    records.copy(extended, 512);
    const header = Buffer.from(tar);
    header.write('77777777777\0', 124);
    expect(watched(Buffer.concat([extended, header]), 100).entries).toBe(2);
  });

  it.each([
    ['path', `./ü${'long/'.repeat(60)}\n17 size=99999999\n`],
    ['SCHILY.xattr.user.note', 'ü\n17 size=99999999\n'],
  ])('takes no record for a size that lies in the value of another: %s', async (keyword, value) => {
    const hostile = file('./a', 'a'.repeat(5000));
    const tar = await pack({ ...hostile, header: { ...hostile.header, pax: { [keyword]: value } } }, file('./b', 'b'));
    expect(watched(tar, 100).entries).toBe(2);
  });

  it('finds the list a tar ends with, and no file of its name', async () => {
    const list = file('./.fs2tar-errors', 'EIO\tpread64\t./a\n');
    const old = file('./.fs2tar-errors', 'old', new Date(1e12));
    expect(watched(await pack(...entries, list), 700).errorList).toBe('EIO\tpread64\t./a\n');
    expect(watched(await pack(old, ...entries, list), 700).errorList).toBe('EIO\tpread64\t./a\n');
    expect(watched(await pack(list, ...entries), 700).errorList).toBeUndefined();
    expect(watched(await pack(...entries, old), 700).errorList).toBeUndefined();
  });

  it('tells a tar that ends before its end, wherever', async () => {
    const tar = await pack(...entries);
    for (const length of [0, 1, 512, 1200, 5000, tar.length - 1024]) {
      expect(watched(tar.subarray(0, length), 4096).ended).toBe(false);
    }
    expect(watched(tar, 4096).ended).toBe(true);
  });
});
