import { expect, test } from 'vitest';
import { mistakes } from './mistakes.ts';

const wrong = (count: number) => Array.from({ length: count }, (_, i) => ({ path: `a[${i}]`, message: 'is wrong' }));

test('each is told where it is', () => {
  const error = mistakes('invalid-request', wrong(2));
  expect(error.message).toContain('a[0]: is wrong; a[1]: is wrong');
  expect(error.members).toMatchObject({ errors: wrong(2) });
});

test('of a hundred thousand the first hundred are told, and how many more there are', () => {
  const error = mistakes('invalid-request', wrong(100_000), undefined, { option: 'x' });
  expect(error.message).toMatch(/a\[99\]: is wrong; and 99900 more$/);
  expect(error.members).toMatchObject({ option: 'x', errors: wrong(100) });
});
