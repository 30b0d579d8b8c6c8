/** Statistics against values worked out by hand. */

import { expect, test } from 'vitest';
import { bitRate, InterarrivalJitter, jainIndex, percentile, summarize } from './stats.ts';

test('percentiles lie between ranks', () => {
  expect(percentile([1, 2, 3, 4], 0.5)).toBe(2.5);
  expect(percentile([1, 2, 3, 4, 5], 0.9)).toBeCloseTo(4.6, 12);
  expect(percentile([7], 0.99)).toBe(7);
});

test('a summary sorts its values', () => {
  expect(summarize([4, 2, 6])).toEqual({
    quantiles: [2, 2.2, 2.4, 2.6, 2.8, 3, 3.2, 3.4, 3.6, 3.8, 4, 4.2, 4.4, 4.6, 4.8, 5, 5.2, 5.4, 5.6, 5.8, 6].map(
      (n) => expect.closeTo(n, 9),
    ),
    count: 3,
    min: 2,
    mean: 4,
    max: 6,
    deviation: Math.sqrt(8 / 3),
    p50: 4,
    p90: 5.6,
    p95: 5.8,
    p99: 5.96,
  });
  expect(summarize([])).toBeUndefined();
});

test('fairness is 1 for equals and 1/n for one who takes all', () => {
  expect(jainIndex([5, 5, 5, 5])).toBe(1);
  expect(jainIndex([8, 0, 0, 0])).toBe(0.25);
  expect(jainIndex([0, 0])).toBeUndefined();
});

test('rates', () => {
  expect(bitRate(1_250_000, 1e9)).toBe(10e6);
  expect(bitRate(1, 0)).toBe(0);
});

test('jitter follows the differences of transit times by a sixteenth', () => {
  const jitter = new InterarrivalJitter();
  for (const transit of [10, 26, 10]) jitter.add(transit);
  expect(jitter.value).toBe(1 + 15 / 16);
});
