import { describe, expect, it } from 'vitest';
import { parametersOf } from '../../abi/kinds.ts';
import { type SyscallName, syscalls } from '../../abi/syscalls.ts';
import { aliases, rename } from './aliases.ts';
import { encode } from './encode.ts';
import { Arena } from './layout/arena.ts';
import type { Json } from './types.ts';

/** The call and the registers it gets; pointers into its memory as "memory". */
function registers(name: string, ...args: Json[]) {
  const renamed = rename(name, args);
  if (!renamed) throw new Error(`no ${name}`);
  const { slots } = encode(new Arena(4096), renamed.call, renamed.args, renamed.paths);
  return [renamed.call, ...slots.map(({ register, buffer }) => (buffer ? 'memory' : Number(register)))];
}

/** What the caller sees of a kernel's answer. */
const answer = (name: string, args: Json[], ret: number, out?: Json) => rename(name, args)?.answer?.(ret, out);

describe('names of calls', () => {
  it.each(Object.keys(syscalls) as SyscallName[])('%s is reached by its own name or as its 64-bit form', (name) => {
    const args = (parametersOf(name) ?? []).map(() => 0);
    const reached = rename(name, args.slice(0, 2))?.call;
    expect(reached === name || reached?.startsWith(name) || aliases.get(name) === reached, `${name} → ${reached}`).toBe(
      true,
    );
  });

  it.each([...aliases])('%s stands for %s, and can be called', (name, call) => {
    const made = registers(name, ...(name === 'utime' || name === 'utimes' ? [0, null] : []));
    const kernels = { stat: ['fstatat64'], lstat: ['fstatat64'], fstat: ['fstat64'] };
    const own = { dup2: ['dup3', 'fcntl64'], ...kernels }[name] ?? [call];
    expect(own).toContain(made[0]);
    expect(made.length - 1).toBe((parametersOf(made[0] as SyscallName) ?? []).length);
  });

  it('maps calls without a directory to those with one', () => {
    expect(registers('open', '/f', 'O_WRONLY|O_CREAT', 0o600)).toEqual(['openat', -100, 'memory', 65, 0o600]);
    expect(registers('creat', '/f', 0o600)).toEqual(['openat', -100, 'memory', 0o1101, 0o600]);
    expect(registers('rmdir', '/d')).toEqual(['unlinkat', -100, 'memory', 0x200]);
    expect(registers('symlink', 'to', '/l')).toEqual(['symlinkat', 'memory', -100, 'memory']);
    expect(registers('rename', '/a', '/b')).toEqual(['renameat2', -100, 'memory', -100, 'memory', 0]);
    expect(registers('lstat', '/a', { out: 'stat' })).toEqual(['statx', -100, 'memory', 0x100, 0x7ff, 'memory']);
    expect(registers('lstat', '/a', { out: 104 })).toEqual(['fstatat64', -100, 'memory', 'memory', 0x100]);
    expect(registers('statfs', '/a', { out: 'statfs' })).toEqual(['statfs64', 'memory', 88, 'memory']);
  });

  it('gives time its 64 bits, and keeps the 32-bit forms within reach', () => {
    expect(rename('clock_gettime', [0, { out: 'timespec' }])?.call).toBe('clock_gettime64');
    expect(rename('clock_gettime_time32', [0, { out: 'timespec32' }])?.call).toBe('clock_gettime');
    expect(registers('nanosleep', { tv_sec: 1 }, null)).toEqual(['clock_nanosleep_time64', 0, 0, 'memory', 0]);
  });

  it('splits an offset of lseek, and answers what llseek wrote', () => {
    expect(registers('lseek', 3, -1, 'SEEK_END')).toEqual(['llseek', 3, 0xffffffff, 0xffffffff, 'memory', 2]);
    expect(registers('lseek', 3, '0x500000001', 0)).toEqual(['llseek', 3, 5, 1, 'memory', 0]);
    expect(answer('lseek', [3, 0, 0], 0, 5_000_000_000)).toEqual({ ret: 5_000_000_000 });
    expect(answer('lseek', [3, 0, 0], -29)).toEqual({ ret: -29 });
  });

  it('counts an offset of mmap in pages, and refuses one between pages', () => {
    expect(registers('mmap', 0, 4096, 'PROT_READ', 'MAP_SHARED', 3, 8192)).toEqual(['mmap2', 0, 4096, 1, 1, 3, 2]);
    expect(rename('mmap', [0, 4096, 1, 1, 3, 100])?.refused).toBe('EINVAL');
  });

  it('duplicates onto itself as dup2 does', () => {
    expect(registers('dup2', 3, 4)).toEqual(['dup3', 3, 4, 0]);
    expect(registers('dup2', 3, 3)).toEqual(['fcntl64', 3, 3, 0]);
    expect(answer('dup2', [3, 3], 2)).toEqual({ ret: 3 });
    expect(answer('dup2', [3, 3], -9)).toEqual({ ret: -9 });
  });

  it('waits for ever, not at all, or as long as poll is told', () => {
    const timeout = (ms: number) => rename('poll', [null, 0, ms])?.args[2];
    expect([timeout(-1), timeout(0), timeout(1500)]).toEqual([
      null,
      { tv_sec: 0, tv_nsec: 0 },
      { tv_sec: 1, tv_nsec: 500_000_000 },
    ]);
    const fds = [{ fd: 0, events: 1, revents: 1 }];
    expect(answer('poll', [[], 0, 0], 1, { ufds: fds, tsp: { tv_sec: 0 } })).toEqual({ ret: 1, out: fds });
    expect(answer('poll', [[], 0, -1], 1, fds)).toEqual({ ret: 1, out: fds });
  });

  it('turns microseconds into nanoseconds', () => {
    expect(rename('utimes', ['/f', [{ tv_sec: 1, tv_usec: 2 }, { tv_sec: 3 }]])?.args[2]).toEqual([
      { tv_sec: 1, tv_nsec: 2000 },
      { tv_sec: 3, tv_nsec: 0 },
    ]);
    expect(rename('utimes', ['/f', null])?.args[2]).toBeNull();
    expect(rename('utime', ['/f', { actime: 5, modtime: 6 }])?.args[2]).toEqual([
      { tv_sec: 5, tv_nsec: 0 },
      { tv_sec: 6, tv_nsec: 0 },
    ]);
    expect(rename('select', [1, null, null, null, { tv_usec: 7 }])?.args[4]).toEqual({ tv_sec: 0, tv_nsec: 7000 });
  });

  it('answers the seconds left of an alarm, rounded up, and of the clock', () => {
    const old = { it_interval: { tv_sec: 0, tv_usec: 0 }, it_value: { tv_sec: 9, tv_usec: 1 } };
    expect(answer('alarm', [5], 0, old)).toEqual({ ret: 10 });
    expect(answer('time', [null], 0, { tv_sec: 1_700_000_000, tv_nsec: 5 })).toEqual({ ret: 1_700_000_000 });
  });

  it('knows no other names', () => {
    expect([rename('openn', []), rename('constructor', []), rename('', [])]).toEqual([undefined, undefined, undefined]);
  });
});
