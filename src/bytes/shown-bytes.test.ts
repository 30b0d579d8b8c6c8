/** Names that are text, that are not, and that are in part. */

import { expect, it } from 'vitest';
import { shownBytes } from './shown-bytes.ts';

it('no byte of a name is lost', () => {
  const of = (...bytes: number[]) => shownBytes(Uint8Array.from(bytes));
  expect(shownBytes(new TextEncoder().encode('é\n'))).toBe('é\n');
  expect(of(0x63, 0xe9)).toBe('c\\351');
  expect(of(0xff, 0xc3, 0xa9, 0xfe)).toBe('\\377é\\376');
  expect(of(0xe2, 0x82)).toBe('\\342\\202');
  expect(of(0xed, 0xa0, 0x80)).toBe('\\355\\240\\200'); // a surrogate
});
