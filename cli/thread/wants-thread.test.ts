/** Which command lines get a thread of their own. */

import { expect, it } from 'vitest';
import { wantsThread } from './wants-thread.ts';

it.each([
  ['run --disk a.img -- true', true],
  ['run --disk=a.img -- true', true],
  ['run -d a.img -- true', true],
  ['run -da.img -- true', true],
  ['run -rd a.img -- true', true],
  ['-v run -d a.img -- true', true],
  ['shell a.img', true],
  ['fsck a.img', true],
  ['resize a.img 1G', true],
  ['run -- true --disk a.img', false],
  ['sim net.json', false],
  ['run', false],
  ['ls --disk', false],
  ['', false],
])('lkl %s: %s', (line, wants) => {
  expect(wantsThread(line.split(' ').filter(Boolean))).toBe(wants);
});
