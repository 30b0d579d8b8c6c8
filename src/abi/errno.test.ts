import { expect, it } from 'vitest';
import { errnoName, errnos } from './errno.ts';

it('has each of Linux 6.12, once', () => {
  const numbers = Object.values(errnos).map(({ number }) => number);
  const unassigned = [41, 58]; // asm-generic/errno.h
  const expected = Array.from({ length: 133 }, (_, i) => i + 1).filter((number) => !unassigned.includes(number));
  expect(numbers).toEqual(expected);
});

it('finds names by number', () => {
  expect([1, 35, 95, 117, 133].map(errnoName)).toEqual(['EPERM', 'EDEADLK', 'EOPNOTSUPP', 'EUCLEAN', 'EHWPOISON']);
  expect(errnoName(524)).toBeUndefined();
});
