import { describe, expect, it } from 'vitest';
import { bytes } from './options.ts';

describe('a number of bytes', () => {
  it.each([
    ['1048576', 2 ** 20],
    ['0x100000', 2 ** 20],
    ['1M', 2 ** 20],
    ['2GiB', 2 ** 31],
    ['1.5G', 1.5 * 2 ** 30],
    ['0.3M', 615 * 512],
  ])('%s', (text, value) => expect(bytes(text)).toBe(value));

  it.each(['', '1.5', 'G', '1.G', '1e3', '-1M', '9P', '8388608.5T', '1,5G'])('is none: %j', (text) =>
    expect(() => bytes(text)).toThrow('number of bytes'),
  );
});
