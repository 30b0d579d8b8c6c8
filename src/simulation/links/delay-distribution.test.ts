/** Our tables against the quantiles of those that iproute2 6.1 ships. */

import { expect, test } from 'vitest';
import { delayTable } from './delay-distribution.ts';

const probabilities = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9];

test.each([
  ['normal', [-19121, -10504, -5531, -5, 5520, 10484]],
  ['pareto', [-5426, -5072, -4363, -2625, 949, 7121]],
  ['paretonormal', [-8849, -6430, -4655, -1970, 2091, 7961]],
] as const)('%s has the quantiles of %s.dist within 2 percent of a deviation', (distribution, theirs) => {
  const table = (delayTable(distribution) ?? expect.fail('no table')).toSorted();
  for (const [i, p] of probabilities.entries()) {
    const quantile = table[Math.floor(p * (table.length - 1))] ?? 0;
    expect(Math.abs(quantile - (theirs[i] ?? 0))).toBeLessThan(0.02 * 8192);
  }
});

test('a normal jitter neither delays nor hastens on average', () => {
  const table = delayTable('normal') ?? expect.fail('no table');
  expect(Math.abs(table.reduce((sum, value) => sum + value, 0) / table.length)).toBeLessThan(1);
});

test('uniform needs no table', () => expect(delayTable('uniform')).toBeUndefined());
