import { expect, it } from 'vitest';
import { fromLatin1, latin1 } from './latin1.ts';

it.each([0, 3, 4096, 4097, 300_000])('%i bytes are as many characters, and come back', (length) => {
  const bytes = Uint8Array.from({ length }, (_, i) => 255 - i);
  expect(latin1(bytes)).toHaveLength(length);
  expect(fromLatin1(latin1(bytes))).toEqual(bytes);
});
