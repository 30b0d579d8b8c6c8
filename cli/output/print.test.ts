import { expect, it } from 'vitest';
import { jsonPieces } from './print.ts';

it.each([
  [null],
  [[]],
  [{}],
  [{ a: [], b: undefined, c: [1, null, { d: ['x\n"'] }] }],
  [[[], [[1], { e: { f: [2] } }], 'text', undefined]],
  [{ when: new Date(0), list: [new Date(0)] }],
])('the pieces are the text that JSON.stringify gives: %j', (value) => {
  expect([...jsonPieces(value)].join('')).toBe(JSON.stringify(value, null, 2));
});

it('a long list is many pieces', () => {
  const list = Array.from({ length: 1000 }, (_, i) => ({ i }));
  expect(Math.max(...[...jsonPieces([{ list }])].map((piece) => piece.length))).toBeLessThan(50);
});
