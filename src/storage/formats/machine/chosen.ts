/** The disk that is meant, of those that a virtual machine has. */

import { ChoiceError } from '../../errors.ts';

export function chosen<T extends { readonly name: string }>(
  format: string,
  disks: readonly T[],
  wanted: string | undefined,
): T {
  const found = disks.filter(({ name }) => wanted === undefined || name === wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const names = disks.map(({ name }) => name);
  const problem = wanted === undefined ? 'name one' : `there is no ${JSON.stringify(wanted)}`;
  throw new ChoiceError('member', `${format}: its disks are ${names.join(', ')}: ${problem}`, names);
}
