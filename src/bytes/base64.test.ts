import { expect, it } from 'vitest';
import { fromBase64, fromBase64Lines, fromBase64Url, toBase64, toBase64Url } from './base64.ts';

it('bytes of any number and value come back', () => {
  for (const length of [0, 1, 2, 3, 0x8000, 0x8001, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes);
    const lines = toBase64(bytes).replaceAll(/.{1,76}/g, '\t$&\r\n');
    expect(fromBase64Lines(new TextEncoder().encode(lines))).toEqual(bytes);
  }
});

it('is that of RFC 4648, and what is none is undefined', () => {
  expect(toBase64(new TextEncoder().encode('foob'))).toBe('Zm9vYg==');
  expect(toBase64Url(Uint8Array.of(0xfb, 0xff, 0xfe, 1))).toBe('-__-AQ');
  expect(fromBase64('Zm9vY')).toBeUndefined();
  expect(fromBase64('Zm9v Yg~')).toBeUndefined();
  for (const text of ['Zm9vY', 'Zm9v Yg~']) expect(fromBase64Lines(new TextEncoder().encode(text))).toBeUndefined();
});
