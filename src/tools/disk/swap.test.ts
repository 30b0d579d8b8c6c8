import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { cut, swapHeader } from './swap.ts';

const UUID = '01234567-89ab-4cde-8f01-23456789abcd';

it('is the page that mkswap 2.38.1 writes to 1 MiB', () => {
  const header = swapHeader(2 ** 20, UUID, '0123456789abcdefgh');
  expect(createHash('sha256').update(header).digest('hex')).toBe(
    '4cf7dd7736f1c94cf5d964830dbc3f01ea800c27657452a5f0cd80c0b755810e',
  );
});

it('has ten pages at least, and no more than its header can count', () => {
  expect(() => swapHeader(40_959, UUID, undefined)).toThrow('40960 bytes at least');
  expect(new DataView(swapHeader(2 ** 50, UUID, undefined).buffer).getUint32(1028, true)).toBe(2 ** 32 - 1);
});

it('a label that is cut keeps whole characters', () => {
  expect(new TextDecoder().decode(cut('0123456789abcdä', 15))).toBe('0123456789abcd');
  expect(new TextDecoder().decode(cut('ä', 2))).toBe('ä');
});
