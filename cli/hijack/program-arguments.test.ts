/** Options before the program's name are the command's, those after it are its own. */

import { expect, test } from 'vitest';
import { withProgramApart } from './program-arguments.ts';

const apart = (line: string): string =>
  withProgramApart(['node', 'lkl', ...line.split(' ')])
    .slice(2)
    .join(' ');

test.each([
  ['hijack ip -s link', 'hijack -- ip -s link'],
  ['hijack ping -c 1 ::1', 'hijack -- ping -c 1 ::1'],
  ['hijack -c a.json --strace ip -c link', 'hijack -c a.json --strace -- ip -c link'],
  ['hijack --strace=f -m 64 a', 'hijack --strace=f -m 64 -- a'],
  ['hijack -p 80 --publish 1:2 a -p', 'hijack -p 80 --publish 1:2 -- a -p'],
  ['hijack --seed x -- ip -c', 'hijack --seed x -- ip -c'],
  ['-v hijack a -v', '-v hijack -- a -v'],
  ['hijack --help', 'hijack --help'],
  ['hijack -c', 'hijack -c'],
  ['ls hijack -l', 'ls hijack -l'],
])('%s', (line, expected) => expect(apart(line)).toBe(expected));
