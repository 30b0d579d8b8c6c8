import { expect, it } from 'vitest';
import { hexLines, shownBytes, shownMode, shownName, shownTime, textOf } from './text.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

it('names keep what can be shown, and are octal where they cannot', () => {
  expect(shownName(bytes('größe 1'))).toBe('größe 1');
  expect(shownName(bytes('a\nb'))).toBe('a\\012b');
  expect(shownName(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a\\377b');
});

it('modes are those of ls -l', () => {
  expect(shownMode('directory', 0o1777)).toBe('drwxrwxrwt');
  expect(shownMode('file', 0o4755)).toBe('-rwsr-xr-x');
  expect(shownMode('file', 0o6644)).toBe('-rwSr-Sr--');
  expect(shownMode('symlink', 0o777)).toBe('lrwxrwxrwx');
});

it('sizes and times are short, and no time is too far away to show nothing wrong', () => {
  expect([0, 999, 1000, 999_999, 1234567, 5e13].map(shownBytes)).toEqual([
    '0 B',
    '999 B',
    '1.00 kB',
    '1.00 MB',
    '1.23 MB',
    '50.0 TB',
  ]);
  expect(shownTime(1_700_000_000_000_000_000n)).toBe('2023-11-14 22:13');
  expect(shownTime(2n ** 63n - 1n)).toBe('2262-04-11 23:47');
});

it('text is UTF-8 without NUL, cut anywhere; else it is hex', () => {
  expect(textOf(bytes('grün').subarray(0, 3))).toBe('gr');
  expect(textOf(Uint8Array.of(0x61, 0, 0x62))).toBeUndefined();
  expect(textOf(Uint8Array.of(0xff, 0xfe, 0xff, 0xfe, 0xfe))).toBeUndefined();
  expect(hexLines(bytes('Linux 6.12 inside'), 16)).toBe(
    [
      '00000010  4c 69 6e 75 78 20 36 2e  31 32 20 69 6e 73 69 64  |Linux 6.12 insid|',
      '00000020  65                                                |e|',
    ].join('\n'),
  );
});
