import { expect, it } from 'vitest';
import { withoutEnd } from './ends.ts';

it('takes off the end alone, in time that grows with what it takes off', () => {
  expect(withoutEnd('/a//b///', '/')).toBe('/a//b');
  expect(withoutEnd('YQ= =\n', '= \n')).toBe('YQ');
  expect([withoutEnd('', '/'), withoutEnd('///', '/'), withoutEnd('a', '')]).toEqual(['', '', 'a']);
  const long = `${'/'.repeat(2 ** 22)}a`;
  expect(withoutEnd(long, '/')).toBe(long);
});
