import { expect, it } from 'vitest';
import { fromLossless, toLossless } from './lossless.ts';

it.each([
  [[]],
  [[0x61, 0xc3, 0xa9]],
  [[0x61, 0xff, 0xfe]],
  [[0xc3]],
  [[0xef, 0xbb, 0xbf, 0x61]],
  [[0xf0, 0x9f, 0x98, 0x80]],
])('%j comes back', (bytes) => {
  expect([...fromLossless(toLossless(Uint8Array.from(bytes)))]).toEqual(bytes);
});

it('UTF-8 is what it is', () => {
  expect(toLossless(new TextEncoder().encode('é😀'))).toBe('é😀');
});
