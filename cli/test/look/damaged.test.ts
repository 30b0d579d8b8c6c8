/** Verbs on images some of whose files cannot be read: the one is told, all the rest is shown. */

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packTar, type TarEntry } from 'modern-tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unpackFixture } from '../command.ts';
import { keptLkl } from '../kept/kept.ts';

const lkl = keptLkl();
const folder = mkdtempSync(join(tmpdir(), 'lkl-damaged-'));
const at = (name: string): string => join(folder, name);
const [whole, image] = [at('ext4.img'), at('ext4-damaged.img')];

beforeAll(async () => {
  await unpackFixture('ext4', whole);
  await unpackFixture('ext4-damaged', image);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What it prints, and of what it says that it cannot be read. */
async function ran(args: readonly string[]) {
  const { exitCode, stdout, stderr } = lkl(args);
  const lacking = [...stderr.matchAll(/^lkl: (\/\S+|\.\/\S+): .*\((E\w+)\)$/gm)].map(([, path]) => path);
  return { exitCode, text: stdout.toString('latin1'), stderr, lacking };
}

/** In the image that has the same files but for /many, and no damage. */
const paths = async (): Promise<string[]> =>
  (await ran(['find', whole])).text
    .trimEnd()
    .split('\n')
    .filter((path) => !path.startsWith('/many'));

/** Damaged in the fixture: a directory, an inode, the blocks of a file. */
const [DIRECTORY, INODE, FILE] = ['/dir/nested', '/modes/all', '/sparse/comb'];

describe('what cannot be read is told by its name, and the rest is shown', () => {
  it('by find: all but what is below the directory', async () => {
    const all = await paths();
    const { exitCode, text, lacking, stderr } = await ran(['find', image]);
    expect(exitCode).toBe(2);
    expect(lacking).toEqual([DIRECTORY]);
    expect(text.trimEnd().split('\n')).toEqual(all.filter((path) => !path.startsWith(`${DIRECTORY}/`)));
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^lkl: lkl fsck says what is wrong/);
    const bySize = await ran(['find', image, '--min-size', '0']);
    expect(bySize).toMatchObject({ exitCode: 2, lacking: [DIRECTORY, INODE] });
    expect(bySize.text.split('\n').length).toBe(text.split('\n').length - 1);
  });

  it('by ls: a name of which no more is known has question marks, as with ls(1)', async () => {
    const short = await ran(['ls', '-R', image]);
    expect(short).toMatchObject({ exitCode: 2, lacking: [DIRECTORY] });
    const long = await ran(['ls', '-lR', image]);
    expect(long).toMatchObject({ exitCode: 2, lacking: [DIRECTORY, INODE] });
    expect(long.text).toMatch(/^-\?{9} +\? +\? +\? +\? +\? +all$/m);
    // Every line of the one is a name of the other, one of which has two lines as it is: nothing else is left out.
    expect(short.text).toContain('new\nline\n');
    expect(long.text.split('\n').length).toBe(short.text.split('\n').length - 1);
    expect(long.text).toContain('/xattrs:\n');
    const [modes] = JSON.parse((await ran(['ls', '--json', image, 'modes'])).text);
    expect(modes.entries.filter(({ unreadable }: { unreadable?: true }) => unreadable)).toEqual([
      { name: 'all', type: 'file', unreadable: true },
    ]);
  });

  it('by tree, sha256 and stat', async () => {
    expect(await ran(['tree', image])).toMatchObject({ exitCode: 2, lacking: [DIRECTORY] });
    const json = await ran(['tree', '--json', image]);
    expect(json).toMatchObject({ exitCode: 2, lacking: [DIRECTORY, INODE] });
    expect(JSON.parse(json.text).entries.at(-1).name).toBe('xattrs');
    const [mine, other] = await Promise.all([ran(['sha256', '-R', image, '/']), ran(['sha256', '-R', whole, '/'])]);
    expect(mine).toMatchObject({ exitCode: 2, lacking: [DIRECTORY, INODE, FILE] });
    const lines = other.text
      .split('\n')
      .filter((line) => !/ {2}\/(many\/|dir\/nested\/|modes\/all$|sparse\/comb$)/.test(line));
    expect(mine.text.split('\n')).toEqual(lines);
    const stat = await ran(['stat', image, '/modes/*', '/hello.txt']);
    expect(stat).toMatchObject({ exitCode: 2, lacking: [INODE] });
    expect(stat.text).toContain('/hello.txt');
  });

  it('by cat: the next file is written', async () => {
    const { exitCode, text, lacking } = await ran(['cat', image, INODE, '/none', '/hello.txt']);
    expect({ exitCode, text, lacking }).toEqual({
      exitCode: 2,
      text: (await ran(['cat', whole, '/hello.txt'])).text,
      lacking: [INODE, '/none'],
    });
  });

  it('by cp: everything else is copied, and nothing has half of its bytes', async () => {
    mkdirSync(at('copy'));
    const { exitCode, lacking } = await ran(['cp', '-q', image, '/', at('copy')]);
    expect({ exitCode, lacking }).toEqual({ exitCode: 2, lacking: [DIRECTORY, INODE, FILE] });
    expect(readFileSync(at('copy/hello.txt'))).toHaveLength(13);
    expect(readdirSync(at('copy/dir/nested'))).toEqual([]);
    expect(readdirSync(at('copy/sparse'))).not.toContain('comb');
    expect(lstatSync(at('copy/xattrs')).isDirectory()).toBe(true);
    expect(readdirSync(at('copy'), { recursive: true }).filter((name) => `${name}`.includes('.partial'))).toEqual([]);
  });

  it('by diff: what cannot be compared is no difference', async () => {
    const { exitCode, text, lacking } = await ran(['diff', '--no-times', whole, image]);
    expect({ exitCode, text, lacking }).toEqual({ exitCode: 2, text: '- /many\n', lacking: [DIRECTORY, INODE, FILE] });
  });
});

it('a directory that leads back to itself is told of, and the others are listed', async () => {
  await unpackFixture('ext4-loop', at('loop.img'));
  const { exitCode, text, stderr } = await ran(['find', at('loop.img'), '--min-size', '0']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^lkl: \/dir\/nested\/more\S*: .*\(ELOOP\)$/m);
  expect(text).toContain('/xattrs\n');
});

it('of several paths those that are there are shown, and the one that is not is told', async () => {
  const { exitCode, text, stderr } = await ran(['ls', '-d', whole, '/none', '/n*thing', '/dir']);
  expect({ exitCode, text }).toEqual({ exitCode: 2, text: '/dir\n' });
  expect(stderr).toBe('lkl: /none: no such file or directory (ENOENT)\nlkl: nothing matches /n*thing\n');
});

describe('an image that was cut short', () => {
  /** The beginning of a fixture, sparse. */
  const cut = async (name: string, bytes: number): Promise<string> => {
    const path = at(`${name}-${bytes}.img`);
    await unpackFixture(name, path);
    truncateSync(path, bytes);
    return path;
  };

  it.each([
    ['ext4', 1500, 16_777_216],
    ['ext4', 4096, 16_777_216],
    ['xfs', 1500, 314_572_800],
    ['btrfs', 66_000, 134_217_728],
    ['squashfs-gzip', 512, undefined],
    ['udf', 66_000, undefined],
    ['vfat32', 4096, 37_748_736],
  ] as const)(
    '%s after %i bytes: both sizes are told, and nothing that does not help',
    async (name, there, claimed) => {
      const path = await cut(name, there);
      const sizes = new RegExp(`${there.toLocaleString('en')} bytes, .* ${claimed?.toLocaleString('en') ?? '[0-9,]+'}`);
      for (const args of [
        ['ls', path],
        ['ls', '--even-if-cut', path],
        ['fs2tar', '-q', '--on-error', 'continue', path, '-o', at('cut.tar')],
        ['fsck', path],
      ]) {
        const { exitCode, stderr } = lkl(args);
        expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 2, stderr: expect.stringMatching(sizes) });
        expect(stderr).not.toMatch(/ENOMEM|memory|lkl fsck|try again/);
      }
    },
    60_000,
  );

  it('is read as far as it goes: xfs, too, which looks for its last sector first', async () => {
    const path = await cut('xfs', 314_572_800 - 100_000);
    const { exitCode, text } = await ran(['ls', '-R', '--even-if-cut', path]);
    expect(exitCode).toBe(0);
    await unpackFixture('xfs', at('xfs.img'));
    expect(text).toBe((await ran(['ls', '-R', at('xfs.img')])).text);
  });

  it('of an XFS that ends in its middle, where its log is, what is in the first half is listed', async () => {
    const path = await cut('xfs', 157_286_400);
    const { exitCode, text, stderr } = await ran(['ls', '-R', '--even-if-cut', path]);
    expect(text).toContain('hello.txt');
    expect(stderr).toContain('lkl: /times: it cannot be opened (EIO)\n');
    expect(stderr).toMatch(/\nlkl: the image has 157,286,400 bytes, its file system \(xfs\) 314,572,800\n$/);
    expect(exitCode).toBe(2);
  });

  it('of a FAT that ends inside of its table what lies before is listed', async () => {
    const path = await cut('vfat16', 40_000);
    const { exitCode, stderr } = await ran(['ls', '--even-if-cut', path]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^lkl: \/: its names .*\nlkl: the image has 40,000 bytes, its file system \(vfat\) [\d,]+\n$/,
    );
  });

  it('of what cannot be read behind the end no repair is advised', async () => {
    const path = await cut('ext4', 1 << 20);
    const { exitCode, stderr } = await ran(['find', '--even-if-cut', path]);
    expect(exitCode).toBe(2);
    expect(stderr).not.toContain('lkl fsck');
  });
});

it('diff tells what differs with both values, and attributes by their names', async () => {
  const mtime = new Date(0);
  const header = { name: 'file', size: 0, type: 'file', mtime } as const;
  const trees: readonly TarEntry[][] = [
    [{ header: { ...header, mode: 0o644, uid: 0, pax: { 'SCHILY.xattr.user.a': '1', 'SCHILY.xattr.user.b': '1' } } }],
    [{ header: { ...header, mode: 0o4600, uid: 7, pax: { 'SCHILY.xattr.user.b': '2', 'SCHILY.xattr.user.c': '1' } } }],
  ];
  const [a, b] = [at('a.tar'), at('b.tar')];
  for (const [index, path] of [a, b].entries()) {
    writeFileSync(path, await packTar([...(trees[index] ?? []), { header: { ...header, name: `only-${index}` } }]));
  }
  const { text, exitCode } = await ran(['diff', a, b]);
  expect({ text: text.split('\n'), exitCode }).toEqual({
    exitCode: 3,
    text: [
      '! /file: mode 0644 -rw-r--r-- and 4600 -rwS------, owner 0 and 7, attribute user.a in the first alone, ' +
        'attribute user.b with another value, attribute user.c in the other alone',
      '- /only-0',
      '+ /only-1',
      '',
    ],
  });
});
