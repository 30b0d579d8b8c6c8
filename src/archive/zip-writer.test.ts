/** Headers of a zip: where 32 bits end, times, names. */

import { describe, expect, it } from 'vitest';
import { descriptor, directoryLine, localHeader, type ZipEntry, zipEnd } from './zip-writer.ts';

const GIB = 2 ** 30;
const entry: ZipEntry = {
  name: new TextEncoder().encode('file'),
  mode: 0o100644,
  uid: 2 ** 32 - 2,
  gid: 3,
  mtimeNs: 1_000_000_000_500_000_000n,
  method: 'deflated',
  size: 10,
};
const data = { crc: 1, packedBytes: 8 };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('a zip', () => {
  it.each([
    [10, 16, 20],
    [4 * GIB - 1, 24, 45],
    [5 * GIB, 24, 45],
  ])('of a file of %i bytes has a descriptor of %i bytes', (size, bytes) => {
    expect(descriptor({ ...entry, size }, data).length).toBe(bytes);
    // The header says beforehand which of them it is: by a field of zip64.
    expect(hex(localHeader({ ...entry, size })).includes('01001000')).toBe(bytes === 24);
  });

  it('tells what 32 bits cannot in fields of 64', () => {
    const line = directoryLine({ ...entry, size: 5 * GIB }, { crc: 1, packedBytes: 10 }, 6 * GIB);
    const view = new DataView(line.buffer);
    expect([20, 24, 42].map((at) => view.getUint32(at, true))).toEqual([10, 0xffffffff, 0xffffffff]);
    expect(view.getUint16(50, true)).toBe(1);
    expect([view.getBigUint64(54, true), view.getBigUint64(62, true)]).toEqual([BigInt(5 * GIB), BigInt(6 * GIB)]);
  });

  it.each([
    [1, 100, 10, 22],
    [65_535, 100, 10, 98],
    [1, 5 * GIB, 10, 98],
  ])('of %i files with its directory at %i ends with so many bytes', (entries, at, bytes, length) => {
    expect(zipEnd(entries, at, bytes).length).toBe(length);
  });

  it.each([
    ['of 2001', 1_000_000_000_000_000_000n, '5455050001', '00ca9a3b'],
    ['before 1970', -1n, '5554050001', 'ffffffff'],
    ['after 2038', 5_000_000_000n * 1_000_000_000n, '0a002000', ''],
    ['before 1901', -5_000_000_000n * 1_000_000_000n, '0a002000', ''],
  ])('has a time %s', (_, mtimeNs, field, seconds) => {
    const text = hex(localHeader({ ...entry, mtimeNs }));
    expect(text).toContain(field.replace(/^5455/, '5554') + seconds);
  });

  it('has names as they are, and says of those that are UTF-8 that they are', () => {
    const flags = (name: Uint8Array) => new DataView(localHeader({ ...entry, name }).buffer).getUint16(6, true);
    const names = ['a', 'ä', '\n'].map((name) => new TextEncoder().encode(name));
    expect([...names, Uint8Array.of(0xff)].map(flags)).toEqual([8, 8 | 2048, 8, 8]);
  });
});
