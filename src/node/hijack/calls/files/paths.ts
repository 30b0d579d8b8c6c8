/** Calls on paths that lie in our kernel. */

import type { SyscallName } from '../../../../abi/syscalls.ts';
import { plus } from '../../../../kernel/memory.ts';
import type { OpenFile } from '../../files/open-files.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { CallFailed, negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { O_CLOEXEC, O_LARGEFILE, toOurs } from './open-flags.ts';
import { mapped, type Named, normalized, onPath, type Place, placeOf } from './places.ts';
import { statCalls } from './stat.ts';

const AT_REMOVEDIR = 0x200;
const AT_SYMLINK_NOFOLLOW = 0x100;
const [O_WRONLY, O_CREAT, O_TRUNC] = [0o1, 0o100, 0o1000] as const;
/** Flags with which open(2) makes a file: O_CREAT, and that of O_TMPFILE which is its alone. */
const MAKES = O_CREAT | 0o20000000;
const VALUE_BYTES = 65_536;

/** A path is a file's, but for one that names what is open already. */
const kindOf = (of: OpenFile | undefined) => (of?.isPipe ? { isPipe: true } : { isFile: true });

async function opened(call: Call, task: KernelTask, { dirfd, path, of }: Place, flags: number, modeAt: number) {
  const mode = flags & MAKES ? masked(modeAt)(call) : 0;
  const fd = await task.call('openat', dirfd, task.path(path), (toOurs(flags) & ~O_CLOEXEC) | O_LARGEFILE, mode);
  return fd < 0 ? fd : { opened: { fd, ...kindOf(of) }, cloexec: (flags & O_CLOEXEC) !== 0 };
}

/** struct open_how: flags, mode, resolve, of 8 bytes each; what is behind them must be zero. */
async function openat2(call: Call, task: KernelTask, { dirfd, path, of }: Place): Promise<Answer> {
  const bytes = call.size(3);
  if (bytes < 24) return negative('EINVAL');
  if (bytes > 4096) return negative('E2BIG');
  const how = call.memory.read(call.size(2), bytes);
  const flags = new DataView(how.buffer).getUint32(0, true);
  const [flagsAt, pathAt] = [task.structs, task.path(path)];
  task.memory.write(flagsAt, how);
  task.memory.setU32(flagsAt, (toOurs(flags) & ~O_CLOEXEC) | O_LARGEFILE);
  if (flags & MAKES) {
    const mode = new DataView(how.buffer).getUint32(8, true);
    task.memory.setU32(plus(flagsAt, 8), mode & ~call.thread.proc.identity.umask);
  }
  const fd = await task.call('openat2', dirfd, pathAt, flagsAt, bytes);
  return fd < 0 ? fd : { opened: { fd, ...kindOf(of) }, cloexec: (flags & O_CLOEXEC) !== 0 };
}

const readsLink = (named: Named, to: number): Handler =>
  onPath(named, async (call, task, { dirfd, path }) => {
    const bytes = call.int(to + 1);
    if (bytes <= 0) return negative('EINVAL');
    const length = await task.call('readlinkat', dirfd, task.path(path), task.data, Math.min(bytes, 4096));
    if (length > 0) call.memory.write(call.size(to), task.memory.copy(task.data, length));
    return length;
  });

/** Numbers that follow, as they are. */
const plain = (named: Named, name: SyscallName, ...args: readonly ((call: Call) => number | bigint)[]): Handler =>
  onPath(named, (call, task, { dirfd, path }) =>
    task.call(name, dirfd, task.path(path), ...args.map((arg) => arg(call))),
  );
const int = (index: number) => (call: Call) => call.int(index);
const is = (value: number) => () => value;
/** The mode of what is made: the mask is the program's, our kernel's tasks have none. */
export const masked = (index: number) => (call: Call) => call.uint(index) & ~call.thread.proc.identity.umask;

/** Two paths: both in our kernel, or none. */
const onTwo =
  (from: Named, to: Named, work: (call: Call, task: KernelTask, from: Place, to: Place) => Promise<number>): Handler =>
  (call) => {
    const [first, second] = [placeOf(call, from), placeOf(call, to)];
    if (!first && !second) return 'host';
    if (!first || !second) return negative('EXDEV');
    return (async () => work(call, await call.task(), first, second))();
  };

const renames = (from: Named, to: Named, flags: (call: Call) => number): Handler =>
  onTwo(from, to, (call, task, first, second) =>
    task.call('renameat2', first.dirfd, task.path(first.path), second.dirfd, task.path(second.path, true), flags(call)),
  );
const links = (from: Named, to: Named, flags: (call: Call) => number): Handler =>
  onTwo(from, to, (call, task, first, second) =>
    task.call('linkat', first.dirfd, task.path(first.path), second.dirfd, task.path(second.path, true), flags(call)),
  );
const symlinks = (to: Named): Handler =>
  onPath(to, (call, task, { dirfd, path }) =>
    task.call('symlinkat', task.path(call.memory.string(call.size(0)), true), dirfd, task.path(path)),
  );

const values = (name: 'getxattr' | 'lgetxattr' | 'listxattr' | 'llistxattr', isList: boolean): Handler =>
  onPath({ path: 0 }, async (call, task, { path }) => {
    const to = isList ? 1 : 2;
    const bytes = Math.min(call.size(to + 1), VALUE_BYTES);
    const names = isList ? [] : [task.path(call.memory.string(call.size(1)), true)];
    const got = await task.call(name, task.path(path), ...names, bytes === 0 ? 0 : task.data, bytes);
    if (got > 0 && bytes > 0) call.memory.write(call.size(to), task.memory.copy(task.data, got));
    return got;
  });

const utimensat = onPath({ directory: 0, path: 1, mayBeEmpty: true }, (call, task, { dirfd, path }) => {
  const at = call.size(2);
  if (at !== 0) task.memory.write(task.structs, call.memory.read(at, 32));
  return task.call('utimensat_time64', dirfd, task.path(path), at === 0 ? 0 : task.structs, call.int(3));
});

const truncate = onPath({ path: 0 }, (call, task, { path }) => task.call('truncate64', task.path(path), call.long(1)));

const EBUSY = negative('EBUSY');

/** Onto a place of ours; the source, the type and the data are words of its own file system. */
const mount = onPath({ path: 1 }, async (call, task, { path }) => {
  const text = (index: number) => (call.size(index) === 0 ? undefined : call.memory.string(call.size(index)));
  const [source, type, data] = [ours(call, text(0)), text(2), text(4)];
  const { memory } = task;
  const put = (value: Uint8Array | undefined, offset: number): number => {
    if (value === undefined) return 0;
    if (value.length > 1023) throw new CallFailed('EINVAL');
    memory.writeCstring(plus(task.structs, offset), value);
    return task.structs + offset;
  };
  const ret = await task.call('mount', put(source, 0), task.path(path), put(type, 1024), call.uint(3), put(data, 2048));
  // Namespaces of mounts are the machine's, so that another may have mounted it there meanwhile (two `ip netns exec` at once): it is that very one.
  return ret === EBUSY && Buffer.from(type ?? []).toString() === 'sysfs' ? 0 : ret;
});

/** What is mounted may be a place of ours as well. */
function ours(call: Call, source: Uint8Array | undefined): Uint8Array | undefined {
  const text = Buffer.from(source ?? []).toString('latin1');
  const there = text.startsWith('/') ? mapped(call, normalized(text)) : undefined;
  return there === undefined ? source : Buffer.from(there, 'latin1');
}

const umount2 = onPath({ path: 0 }, (call, task, { path }) => task.call('umount2', task.path(path), call.int(1)));

const at = { directory: 0, path: 1 } as const;
const alone = { path: 0 } as const;

export const pathCalls = {
  open: onPath(alone, (call, task, place) => opened(call, task, place, call.int(1), 2)),
  creat: onPath(alone, (call, task, place) => opened(call, task, place, O_CREAT | O_WRONLY | O_TRUNC, 1)),
  openat: onPath(at, (call, task, place) => opened(call, task, place, call.int(2), 3)),
  openat2: onPath(at, openat2),
  stat: statCalls.stat,
  lstat: statCalls.lstat,
  newfstatat: statCalls.newfstatat,
  statx: statCalls.statx,
  statfs: statCalls.statfs,
  access: plain(alone, 'faccessat', int(1)),
  faccessat: plain(at, 'faccessat', int(2)),
  faccessat2: plain({ ...at, mayBeEmpty: true }, 'faccessat2', int(2), int(3)),
  readlink: readsLink(alone, 1),
  readlinkat: readsLink({ ...at, mayBeEmpty: true }, 2),
  getxattr: values('getxattr', false),
  lgetxattr: values('lgetxattr', false),
  listxattr: values('listxattr', true),
  llistxattr: values('llistxattr', true),
  mkdir: plain(alone, 'mkdirat', masked(1)),
  mkdirat: plain(at, 'mkdirat', masked(2)),
  mknodat: plain(at, 'mknodat', masked(2), int(3)),
  unlink: plain(alone, 'unlinkat', is(0)),
  rmdir: plain(alone, 'unlinkat', is(AT_REMOVEDIR)),
  unlinkat: plain(at, 'unlinkat', int(2)),
  chmod: plain(alone, 'fchmodat', int(1)),
  fchmodat: plain(at, 'fchmodat', int(2)),
  chown: plain(alone, 'fchownat', int(1), int(2), is(0)),
  lchown: plain(alone, 'fchownat', int(1), int(2), is(AT_SYMLINK_NOFOLLOW)),
  fchownat: plain({ ...at, mayBeEmpty: true }, 'fchownat', int(2), int(3), int(4)),
  rename: renames(alone, { path: 1 }, is(0)),
  renameat: renames(at, { directory: 2, path: 3 }, is(0)),
  renameat2: renames(at, { directory: 2, path: 3 }, int(4)),
  link: links(alone, { path: 1 }, is(0)),
  linkat: links(at, { directory: 2, path: 3 }, int(4)),
  symlink: symlinks({ path: 1 }),
  symlinkat: symlinks({ directory: 1, path: 2 }),
  utimensat,
  truncate,
  mount,
  umount2,
} as const;
