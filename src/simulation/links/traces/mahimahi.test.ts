/** Traces as mm-link(1) takes them. */

import { expect, test } from 'vitest';
import { meanRate, parseTrace } from './mahimahi.ts';

test('a line is an opportunity, the last one the length of a round', () => {
  expect(parseTrace('0\n5\n5\n10\n')).toEqual({ opportunitiesMs: [0, 5, 5, 10], periodMs: 10 });
  expect(parseTrace([3, 6])).toEqual({ opportunitiesMs: [3, 6], periodMs: 6 });
});

test.each(['', '0\n', '5\n4\n', '1.5\n', 'fast\n', '-1\n3\n'])('%j is no trace', (text) => {
  expect(parseTrace(text)).toBeUndefined();
});

test('the mean rate is what every opportunity together carries', () => {
  expect(meanRate({ opportunitiesMs: [1, 2, 3, 4], periodMs: 4 })).toBe(12e6);
});
