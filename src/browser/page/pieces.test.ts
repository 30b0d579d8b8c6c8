import { expect, it } from 'vitest';
import { asOne } from './pieces.ts';

const file = (name: string, content: string) => new File([content], name);

it('pieces that were dropped together are one file, in their order; what lacks, or is none, is told by its name', async () => {
  const [one, two, three] = [file('d.raw.001', 'abc'), file('d.raw.002', 'def'), file('d.raw.003', 'g')];
  const whole = asOne([three, one, two]);
  expect([whole.name, await whole.content.text()]).toEqual(['d.raw.001', 'abcdefg']);
  expect(asOne([two]).content).toBe(two);
  expect(() => asOne([one, three])).toThrow('d.raw.002 is missing');
  expect(() => asOne([two, three])).toThrow('d.raw.001 is missing');
  expect(() => asOne([one, file('d.raw.002', 'd'), three])).toThrow('d.raw.002 has 1 bytes, d.raw.001 3');
  expect(() => asOne([one, file('other.img', '')])).toThrow('not the pieces of one');
});
