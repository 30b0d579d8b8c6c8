import { describe, expect, it } from 'vitest';
import { KernelError, must } from './kernel-error.ts';

describe('must', () => {
  it('passes on what is not an error', () => {
    expect(must('read', 0)).toBe(0);
    expect(must('read', 42)).toBe(42);
  });

  it('throws the errno with the call and the path', () => {
    expect(() => must('openat', -2, './x')).toThrow('openat ./x: no such file or directory (ENOENT)');
    expect(() => must('close', -9)).toThrow('close: bad file descriptor (EBADF)');
  });
});

describe('KernelError', () => {
  it('is a table row and its place', () => {
    const error = new KernelError('statx', 117, Uint8Array.of(0x61, 0xff));
    expect(error).toMatchObject({ call: 'statx', number: 117, errno: 'EUCLEAN', path: 'a\\377' });
    expect(error.problem).toMatchObject({ name: 'EUCLEAN', members: { syscall: 'statx', path: 'a\\377' } });
  });

  it('bears a number outside the table', () => {
    expect(new KernelError('ioctl', 524)).toMatchObject({
      errno: undefined,
      problem: { name: 'internal' },
      path: undefined,
      message: 'ioctl: errno 524',
    });
  });
});
