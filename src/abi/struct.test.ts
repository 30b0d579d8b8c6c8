import { expect, it } from 'vitest';
import { Struct, s64, u8, u16, u32, u64, u64AsNumber } from './struct.ts';

const inner = Struct({ a: u8, b: u64 });
const outer = Struct({ first: u8, second: u16, third: u32, inner, last: u8 });

it('lays fields out as C does, with holes for alignment and at the end', () => {
  expect([inner.size, inner.align, outer.size, outer.align]).toEqual([16, 8, 32, 8]);
  const data = new DataView(new ArrayBuffer(64));
  outer.write(data, 8, { first: 1, second: 2, third: 3, inner: { a: 4, b: 5n }, last: 6 });
  expect([...new Uint8Array(data.buffer, 8, 32)]).toEqual([
    1, 0, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
  ]);
});

it('reads what it wrote', () => {
  const all = Struct({ u8, u16, u32, u64, s64, u64AsNumber });
  const data = new DataView(new ArrayBuffer(all.size));
  const values = {
    u8: 255,
    u16: 65_535,
    u32: 2 ** 32 - 1,
    u64: 2n ** 64n - 1n,
    s64: -(2n ** 63n),
    u64AsNumber: 2 ** 53,
  };
  all.write(data, 0, values);
  expect(all.read(data, 0)).toEqual(values);
});
