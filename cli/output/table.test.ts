import { expect, it } from 'vitest';
import { textLines, textTable } from './table.ts';

it('columns are as wide as their widest row, and empty ones are left out', () => {
  const columns = [{ title: 'name' }, { title: 'none' }, { title: 'bytes', right: true }];
  expect(
    textTable(columns, [
      ['a', '', '1'],
      ['länger', '', '1000000'],
    ]),
  ).toBe('name      bytes\na             1\nlänger  1000000');
});

it('there may be more rows than a call has arguments', () => {
  const rows = Array.from({ length: 300_000 }, (_, i) => [`${i}`, 'x']);
  const lines = [...textLines([{ title: '', right: true }, { title: '' }], rows)];
  expect([lines.length, lines.at(1), lines.at(-1)]).toEqual([300_001, '     0  x', '299999  x']);
});
