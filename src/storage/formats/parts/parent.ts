/** Whether the file that a disk builds on is the one, and as it was when the disk was made. */

import { FormatError } from '../../errors.ts';

/**
 * Blocks of a parent that was written to since, or of another one, beside blocks of the child are a disk that never was: every
 * hypervisor refuses it. `expected`: what the child says; what says nothing is not checked.
 */
export function mustBeParent(
  format: string,
  name: string,
  id: string | undefined,
  expected: readonly (string | undefined)[],
): void {
  const ids = expected.filter((one) => one !== undefined);
  if (id === undefined || ids.length === 0 || ids.includes(id)) return;
  throw new FormatError(
    format,
    `${JSON.stringify(name)} is not what it builds on, or was changed since: it has the id ${id}, and should have ${ids.join(' or ')}`,
  );
}
