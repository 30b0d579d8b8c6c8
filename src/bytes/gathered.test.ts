/** Laws of bytes that are gathered. */

import { expect, it } from 'vitest';
import { Gathered } from './gathered.ts';

it('gives back what came, in order, whatever the pieces are', () => {
  for (const sizes of [[], [1], [1, 255, 1], [300, 70_000, 3], [65_536], [65_535, 2], Array(5000).fill(1)]) {
    const gathered = new Gathered();
    let next = 0;
    for (const size of sizes) gathered.add(Uint8Array.from({ length: size }, () => next++ % 251));
    expect(gathered.length).toBe(next);
    expect(Buffer.from(gathered.take()).equals(Buffer.from(Array.from({ length: next }, (_, at) => at % 251)))).toBe(
      true,
    );
    expect([gathered.length, gathered.take().length]).toEqual([0, 0]);
  }
});

it('holds the bytes of small pieces alone, not what they are views of', () => {
  const gathered = new Gathered();
  const large = new Uint8Array(2 ** 20);
  for (let at = 0; at < 1000; at++) gathered.add(large.subarray(at, at + 1));
  expect(gathered.take().buffer.byteLength).toBeLessThan(4096);
});
