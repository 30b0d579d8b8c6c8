/** `lkl fs2tar` from the outside: its tars, its exit codes, what it leaves behind. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lkl as lklProcess, startLkl, unpackFixture } from '../command.ts';
import { keptLkl } from '../kept/kept.ts';

const lkl = keptLkl();
const folder = mkdtempSync(join(tmpdir(), 'lkl-test-'));
const at = (name: string): string => join(folder, name);
/** What a run may leave in the folder for temporary files, which is this folder's. */
const left = (): string[] => readdirSync(at('tmp'));

const image = at('ext4.img');
let tar: Buffer;

beforeAll(async () => {
  mkdirSync(at('tmp'));
  vi.stubEnv('TMPDIR', at('tmp'));
  await unpackFixture('ext4', image);
  const ran = lkl(['fs2tar', image]);
  expect(ran).toMatchObject({ exitCode: 0, stderr: 'lkl: a socket was left out: tar has no type for it\n' });
  tar = ran.stdout;
}, 120_000);

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('a tar', () => {
  it('has every entry of the image, and ends as tars do', async () => {
    const [listing] = JSON.parse(readFileSync(new URL('../../../test/fixtures/ext4.json', import.meta.url), 'utf8'));
    const entries: { type?: string }[] = listing.entries;
    const listed = entries.filter(({ type }) => type !== 'socket');
    expect(listed.length).toBeGreaterThan(50);
    expect(await unpackTar(tar)).toHaveLength(listed.length);
    expect(tar.subarray(-1024).every((byte) => byte === 0)).toBe(true);
  });

  it('is the same from standard input, as a pipe', async () => {
    const { exitCode, stdout } = await lklProcess(['fs2tar', '-'], readFileSync(image));
    expect(exitCode).toBe(0);
    expect(stdout.equals(tar)).toBe(true);
  });

  it('is the same from a compressed image, and gunzips to the same', async () => {
    writeFileSync(at('ext4.img.gz'), gzipSync(readFileSync(image)));
    const { exitCode } = lkl(['fs2tar', '-z', at('ext4.img.gz'), '--output', at('out.tar.gz')]);
    expect(exitCode).toBe(0);
    expect(gunzipSync(readFileSync(at('out.tar.gz'))).equals(tar)).toBe(true);
  });

  it('of a directory has only that', async () => {
    const { exitCode, stdout } = lkl(['fs2tar', image, '--path', 'dir', '--type', 'ext4']);
    expect(exitCode).toBe(0);
    const names = (await unpackTar(stdout)).map(({ header }) => header.name);
    expect(names).toContain('./');
    expect(names).not.toContain('./dir/');
    expect(names.length).toBeLessThan((await unpackTar(tar)).length);
  });

  it('replaces a file, through a symlink too, and nothing else is left', async () => {
    mkdirSync(at('out'));
    writeFileSync(at('out/old.tar'), 'old');
    symlinkSync('old.tar', at('out/link'));
    expect(lkl(['fs2tar', image, '-o', at('out/link')]).exitCode).toBe(0);
    expect(readFileSync(at('out/old.tar')).equals(tar)).toBe(true);
    expect(readdirSync(at('out')).sort()).toEqual(['link', 'old.tar']);
    expect(left()).toEqual([]);
  });

  it('comes from an image of 1 TiB as fast as from a small one', async () => {
    await unpackFixture('ext4-1tib', at('1tib.img'));
    const { exitCode, stdout } = lkl(['fs2tar', at('1tib.img')]);
    expect(exitCode).toBe(0);
    expect((await unpackTar(stdout)).length).toBeGreaterThan(1);
  });

  it('comes from an image that is smaller than one read', async () => {
    await unpackFixture('squashfs-zstd', at('squashfs.img'));
    expect(lkl(['fs2tar', at('squashfs.img')]).exitCode).toBe(0);
  });
});

describe('exit code', () => {
  it.each<[string, readonly string[]]>([
    ['no image', ['fs2tar']],
    ['an unknown option', ['fs2tar', '--frob', 'x']],
    ['an unknown command', ['frob']],
    ['a partition that cannot be', ['fs2tar', '-p', '0', 'x']],
    ['an action that is none', ['fs2tar', '--on-error', 'retry', 'x']],
    ['a URL of another scheme', ['fs2tar', '--url', 'ftp://x', 'x']],
    ['a directory', ['fs2tar', folder]],
    ['a type that cannot be one', ['fs2tar', '-t', 'ext4;', image]],
  ])('1 for %s', async (_, args) => {
    const { exitCode, stdout, stderr } = lkl(args);
    expect({ exitCode, written: stdout.length }).toEqual({ exitCode: 1, written: 0 });
    expect(stderr).toMatch(/^(error|lkl): .+\n$/);
  });

  it.each<[string, string, readonly string[]]>([
    ['bytes that are no image', 'no file system', ['noise.img']],
    ['another type', 'cannot be mounted: what lies there is no such file system', ['ext4.img', '-t', 'xfs']],
    ['damage', 'EBADMSG', ['damaged.img']],
  ])('2 for %s', async (_, why, [name = '', ...args]) => {
    writeFileSync(at('noise.img'), Buffer.alloc(1 << 20, 'noise'));
    await unpackFixture('ext4-damaged', at('damaged.img'));
    const { exitCode, stderr } = lkl(['fs2tar', at(name), ...args, '-o', at('none.tar')]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(why) });
    expect(stderr).toMatch(/^lkl: .+\n$/);
    expect(readdirSync(folder).filter((name) => /none\.tar|partial/.test(name))).toEqual([]);
  });

  it('2 for damage, told with what Linux says of it and what helps', async () => {
    await unpackFixture('ext4-damaged', at('damaged.img'));
    const { stderr } = lkl(['fs2tar', at('damaged.img')]);
    expect(stderr).toContain(
      './dir/nested: its names cannot be listed whole (EBADMSG); Linux says: "EXT4-fs error (device vda): htree_dirblock',
    );
    expect(stderr).toMatch(/fs2tar --on-error continue takes all else .*; lkl fsck says what is wrong/);
    await unpackFixture('squashfs-damaged', at('damaged.squashfs'));
    const other = lkl(['fs2tar', at('damaged.squashfs')]);
    expect(other.stderr).toContain('./mixed: its data cannot be read (EIO); Linux says: "SQUASHFS error: ');
    expect(other.stderr).not.toContain('fsck');
  });

  it('2 for an empty image, as a file and as a pipe', async () => {
    writeFileSync(at('empty.img'), '');
    for (const [name, called] of [
      [at('empty.img'), at('empty.img')],
      ['-', 'standard input'],
    ] as const) {
      expect(lkl(['fs2tar', name])).toMatchObject({ exitCode: 2, stderr: `lkl: ${called} is empty\n` });
    }
  });

  it('3 for damage that is left out, which it lists', async () => {
    await unpackFixture('ext4-damaged', at('damaged.img'));
    const { exitCode, stdout, stderr } = lkl(['fs2tar', at('damaged.img'), '--on-error', 'continue']);
    expect(exitCode).toBe(3);
    const last = (await unpackTar(stdout)).at(-1);
    expect(last?.header.name).toBe('./.fs2tar-errors');
    const list = Buffer.from(last?.data ?? [])
      .toString()
      .trimEnd()
      .split('\n');
    expect(list.slice(0, 3)).toEqual([
      'EBADMSG\tgetdents64\t./dir/nested',
      'EBADMSG\tstatx\t./modes/all',
      'EIO\tpread64\t./sparse/comb',
    ]);
    expect(stderr.trimEnd().split('\n')).toEqual([
      'lkl: the tar has not everything:',
      'lkl: ./dir/nested: its names cannot be listed whole (EBADMSG)',
      'lkl: ./modes/all: nothing can be said of it (EBADMSG)',
      'lkl: ./sparse/comb: its data cannot be read (EIO)',
      ...list.slice(3).map((line) => `lkl: Linux says: "${line.split('\t')[2]}"`),
      'lkl: lkl fsck says what is wrong, and repairs it (--yes) in an image of which you keep a copy',
      'lkl: a socket was left out: tar has no type for it',
    ]);
  });

  it('4 for an image that is not there, and for an output that cannot be', async () => {
    expect(lkl(['fs2tar', at('nowhere.img')]).exitCode).toBe(4);
    const { exitCode, stderr } = lkl(['fs2tar', image, '-o', at('nowhere/out.tar')]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 4,
      stderr: `lkl: ${at('nowhere/out.tar')} cannot be written: no such file or directory (ENOENT)\n`,
    });
  });

  it('130 and 143 when interrupted, with nothing left', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const child = startLkl(['fs2tar', image]);
      await new Promise((resolve) => child.stdout.once('readable', resolve));
      child.kill(signal);
      // By the signal itself where there is nothing to remove, which shells show as the same number.
      const ended = new Promise((resolve) =>
        child.on('exit', (exit, by) => resolve(exit ?? 128 + (by ? constants.signals[by] : 0))),
      );
      expect(await ended).toBe(code);
      expect(left()).toEqual([]);
    }
  });

  it('141 when nobody reads the tar', async () => {
    const child = startLkl(['fs2tar', image]);
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(141);
  });
});
