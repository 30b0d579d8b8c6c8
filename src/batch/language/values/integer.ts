/** Whole numbers of the batch language: JSON numbers, text, or words of Linux. */

import { parseWords } from '../../../abi/constants.ts';
import type { ConstantGroup } from '../../../abi/uapi/constants.ts';
import { Mistake } from '../mistake.ts';
import type { Json } from '../types.ts';

/** The number that `value` is or says. With a `group`, only its words count. */
export function integer(value: Json, path: string, group?: ConstantGroup): number | bigint {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value;
    throw new Mistake('wrong-type', path, 'not a whole number up to 2^53: larger ones go in as text');
  }
  if (typeof value !== 'string') throw new Mistake('wrong-type', path, 'a number, or words for one');
  const found = parseWords(value, group);
  if ('unknown' in found) {
    const what = group === undefined ? 'constant' : `${group} word`;
    throw new Mistake('unknown-word', path, `"${found.unknown}" is no ${what} of Linux`);
  }
  if (found.value >= -(1n << 63n) && found.value < 1n << 64n) return found.value;
  throw new Mistake('out-of-range', path, 'more than 64 bits');
}
