/** The same random operations on two directories: what each answers, and what is there afterwards, has to be the same. */

import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { seededWords, type Words } from '../../src/bytes/seeded-words.ts';
import { cstring, hostCall, mustCall } from '../../src/node/native/calls.ts';

/** Few names, so that operations meet. One is not UTF-8, one as long as names can be. */
const names = [
  'a',
  'b',
  'c',
  'd.txt',
  'e e',
  'ümläut',
  Buffer.from([0xff, 0xfe, 0x61]),
  'n'.repeat(255),
  'n'.repeat(256),
].map((name) => Buffer.from(name));
const FILE_BYTES = 200_000;

type Step = (root: Buffer) => unknown;

interface Chosen {
  readonly what: string;
  readonly step: Step;
}

const SLASH = Buffer.from('/');
const below = (root: Buffer, path: readonly Buffer[]): Buffer =>
  Buffer.concat([root, ...path.flatMap((name) => [SLASH, name])]);

/** Runs `steps` of them, half of them as one of `users` (only for root); throws at the first that differs, with what was done before. */
export function compareRandomly(
  here: string,
  there: string,
  { seed, steps, users = [] }: { seed: number; steps: number; users?: readonly number[] },
): void {
  const roots = [Buffer.from(here), Buffer.from(there)] as const;
  const words = seededWords(seed, 'random-operations');
  const done: string[] = [];
  const open: OpenAtBoth[] = [];
  for (let i = 0; i < steps; i++) {
    const { what, step } = choose(words, open);
    const user = users[words() % (2 * users.length || 1)];
    const [ours, theirs] = roots.map((root) => as(user, () => outcome(() => step(root))));
    done.push(user === undefined ? what : `${what} as ${user}`);
    const differs = ours !== theirs && `answers ${ours}, native ${theirs}`;
    const isLooked = i % 20 === 19 || i === steps - 1;
    const tree = !differs && isLooked ? roots.map((root) => describeTree(root)) : undefined;
    if (differs || (tree && tree[0] !== tree[1])) {
      const lines = tree ? difference(tree[0] ?? '', tree[1] ?? '') : differs;
      throw new Error(`seed ${seed}, step ${i}: ${what}: ${lines}\nbefore:\n${done.slice(-25).join('\n')}`);
    }
  }
  for (const { fds } of open) for (const fd of fds) closeSync(fd);
}

/** As another user, of a group of the same number; only for root. */
function as<T>(user: number | undefined, work: () => T): T {
  if (user === undefined) return work();
  process.setgroups?.([user]);
  process.setegid?.(user);
  process.seteuid?.(user);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.([0]);
  }
}

const difference = (ours: string, theirs: string): string => {
  const [left, right] = [ours.split('\n'), theirs.split('\n')];
  const at = left.findIndex((line, i) => line !== right[i]);
  return `the tree has\n  ${left[at]}\nnative\n  ${right[at]}`;
};

function outcome(work: () => unknown): string {
  try {
    return `ok ${JSON.stringify(work() ?? null)}`;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause) return String(cause.code);
    throw cause;
  }
}

/** A file that is open at both places: whatever becomes of its names, it stays. */
interface OpenAtBoth {
  readonly fds: number[];
}

function choose(words: Words, open: OpenAtBoth[]): Chosen {
  const upTo = (n: number): number => words() % n;
  const name = (): Buffer => names[upTo(names.length)] ?? Buffer.alloc(0);
  const depths = [1, 1, 1, 1, 1, 2, 2, 2, 3];
  const path = (): readonly Buffer[] => Array.from({ length: depths[upTo(depths.length)] ?? 1 }, name);
  const bytes = (n: number): Buffer => {
    const data = Buffer.alloc(n);
    for (let i = 0; i < n; i++) data[i] = (words() >>> 24) | 1;
    return data;
  };
  const shown = (at: readonly Buffer[]) => at.map((part) => part.subarray(0, 8).toString('latin1')).join('/');
  const [at, to] = [path(), path()];
  const [offset, length] = [upTo(FILE_BYTES), upTo(20_000)];
  const said = `${shown(at)} ${shown(to)} ${offset} ${length}`;
  const one = (what: string, step: Step): Chosen => ({ what: `${what} ${said}`, step });
  const kinds: readonly (() => Chosen)[] = [
    () => one('mkdir', (root) => mkdirSync(below(root, at), (offset & 0o7000) | 0o700 | (length & 0o77))),
    () => one('rmdir', (root) => rmdirSync(below(root, at))),
    () => one('unlink', (root) => unlinkSync(below(root, at))),
    () => one('rename', (root) => renameSync(below(root, at), below(root, to))),
    () => one('link', (root) => linkSync(below(root, at), below(root, to))),
    () => one('symlink', (root) => symlinkSync(to.length > 1 ? Buffer.from('a/b') : 'a', below(root, at))),
    () => one('chmod', (root) => chmodSync(below(root, at), length & 0o7777)),
    () =>
      one('chown', (root) =>
        chownSync(
          below(root, at),
          isRoot ? (owners[offset % 4] ?? 0) : ownUid,
          isRoot ? (owners[length % 4] ?? 0) : ownGid,
        ),
      ),
    () => one('utimes', (root) => utimesSync(below(root, at), offset, length)),
    () => one('truncate', (root) => truncateSync(below(root, at), offset)),
    () => one('copy', (root) => copyFileSync(below(root, at), below(root, to))),
    () => {
      const data = bytes(length);
      return one('append', (root) => appendFileSync(below(root, at), data));
    },
    () => {
      const data = bytes(length);
      return one('write', (root) => withFile(below(root, at), 'r+', (fd) => writeSync(fd, data, 0, length, offset)));
    },
    () => {
      const data = bytes(length);
      return one('create', (root) => withFile(below(root, at), 'wx+', (fd) => writeSync(fd, data)));
    },
    () => one('read', (root) => withFile(below(root, at), 'r', (fd) => readAt(fd, offset, length))),
    () => one('readdir', (root) => readdirSync(below(root, at), 'latin1').sort()),
    () => one('fsync', (root) => withFile(below(root, at), 'r', (fd) => fsyncSync(fd))),
    () => one('stat', (root) => lstatSync(below(root, at)).size >= 0),
    () =>
      one('punch', (root) =>
        withFile(below(root, at), 'r+', (fd) => hostCall('fallocate', fd, PUNCH_HOLE, offset, length + 1)),
      ),
    () =>
      one('allocate', (root) =>
        withFile(below(root, at), 'r+', (fd) => hostCall('fallocate', fd, 0, offset, length + 1)),
      ),
    () =>
      one('zero', (root) =>
        withFile(below(root, at), 'r+', (fd) => hostCall('fallocate', fd, ZERO_RANGE, offset, length + 1)),
      ),
    () => {
      const value = bytes(1 + (length % 900));
      return one('setxattr', (root) =>
        hostCall('lsetxattr', cstring(below(root, at)), cstring(`user.${offset % 3}`), value, value.length, offset % 3),
      );
    },
    () => {
      const both: OpenAtBoth = { fds: [] };
      open.push(both);
      return one('open', (root) => {
        both.fds.push(openSync(below(root, at), 'a+'));
      });
    },
    () => openStep('write at an open file', (fd) => writeSync(fd, bytesOf(offset, length))),
    () => openStep('size of an open file', (fd) => fstatSync(fd).size),
    () => openStep('truncate an open file', (fd) => ftruncateSync(fd, offset)),
    () => openStep('read an open file', (fd) => readAt(fd, offset, length)),
    () => openStep('close', (fd) => closeSync(fd), true),
  ];
  function openStep(what: string, step: (fd: number) => unknown, ends = false): Chosen {
    const both = open.filter(({ fds }) => fds.length === 2);
    const chosen = both[upTo(Math.max(both.length, 1))];
    if (!chosen) return one('stat', (root) => lstatSync(below(root, at)).size >= 0);
    const fds = [...chosen.fds];
    if (ends) chosen.fds.length = 0;
    return { what: `${what} ${said}`, step: () => step(fds.shift() ?? -1) };
  }
  return (kinds[upTo(kinds.length)] ?? kinds[0] ?? unreachable)();
}

const unreachable = (): never => {
  throw new Error('no operations');
};

const isRoot = process.geteuid?.() === 0;
const [ownUid, ownGid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
/** Those that tests run as, and others. */
const owners = [0, 65534, 65533, 12345];
const PUNCH_HOLE = 3;
const ZERO_RANGE = 16;

const bytesOf = (from: number, length: number): Buffer => Buffer.alloc(length, 1 + (from % 255));

function withFile<T>(path: Buffer, flags: string, work: (fd: number) => T): T {
  const fd = openSync(path, flags);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

function readAt(fd: number, offset: number, length: number): string {
  const data = Buffer.alloc(length);
  return data.subarray(0, readSync(fd, data, 0, length, offset)).toString('base64');
}

/** One line a file: all but what file systems decide for themselves (inode numbers, sizes of directories, times that were not set). */
export function describeTree(root: Buffer, path: readonly Buffer[] = []): string {
  const lines: string[] = [];
  for (const name of readdirSync(below(root, path), { encoding: 'buffer' }).sort(Buffer.compare)) {
    if (name.toString() === 'lost+found') continue;
    const place = below(root, [...path, name]);
    const stats = lstatSync(place);
    const facts = [stats.mode.toString(8), stats.uid, stats.gid];
    if (!stats.isDirectory()) facts.push(stats.nlink, stats.size);
    if (stats.isFile()) {
      if (stats.mtimeMs < 1e9) facts.push(stats.mtimeMs);
      facts.push(...xattrsOf(place), isRoot || stats.mode & 0o400 ? readFileSync(place).toString('base64') : '');
    }
    if (stats.isSymbolicLink()) facts.push(readlinkSync(place));
    lines.push(`${[...path, name].map((part) => part.toString('latin1')).join('/')} ${facts.join(' ')}`);
    if (stats.isDirectory()) lines.push(describeTree(root, [...path, name]));
  }
  return lines.join('\n');
}

function xattrsOf(path: Buffer): string[] {
  const list = Buffer.alloc(65536);
  const length = mustCall('llistxattr', cstring(path), list, list.length);
  const keys = list
    .subarray(0, length)
    .toString()
    .split('\0')
    .filter((name) => name.startsWith('user.'))
    .sort();
  return keys.map((name) => {
    const value = Buffer.alloc(65536);
    return `${name}=${value.subarray(0, mustCall('lgetxattr', cstring(path), cstring(name), value, value.length)).toString('base64')}`;
  });
}
