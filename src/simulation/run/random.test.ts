/** Random numbers that a seed decides. */

import { expect, test } from 'vitest';
import { exponential, seededRandom, seedFrom } from './random.ts';
import { drawSize } from './workloads/flows.ts';

const take = (n: number, seed: number, stream: string) => {
  const random = seededRandom(seed, stream);
  return Array.from({ length: n }, random);
};

test('the same seed and stream give the same numbers, any other does not', () => {
  expect(take(10, 7, 'a')).toEqual(take(10, 7, 'a'));
  expect(take(10, 7, 'a')).not.toEqual(take(10, 8, 'a'));
  expect(take(10, 7, 'a')).not.toEqual(take(10, 7, 'b'));
  expect(take(10, 7, 'a')).not.toEqual(take(10, 7 + 2 ** 32, 'a'));
});

test('numbers are spread over [0, 1)', () => {
  const values = take(20_000, 1, 'spread');
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
  expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.5, 2);
});

test('exponential times have the mean they are given', () => {
  const random = seededRandom(1, 'exponential');
  const values = Array.from({ length: 20_000 }, () => exponential(random, 10));
  expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(10, 0);
});

test('seeds for others are whole numbers', () => {
  expect(Number.isSafeInteger(seedFrom(seededRandom(1, 'seed')))).toBe(true);
});

test('sizes lie between the rows they are drawn from, as often as the rows say', () => {
  const rows = [
    [1000, 0],
    [10_000, 0.8],
    [1_000_000, 1],
  ] as const;
  const random = seededRandom(1, 'sizes');
  const sizes = Array.from({ length: 10_000 }, () => drawSize(rows, random));
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1000);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000_000);
  expect(sizes.filter((size) => size <= 10_000).length / sizes.length).toBeCloseTo(0.8, 1);
});
