import { describe, expect, it } from 'vitest';
import { formatWords, groupOf, parseWords } from './constants.ts';
import { type ConstantGroup, constantGroups } from './uapi/constants.ts';

describe('words of the user ABI', () => {
  it('joins flags and numbers', () => {
    expect(parseWords('O_RDWR|O_CREAT', 'open')).toEqual({ value: 66n });
    expect(parseWords('O_WRONLY | 0x40 | 01000', 'open')).toEqual({ value: 1n | 0x40n | 0o1000n });
    expect(parseWords('-1')).toEqual({ value: -1n });
    expect(parseWords('18446744073709551615')).toEqual({ value: (1n << 64n) - 1n });
  });

  it('has the values of the 32-bit generic ABI', () => {
    // asm-generic/fcntl.h, linux/fcntl.h, asm-generic/socket.h, linux/mount.h: the values of most architectures.
    expect(parseWords('AT_FDCWD', 'dirfd')).toEqual({ value: -100n });
    expect(parseWords('O_DIRECTORY', 'open')).toEqual({ value: 0o200000n });
    expect(parseWords('O_LARGEFILE', 'open')).toEqual({ value: 0o100000n });
    expect(parseWords('SO_RCVTIMEO', 'so')).toEqual({ value: 20n });
    expect(parseWords('MS_NOUSER', 'mount')).toEqual({ value: 1n << 31n });
    expect(parseWords('FS_IOC_GETFLAGS', 'ioctl')).toEqual({ value: 0x80046601n });
    expect(parseWords('RTM_NEWLINK', 'rtm')).toEqual({ value: 16n });
  });

  it('knows a word only in its group, or in any when the argument has none', () => {
    expect(parseWords('O_RDWR|SIGTERM', 'open')).toEqual({ unknown: 'SIGTERM' });
    expect(parseWords('SIGTERM')).toEqual({ value: 15n });
    expect(parseWords('O_NOPE', 'open')).toEqual({ unknown: 'O_NOPE' });
    expect(parseWords('', 'open')).toEqual({ unknown: '' });
  });

  it('has those that no header of the kernel shows a compiler', () => {
    expect(parseWords('UTIME_OMIT')).toEqual({ value: 0x3ffffffen });
    expect(parseWords('BLKGETSIZE64', 'ioctl')).toEqual({ value: 0x80041272n });
    expect(parseWords('RLIM_INFINITY', 'open')).toEqual({ unknown: 'RLIM_INFINITY' });
    expect([parseWords('PF_INET'), parseWords('PF_INET', 'family')]).toEqual([{ value: 2n }, { value: 2n }]);
    expect(parseWords('SOL_IP', 'sol')).toEqual({ value: 0n });
    expect(parseWords('QCMD(Q_GETQUOTA, GRPQUOTA)', 'quota')).toEqual({ value: 0x8000_0701n });
    expect(parseWords('QCMD(Q_GETQUOTA, O_RDWR)')).toEqual({ unknown: 'QCMD(Q_GETQUOTA, O_RDWR)' });
  });

  it('prints what strace prints', () => {
    expect(formatWords(66, 'open')).toBe('O_RDWR|O_CREAT');
    expect(formatWords(0, 'open')).toBe('O_RDONLY');
    expect(formatWords(0o4010000 | 1, 'open')).toBe('O_WRONLY|O_SYNC');
    expect(formatWords(-100, 'dirfd')).toBe('AT_FDCWD');
    expect(formatWords(3, 'dirfd')).toBeUndefined();
    expect(formatWords(0o100644, 'mode')).toBe('S_IFREG|S_IRUSR|S_IWUSR|S_IRGRP|S_IROTH');
    expect(formatWords(15, 'signal')).toBe('SIGTERM');
    expect(formatWords(0x80001, 'socket')).toBe('SOCK_STREAM|SOCK_CLOEXEC');
    expect(formatWords(0, 'at')).toBe('0');
    expect(formatWords(0x10, 'prot')).toBeUndefined();
    expect(formatWords(0x200000000, 'clone3')).toBe('CLONE_INTO_CGROUP');
    expect(formatWords(0x8000_0802, 'quota')).toBe('QCMD(Q_SETQUOTA, PRJQUOTA)');
  });

  it('has one value for each name, whatever the group', () => {
    const all = new Map<string, number>();
    for (const name of Object.keys(constantGroups) as ConstantGroup[])
      for (const [word, value] of groupOf(name).values) {
        expect(all.get(word) ?? value, word).toBe(value);
        all.set(word, value);
      }
    expect(all.size).toBeGreaterThan(3000);
  });

  it('gives back every single flag and value of every group', () => {
    for (const name of Object.keys(constantGroups) as ConstantGroup[]) {
      for (const [word, value] of groupOf(name).values) {
        const shown = formatWords(value, name);
        expect(shown === undefined ? undefined : parseWords(shown, name), `${name} ${word}`).toEqual({
          value: BigInt(value),
        });
      }
    }
  });
});
