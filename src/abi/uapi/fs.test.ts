import { expect, it } from 'vitest';
import { constantGroups } from './constants.ts';
import * as fs from './fs.ts';

it('has the values that the uapi headers give', () => {
  const known = new Map<string, number>();
  for (const [prefix, , text] of Object.values(constantGroups)) {
    const words = text.split(' ');
    for (let i = 0; i + 1 < words.length; i += 2) known.set(`${prefix}${words[i]}`, Number(words[i + 1]));
  }
  const constants = Object.entries(fs).filter(([, value]) => typeof value === 'number');
  const wrong = constants.filter(([name, value]) => known.has(name) && known.get(name) !== value);
  expect(wrong).toEqual([]);
  // Masks, limits and special times, which are not among the words that a caller may use.
  const unknown = constants.map(([name]) => name).filter((name) => !known.has(name));
  expect(unknown).toEqual(['S_IFMT', 'UTIME_NOW', 'UTIME_OMIT', 'XATTR_SIZE_MAX', 'XATTR_LIST_MAX', 'PATH_MAX']);
});

it('encodes device numbers as mknodat(2) takes them', () => {
  expect(fs.encodeDevice(1, 3)).toBe(0x103);
  expect(fs.encodeDevice(4095, 1_048_575)).toBe(0xffff_ffff);
  expect(fs.encodeDevice(259, 0x12345)).toBe(0x1231_0345);
});
