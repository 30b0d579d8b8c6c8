/** The types that a caller names in a batch, and where each may stand. */

import type { Kind } from '../../../abi/kinds.ts';
import { isNumber, structName } from '../../../abi/layout.ts';
import { Mistake } from '../mistake.ts';
import type { Json } from '../types.ts';

/** Types that callers may name besides structs and numbers. */
const named = new Set([
  'bytes',
  'cstr',
  'names',
  'sockaddr',
  'sockaddr_storage',
  'sigset',
  'fd_set',
  'netlink',
  'in_addr',
  'in6_addr',
]);
/** The tables' name of a type that a caller names. */
export function typeName(name: Json, path: string): string {
  const known = typeof name === 'string' && (isNumber(name) || named.has(name)) ? name : structName(String(name));
  if (known === undefined) throw new Mistake('unknown-struct', path, `no struct ${String(name)}`);
  return known;
}

/** A call that reads or writes one struct is not given another. */
export function checkType(kind: Kind, type: string, path: string): void {
  const struct = structName(kind.type);
  if (struct === undefined || struct === type || structName(type) === undefined) return;
  throw new Mistake('wrong-type', path, `the call has a struct ${struct} here, not ${type}`);
}
