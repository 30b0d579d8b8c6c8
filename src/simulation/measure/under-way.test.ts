import { expect, test } from 'vitest';
import { countUnderWay } from './under-way.ts';

/** Sent every 100 ms; the end is at 1 s. */
const sentNs = Array.from({ length: 10 }, (_, i) => i * 100e6);
const at = (arrived: readonly number[], timesMs: readonly number[], otherwiseMs = 40) =>
  countUnderWay({ sentNs, hasArrived: (n) => arrived.includes(n), timesMs, nowNs: 1e9, otherwiseMs });
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

test('as slow as the slowest may still come, and no slower', () => {
  expect(at(upTo(8), [250])).toBe(2);
  expect(at(upTo(8), [150])).toBe(1);
  expect(at(upTo(10), [20])).toBe(0);
});

test('one that was overtaken is lost sooner than one behind the last that arrived', () => {
  expect(at([0, 1, 2, 3, 4, 5, 6, 8, 9], [20, 280])).toBe(0);
  // The queue grew: the eighth was the last to come, 400 ms ago.
  expect(at(upTo(6), [20, 250])).toBe(4);
  expect(at(upTo(6), [250, 250])).toBe(2);
});

test('where none has arrived, links tell how long one takes', () => {
  expect(at([], [])).toBe(0);
  expect(at([], [], 350)).toBe(3);
});
