/** `lkl mount` as people run it, where this machine can mount by FUSE: LKL's lklfuse.sh, and more than it looks at. */

import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { cstring, hostCall, module } from '../../src/node/native/calls.ts';
import { native } from '../../src/node/native/native.ts';
import { lkl, unpackFixture } from './command.ts';
import { compareRandomly, describeTree } from './random-operations.ts';

/** Why nothing can be mounted here. */
function obstacle(): string | undefined {
  if (!native()) return 'no native module for this machine';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return 'no access to /dev/fuse';
  }
  const isRoot = process.geteuid?.() === 0;
  return isRoot || spawnSync('fusermount3', ['-V']).status === 0 ? undefined : 'no fusermount3';
}

const why = obstacle();
const folder = mkdtempSync(join(tmpdir(), 'lkl-mount-'));
const at = (name: string): string => join(folder, name);
const [image, mnt] = [at('ext4.img'), at('mnt')];
mkdirSync(mnt);
chmodSync(folder, 0o755); // tests go in as other users, too
const mounted = async (...options: string[]) => {
  const ran = await lkl(['mount', ...options, image, mnt]);
  expect(ran).toMatchObject({ exitCode: 0 });
};
const unmounted = async () => expect(await lkl(['umount', mnt])).toMatchObject({ exitCode: 0, stderr: '' });
/** e2fsprogs are not everywhere; where they are, they have the last word. */
const checked = () => {
  const { error, status, stdout } = spawnSync('e2fsck', ['-fn', image], { encoding: 'utf8' });
  if (!error) expect({ status, stdout }).toMatchObject({ status: 0 });
};

/** Also root cannot write what is mounted to be read alone. */
function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const isArm = process.arch === 'arm64';
const calls = {
  setxattr: [188, 5],
  lseek: [8, 62],
  ioctl: [16, 29],
  renameat2: [316, 276],
  copy_file_range: [326, 285],
} as const;
const call = (
  name: keyof typeof calls,
  ...args: Parameters<ReturnType<typeof module>['syscall']> extends [number, ...infer R] ? R : never
) => module().syscall(calls[name][isArm ? 1 : 0], ...args);

afterAll(() => {
  spawnSync('umount', ['-l', mnt]);
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(why !== undefined)(`lkl mount${why ? ` (${why})` : ''}`, () => {
  beforeEach(async () => {
    if (existsSync(`${image}.lock`)) await lkl(['umount', mnt]);
    await unpackFixture('ext4', image);
  });

  it('shows the image, takes what is written, and leaves a clean image', async () => {
    await mounted('-t', 'ext4');
    const before = readdirSync(mnt);
    expect(before).toContain('lost+found');
    writeFileSync(join(mnt, 'hello'), 'world');
    mkdirSync(join(mnt, 'new'));
    renameSync(join(mnt, 'hello'), join(mnt, 'new/there'));
    symlinkSync('there', join(mnt, 'new/link'));
    expect(readFileSync(join(mnt, 'new/link'), 'utf8')).toBe('world');
    expect(statfsSync(mnt).blocks).toBeGreaterThan(1000);
    await unmounted();
    expect(readdirSync(mnt)).toEqual([]);
    expect(existsSync(`${image}.lock`)).toBe(false);
    checked();
    expect((await lkl(['cat', image, '/new/there'])).stdout.toString()).toBe('world');
  });

  it.skipIf(process.geteuid?.() !== 0)(
    'keeps what was written as long as a disk does, where Linux lets root say so',
    async () => {
      await mounted();
      const { dev } = statSync(mnt);
      const place = `/sys/class/bdi/${Math.floor(dev / 256) % 4096}:${dev % 256}`;
      const wishes = { strict_limit: '0', max_ratio: '100', read_ahead_kb: '1024' };
      for (const [name, wish] of Object.entries(wishes)) {
        const file = join(place, name);
        if (!existsSync(file) || !isWritable(file)) continue;
        expect([name, readFileSync(file, 'utf8').trim()]).toEqual([name, wish]);
      }
      await unmounted();
    },
  );

  it('what macOS compressed, which Linux would show as empty, is an error to open', async () => {
    await unpackFixture('hfsplus', image);
    await mounted('-t', 'hfsplus');
    const [squeezed, empty] = [join(mnt, 'squeezed'), join(mnt, 'nothing')];
    for (const file of [squeezed, empty]) writeFileSync(file, '');
    expect(call('setxattr', cstring(squeezed), cstring('osx.com.apple.decmpfs'), cstring('fpmc'), 4, 0)).toBe(0);
    expect(() => readFileSync(squeezed)).toThrow(/EOPNOTSUPP|ENOTSUP|operation not supported/);
    expect(readFileSync(empty, 'utf8')).toBe('');
    await unmounted();
  });

  it('does what a native file system does, step by step', async () => {
    const native = at('native');
    await mounted();
    for (const path of [native, join(mnt, 'random')]) {
      mkdirSync(path);
      chmodSync(path, 0o777);
    }
    const users = process.geteuid?.() === 0 ? [65534, 65533] : [];
    compareRandomly(join(mnt, 'random'), native, { seed: 1, steps: 800, users });
    const there = describeTree(Buffer.from(native));
    await unmounted();
    checked();
    await mounted('-o', 'ro');
    expect(describeTree(Buffer.from(join(mnt, 'random')))).toBe(there);
    expect(() => writeFileSync(join(mnt, 'x'), '')).toThrow(/EROFS/);
    await unmounted();
  });

  it('a file that is open outlives its name, and directories of thousands are listed whole', async () => {
    await mounted();
    const fd = openSync(join(mnt, 'gone'), 'w+');
    writeSync(fd, 'still here');
    unlinkSync(join(mnt, 'gone'));
    expect(fstatSync(fd)).toMatchObject({ nlink: 0, size: 10 });
    const back = Buffer.alloc(10);
    readSync(fd, back, 0, 10, 0);
    expect(back.toString()).toBe('still here');
    closeSync(fd);
    mkdirSync(join(mnt, 'thousands'));
    const names = Array.from({ length: 2000 }, (_, i) => `file-${'x'.repeat(i % 40)}-${i}`).sort();
    for (const name of names) writeFileSync(join(mnt, 'thousands', name), '');
    expect(readdirSync(join(mnt, 'thousands')).sort()).toEqual(names);
    // What Linux keeps of a directory is as old as the directory: after a change it is read anew.
    for (const name of names.slice(0, 1000)) unlinkSync(join(mnt, 'thousands', name));
    expect(readdirSync(join(mnt, 'thousands')).sort()).toEqual(names.slice(1000));
    await unmounted();
    checked();
  });

  it('has holes, copies of ranges, exchanges of names and flags of files', async () => {
    await mounted();
    const [sparse, copy] = [join(mnt, 'with-hole'), join(mnt, 'a-copy')];
    const fd = openSync(sparse, 'w+');
    writeSync(fd, 'data', 1024 * 1024);
    fsyncSync(fd);
    const SEEK_DATA = 3;
    const SEEK_HOLE = 4;
    expect(call('lseek', fd, 0, SEEK_DATA)).toBe(1024 * 1024);
    expect(call('lseek', fd, 0, SEEK_HOLE)).toBe(0);
    const to = openSync(copy, 'w+');
    const from = new BigInt64Array([1024n * 1024n]);
    expect(call('copy_file_range', fd, from, to, 0, 4, 0)).toBe(4);
    expect(readFileSync(copy, 'utf8')).toBe('data');
    const RENAME_NOREPLACE = 1;
    const RENAME_EXCHANGE = 2;
    const rename = (flags: number) => call('renameat2', -100, cstring(sparse), -100, cstring(copy), flags);
    expect(rename(RENAME_NOREPLACE)).toBe(-17);
    expect(rename(RENAME_EXCHANGE)).toBe(0);
    expect(statSync(sparse).size).toBe(4);
    // FS_IOC_GETFLAGS, FS_IOC_SETFLAGS: an append-only file is appended to, and not written otherwise.
    const flags = new Uint32Array(2);
    expect(call('ioctl', fd, 0x80086601, flags)).toBe(0);
    if (process.geteuid?.() === 0) {
      const APPEND_ONLY = 0x20;
      const set = (value: number) => call('ioctl', fd, 0x40086602, new Uint32Array([value, 0]));
      const before = flags[0] ?? 0;
      expect(set(before | APPEND_ONLY)).toBe(0);
      expect(() => openSync(copy, 'r+')).toThrow(/EPERM/);
      const appended = openSync(copy, 'a');
      writeSync(appended, 'more');
      closeSync(appended);
      expect(statSync(copy).size).toBe(1024 * 1024 + 8);
      expect(set(before)).toBe(0);
    }
    closeSync(fd);
    closeSync(to);
    await unmounted();
    checked();
  });

  it('asks Linux to forget files when it knows too many, and they are there again', async () => {
    await mounted('-o', 'nodes=64');
    const directory = join(mnt, 'forgotten');
    mkdirSync(directory);
    const kept = openSync(join(directory, 'kept'), 'w+');
    for (let i = 0; i < 700; i++) writeFileSync(join(directory, `file-${i}`), '');
    writeSync(kept, 'still the same file');
    const names = readdirSync(directory, { withFileTypes: true });
    expect(names.length).toBe(701);
    for (const { name } of names) expect(lstatSync(join(directory, name)).isFile()).toBe(true);
    expect(readFileSync(join(directory, 'kept'), 'utf8')).toBe('still the same file');
    closeSync(kept);
    rmSync(directory, { recursive: true });
    await unmounted();
    checked();
  });

  it('what was synced survives a kill, and the journal replays', async () => {
    await mounted();
    const fd = openSync(join(mnt, 'synced'), 'w');
    writeSync(fd, 'safe');
    fsyncSync(fd);
    closeSync(fd);
    const { pid } = JSON.parse(readFileSync(`${image}.lock`, 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    while (existsSync(`/proc/${pid}/fd`) && readdirSync(`/proc/${pid}/fd`, 'buffer').length > 0) await delay(10);
    expect(() => readdirSync(mnt)).toThrow(/ENOTCONN|ECONNABORTED/);
    await unmounted();
    expect((await lkl(['cat', image, '/synced'])).stdout.toString()).toBe('safe');
    await mounted();
    expect(readFileSync(join(mnt, 'synced'), 'utf8')).toBe('safe');
    await unmounted();
    checked();
  });

  it('shows everything as one user, who may write and keeps what belongs to others', async () => {
    await mounted('--uid', '4242', '-o', 'gid=4343');
    writeFileSync(join(mnt, 'mine'), '');
    expect(lstatSync(join(mnt, 'mine'))).toMatchObject({ uid: 4242, gid: 4343 });
    expect(lstatSync(mnt)).toMatchObject({ uid: 4242, gid: 4343 });
    await unmounted();
    expect((await lkl(['stat', '--json', image, '/mine'])).stdout.toString()).toMatch(/"uid":\s*0\b/);
  });

  it('copies a tree in and out as it is', async () => {
    const tree = at('tree');
    mkdirSync(join(tree, 'sub'), { recursive: true });
    writeFileSync(join(tree, 'sub/large'), Buffer.alloc(3_000_000, 'large'), { mode: 0o640 });
    symlinkSync('sub/large', join(tree, 'link'));
    await mounted();
    cpSync(tree, join(mnt, 'tree'), { recursive: true, verbatimSymlinks: true });
    expect(describeTree(Buffer.from(join(mnt, 'tree')))).toBe(describeTree(Buffer.from(tree)));
    await unmounted();
    await mounted('-o', 'nowriteback');
    copyFileSync(join(mnt, 'tree/sub/large'), join(mnt, 'again'));
    expect(readFileSync(join(mnt, 'again')).equals(readFileSync(join(tree, 'sub/large')))).toBe(true);
    await unmounted();
    checked();
  });

  it('two do not write one image, and what is wrong is said', async () => {
    await mounted('-o', `lock=${at('lock')}`);
    const other = at('other');
    mkdirSync(other, { recursive: true });
    expect(await lkl(['mount', image, other])).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/writes it/),
    });
    expect(await lkl(['mount', '-o', `ro,lock=${at('lock')}`, image, other])).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/lock is locked by another process/),
    });
    const inside = openSync(join(mnt, 'lost+found'), 'r');
    expect(await lkl(['umount', mnt])).toMatchObject({ exitCode: 4, stderr: expect.stringMatching(/in use/) });
    closeSync(inside);
    await unmounted();
    for (const [words, message] of [
      [[image, at('no')], /no such directory/],
      [['-o', 'nonsense', image, mnt], /There is no nonsense/],
      [['-o', 'type', image, mnt], /type is type=/],
      [['-t', 'xfs', image, mnt], /xfs/],
    ] as const) {
      const ran = await lkl(['mount', ...words]);
      expect(ran.exitCode).not.toBe(0);
      expect(ran.stderr).toMatch(message);
      expect(readdirSync(mnt)).toEqual([]);
    }
    expect(await lkl(['umount', mnt])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/nothing of lkl mount/),
    });
    expect(hostCall('write', -1, new Uint8Array(1), 1)).toBe(-9);
  });
});
