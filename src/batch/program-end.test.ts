import { expect, test } from 'vitest';
import { programEnd } from './program-end.ts';

test('a kernel that looked for memory until its watchdog ended it was out of memory', () => {
  const stuck = { end: 'panic', message: 'Kernel panic: soft lockup in init' } as const;
  expect(programEnd({ ...stuck, console: 'cat invoked oom-killer: gfp_mask=0x140cc2' })).toBe('program-oom');
  expect(programEnd({ ...stuck, console: '' })).toBe('kernel-panic');
});

test.each([
  ['deadlock', 'every task waits', 'program-deadlock'],
  ['oom', 'Out of memory and no killable processes...', 'program-oom'],
  ['deadline', 'not done after 30000 ms', 'program-too-long'],
  ['halt', 'Kernel panic: restart', 'program-halt'],
  ['halt', 'the kernel was stopped', 'kernel-halt'],
  ['panic', 'sysrq triggered crash', 'program-panic'],
  ['panic', 'EXT4-fs (device vda): panic forced after error', 'program-panic'],
  ['panic', 'Attempted to kill init! exitcode=0x00000009', 'program-panic'],
  ['panic', 'VFS: unable to find root', 'kernel-panic'],
  ['bug', 'BUG!', 'kernel-bug'],
  ['trap', 'unreachable', 'kernel-trap'],
] as const)('a kernel that ended by %s, "%s", is %s', (end, message, name) => {
  expect(programEnd({ end, message })).toBe(name);
});
