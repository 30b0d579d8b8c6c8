import { describe, expect, it } from 'vitest';
import { MetadataError } from '../bad-stack.ts';
import { listIn, numberIn, parseText, textIn } from './text.ts';

describe('the text of LVM2', () => {
  it('has sections, numbers, texts with escapes, lists, and comments that may hold anything', () => {
    const text =
      'vg {\n id = "a\\"b" # "x" { = 12\nseqno = 3\nflags = []\nsub { stripes = ["pv0", 0, "pv1", 7] }\n}\n# end 5\n\0';
    const vg = parseText(text).sections.get('vg');
    if (vg === undefined) throw new Error('no section');
    expect([textIn(vg, 'id'), numberIn(vg, 'seqno'), listIn(vg, 'flags')]).toEqual(['a"b', 3, []]);
    expect(vg.sections.get('sub')?.values.get('stripes')).toEqual(['pv0', 0, 'pv1', 7]);
  });

  it.each([
    ['a = ', 'damaged'],
    ['a { b = 1', 'damaged'],
    ['a = [1, 2', 'damaged'],
    ['} a = 1', 'damaged'],
    ['a = "no end', 'no text'],
    ['a = 1 \u0001', 'no text'],
    ['a {'.repeat(20), 'without end'],
  ])('%j is an error', (text, message) => {
    expect(() => parseText(text)).toThrow(MetadataError);
    expect(() => parseText(text)).toThrow(message);
  });

  it('takes time in proportion to its length, whatever is in it', () => {
    for (const piece of [' ', '#', '# \n', '"\\', 'a', '[', '\n\n#']) {
      try {
        parseText(piece.repeat(200_000));
      } catch (cause) {
        expect(cause).toBeInstanceOf(MetadataError);
      }
    }
  });

  it('costs no stack, however long one thing in it is', () => {
    const long = 4 * 2 ** 20;
    expect(
      parseText(`${' '.repeat(long)}a = "${'x'.repeat(long)}" ${'# \n'.repeat(100_000)}`).values.get('a'),
    ).toHaveLength(long);
    expect(() => parseText('a=['.concat('1,'.repeat(1_000_000)))).toThrow('more than 1000000 words');
  });

  it('numbers that cannot be counts are errors', () => {
    const section = parseText('a = -1 b = 1.5 c = "1" d = 99999999999999999999 e = 8');
    for (const name of ['a', 'b', 'c', 'd', 'none']) expect(() => numberIn(section, name)).toThrow(MetadataError);
    expect(() => numberIn(section, 'e', 7)).toThrow(MetadataError);
    expect(() => parseText('a = 1e400')).toThrow(MetadataError);
  });
});
