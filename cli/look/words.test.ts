/** Names in lines of words. */

import { expect, it } from 'vitest';
import { shown } from './words.ts';

it('a name begins no line of its own, moves nothing, and is not obeyed by a terminal', () => {
  expect(shown(Buffer.from('a\nb\tc\x1b[31m'))).toBe('a\\012b\\011c\\033[31m');
  expect(shown(Buffer.from('ä b'))).toBe('ä b');
  expect(shown(Buffer.from([0x63, 0xe9]))).toBe('c\\351');
});
