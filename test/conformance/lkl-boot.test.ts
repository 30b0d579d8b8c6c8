/** What LKL's own boot test asks of a kernel, by its names and with its values, as batches. */

import { describe, expect, it } from 'vitest';
import type { CallResult } from '../../src/batch/language/types.ts';
import type { PlayedCall } from '../../src/batch/player.ts';
import { call, play } from './kernel.ts';

type Out = Readonly<Record<string, number>>;
type Check = (results: readonly CallResult[]) => void;

const ret =
  (...wanted: (number | null)[]): Check =>
  (results) =>
    expect(results.map((result) => result.ret)).toEqual(wanted);
const outOf = (result: CallResult | undefined): Out => (result?.out ?? {}) as unknown as Out;
const list = (result: CallResult | undefined) =>
  (result?.out ?? []) as unknown as readonly { readonly d_name: string }[];

const AT_LEAST = 0.9;
const SLEEP_NS = 87_654_321;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const socketOfLo: PlayedCall[] = [
  { ...call('socket', 'AF_INET', 'SOCK_DGRAM', 0), as: 'sock' },
  call('ioctl', { ref: 'sock' }, 'SIOCSIFFLAGS', { struct: 'ifreq', ifr_name: 'lo', ifr_flags: 'IFF_UP|IFF_RUNNING' }),
  call('ioctl', { ref: 'sock' }, 'SIOCGIFFLAGS', { struct: 'ifreq', ifr_name: 'lo' }),
];

/** One kernel goes through all of these, in this order. */
const steps: readonly (readonly [name: string, calls: readonly PlayedCall[], check: Check])[] = [
  [
    'start_kernel',
    [call('uname', { out: 'utsname' })],
    ([uname]) => expect(uname?.out).toMatchObject({ sysname: 'Linux', release: expect.stringMatching(/^6\.12\./) }),
  ],
  ['getpid', [call('getpid')], ret(1)],
  [
    'syscall_latency',
    Array.from({ length: 100 }, () => call('getpid')),
    (results) => expect(results.every((result) => result.ret === 1)).toBe(true),
  ],
  ['umask', [call('umask', 0o777)], ret(0o22)],
  ['umask2', [call('umask', 0)], ret(0o777)],
  ['creat', [call('creat', '/file', 0o721)], ret(0)],
  ['close', [call('close', 0)], ret(0)],
  ['failopen', [call('open', '/file2', 'O_RDONLY', 0)], ret(-2)],
  ['open', [call('open', '/file', 'O_RDWR', 0)], ret(0)],
  ['write', [call('write', 0, { utf8: 'test\0' }, 5)], ret(5)],
  ['lseek_cur', [call('lseek', 0, 0, 'SEEK_CUR')], ret(5)],
  ['lseek_end', [call('lseek', 0, 0, 'SEEK_END')], ret(5)],
  ['lseek_set', [call('lseek', 0, 0, 'SEEK_SET')], ret(0)],
  [
    'read',
    [call('read', 0, { out: 10 }, 10)],
    ([read]) => expect(read).toMatchObject({ ret: 5, out: { utf8: 'test\0' } }),
  ],
  [
    'fstat',
    [call('fstat', 0, { out: 'stat' })],
    ([fstat]) => expect(fstat?.out).toMatchObject({ st_mode: S_IFREG | 0o721, st_size: 5 }),
  ],
  ['mkdir', [call('mkdir', '/dir', 0o721)], ret(0)],
  [
    'stat',
    [call('stat', '/dir', { out: 'stat' })],
    ([stat]) => expect(stat?.out).toMatchObject({ st_mode: S_IFDIR | 0o721 }),
  ],
  [
    'nanosleep',
    [call('nanosleep', { tv_sec: 0, tv_nsec: SLEEP_NS }, null)],
    ([nanosleep]) => {
      expect(nanosleep?.ret).toBe(0);
      expect(nanosleep?.ns).toBeGreaterThanOrEqual(AT_LEAST * SLEEP_NS);
    },
  ],
  [
    'pipe2',
    [
      { ...call('pipe2', { out: 'int[2]' }, 'O_NONBLOCK'), as: 'pipe' },
      call('write', { ref: 'pipe.1' }, { utf8: 'Hello world!\0' }, 13),
      call('read', { ref: 'pipe.0' }, { out: 13 }, 13),
      call('close', { ref: 'pipe.0' }),
      call('close', { ref: 'pipe.1' }),
    ],
    (results) => {
      ret(0, 13, 13, 0, 0)(results);
      expect(results[2]?.out).toMatchObject({ utf8: 'Hello world!\0' });
    },
  ],
  [
    'epoll',
    [
      { ...call('eventfd2', 0, 0), as: 'event' },
      { ...call('epoll_create', 1), as: 'epoll' },
      call('epoll_ctl', { ref: 'epoll' }, 'EPOLL_CTL_ADD', { ref: 'event' }, { events: 'EPOLLIN|EPOLLOUT', data: 7 }),
      call('epoll_wait', { ref: 'epoll' }, { out: 'epoll_event[4]' }, 4, 500),
      call('close', { ref: 'epoll' }),
      call('close', { ref: 'event' }),
    ],
    (results) => {
      expect(results[3]).toMatchObject({ ret: 1, out: [{ data: 7 }] });
      expect(results.every((result) => (result.ret ?? -1) >= 0)).toBe(true);
    },
  ],
  ['mount_fs_proc', [call('mkdir', '/p', 0o700), call('mount', 'proc', '/p', 'proc', 0, null)], ret(0, 0)],
  ['chdir_proc', [call('chdir', '/p')], ret(0)],
  ['open_cwd', [{ ...call('open', '.', 'O_RDONLY|O_DIRECTORY', 0), as: 'cwd' }], ([open]) => expect(open?.ret).toBe(1)],
  [
    'getdents64',
    [call('getdents64', { ref: 'cwd' }, { out: 4096, type: 'linux_dirent64' }, 4096)],
    ([getdents]) => {
      const names = list(getdents).map(({ d_name }) => d_name);
      expect(names).toEqual(expect.arrayContaining(['.', '..', 'mounts', 'self']));
    },
  ],
  ['close_dir_fd', [call('close', { ref: 'cwd' })], ret(0)],
  ['chdir_root', [call('chdir', '/')], ret(0)],
  ['umount_fs_proc', [call('umount', '/p')], ret(0)],
  [
    'lo_ifup',
    [...socketOfLo, call('close', { ref: 'sock' })],
    (results) => {
      expect(results[0]?.ret).toBeGreaterThanOrEqual(0);
      expect(results.slice(1).map((result) => result.ret)).toEqual([0, 0, 0]);
      const IFF_UP = 1;
      expect((outOf(results[2])?.ifr_flags ?? 0) & IFF_UP).toBe(IFF_UP);
    },
  ],
  ['gettid', [call('gettid')], ret(1)],
  [
    'shared_mmap',
    [
      { ...call('open', '/shared', 'O_RDWR|O_CREAT', 0o600), as: 'shared' },
      call('ftruncate', { ref: 'shared' }, 8192),
      { ...call('mmap', 0, 8192, 'PROT_READ|PROT_WRITE', 'MAP_SHARED', { ref: 'shared' }, 0), as: 'view' },
      // What is stored in the mapping is in the file.
      { ...call('pipe2', { out: 'int[2]' }, 0), as: 'store' },
      call('write', { ref: 'store.1' }, { utf8: 'test' }, 4),
      call('read', { ref: 'store.0' }, { ref: 'view' }, 4),
      call('pread64', { ref: 'shared' }, { out: 4 }, 4, 0),
      call('munmap', { ref: 'view' }, 8192),
    ],
    (results) => {
      expect(results.slice(3).map((result) => result.ret)).toEqual([0, 4, 4, 4, 0]);
      expect(results[6]?.out).toMatchObject({ utf8: 'test' });
    },
  ],
  [
    'private_mmap',
    [
      { ...call('mmap', 0, 8192, 'PROT_READ|PROT_WRITE', 'MAP_PRIVATE', 0, 0), as: 'map' },
      call('write', 0, { ref: 'map' }, 5),
      call('pread64', 0, { out: 10 }, 10, 5),
      call('munmap', { ref: 'map' }, 8192),
    ],
    (results) => {
      expect(results.slice(1).map((result) => result.ret)).toEqual([5, 5, 0]);
      expect(results[2]?.out).toMatchObject({ utf8: 'test\0' });
    },
  ],
];

const THREAD = 'CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD';
const ids = [call('getpid'), call('gettid')];

describe('LKL boot', () => {
  it('one kernel goes through all its steps', async () => {
    const { results } = await play({ loopback: false, calls: steps.flatMap(([, calls]) => calls) });
    let next = 0;
    for (const [name, calls, check] of steps) {
      const own = results.slice(next, next + calls.length);
      next += calls.length;
      try {
        check(own);
      } catch (cause) {
        throw new Error(`${name}: ${JSON.stringify(own)}`, { cause });
      }
    }
  });

  it('mutex: one task holds a lock that another waits for', async () => {
    const open: PlayedCall = { ...call('open', '/lock', 'O_RDWR|O_CREAT', 0o600) };
    const { tasks } = await play({
      tasks: {
        holder: {
          flags: '0',
          calls: [
            { ...open, as: 'held' },
            { ...call('flock', { ref: 'held' }, 'LOCK_EX'), as: 'locked' },
            call('nanosleep', { tv_sec: 1, tv_nsec: 0 }, null),
            call('flock', { ref: 'held' }, 'LOCK_UN'),
          ],
        },
        waiter: {
          flags: '0',
          calls: [
            { ...open, as: 'wanted' },
            { ...call('flock', { ref: 'wanted' }, 'LOCK_EX|LOCK_NB'), after: 'locked' },
            call('flock', { ref: 'wanted' }, 'LOCK_EX'),
          ],
        },
      },
    });
    expect(tasks.waiter?.slice(1)).toMatchObject([{ errno: 'EAGAIN' }, { ret: 0 }]);
    expect(tasks.waiter?.[2]?.ns).toBeGreaterThanOrEqual(AT_LEAST * 1e9);
  });

  it('semaphore: up and down', async () => {
    const up = { hex: '0100000000000000' };
    const { tasks } = await play({
      calls: [{ ...call('eventfd2', 0, 'EFD_SEMAPHORE'), as: 'sem' }],
      tasks: {
        down: {
          flags: 'CLONE_FILES',
          calls: [call('read', { ref: 'sem' }, { out: 8 }, 8), call('read', { ref: 'sem' }, { out: 8 }, 8)],
        },
        up: {
          flags: 'CLONE_FILES',
          calls: [call('write', { ref: 'sem' }, up, 8), call('write', { ref: 'sem' }, up, 8)],
        },
      },
    });
    expect(tasks.down?.map((result) => result.ret)).toEqual([8, 8]);
    expect(tasks.up?.map((result) => result.ret)).toEqual([8, 8]);
  });

  it('join: a process that ends is waited for', async () => {
    const { results } = await play({
      calls: [
        { ...call('fork'), as: 'child' },
        call('kill', { ref: 'child' }, 'SIGTERM'),
        call('wait4', { ref: 'child' }, { out: 'int' }, 0, null),
      ],
    });
    const [child, , wait] = results;
    const SIGTERM = 15;
    expect(wait).toMatchObject({ ret: child?.ret, out: SIGTERM });
  });

  it('syscall_thread: a thread has the pid of its process and a tid of its own', async () => {
    const { tasks } = await play({ tasks: { thread: { flags: THREAD, calls: ids } } });
    const [pid, tid] = tasks.thread ?? [];
    expect(pid?.ret).toBe(1);
    expect(tid?.ret).toBeGreaterThan(1);
  });

  it.each([
    ['many_syscall_threads', THREAD, 1],
    ['new_tgid_threads', 'CLONE_VM|CLONE_FS|CLONE_FILES', 64],
  ])('%s: 64 at once', async (_, flags, processes) => {
    const names = Array.from({ length: 64 }, (_, i) => `t${i}`);
    const { tasks } = await play({
      // The kernel's own limit goes by the memory it booted with.
      sysctl: { 'kernel.threads-max': '256' },
      tasks: Object.fromEntries(names.map((name) => [name, { flags, calls: ids }])),
    });
    expect(new Set(names.map((name) => tasks[name]?.[0]?.ret)).size).toBe(processes);
    expect(new Set(names.map((name) => tasks[name]?.[1]?.ret)).size).toBe(64);
  });

  it('stop_kernel: it halts', async () => {
    const halt = call('reboot', 0xfee1dead, 0x28121969, 'LINUX_REBOOT_CMD_HALT', null);
    await expect(play({ calls: [halt] })).rejects.toMatchObject({ kind: 'program-halt' });
  });
});
