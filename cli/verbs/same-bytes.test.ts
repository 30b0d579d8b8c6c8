import { expect, it } from 'vitest';
import { type Piece, sameBytes } from './same-bytes.ts';

async function* of(...pieces: (string | number)[]): AsyncGenerator<Piece> {
  for (const piece of pieces) yield typeof piece === 'number' ? piece : new TextEncoder().encode(piece);
}

it.each<[same: boolean, a: (string | number)[], b: (string | number)[]]>([
  [true, [], []],
  [true, ['abc', 'def'], ['a', 'bcde', '', 'f']],
  [true, [2 ** 50, 'end'], [2 ** 49, 2 ** 49, 'e', 'nd']],
  [true, ['a', 3, 'b'], ['a\0', 2, 'b']],
  [true, [2, '\0\0'], ['\0', 3]],
  [false, ['abc'], ['abd']],
  [false, ['abc'], ['ab']],
  [false, ['a', 3], ['a\0\0b']],
  [false, ['\0x', 1], [3]],
  [false, [5], [4]],
  [false, [], [1]],
])('%s: %j and %j', async (same, a, b) => {
  expect(await sameBytes(of(...a), of(...b))).toBe(same);
  expect(await sameBytes(of(...b), of(...a))).toBe(same);
});
