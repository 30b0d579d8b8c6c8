/** What a task of a batch shares with pid 1, as the flags of clone(2). */

import { groupOf, parseWords } from '../abi/constants.ts';
import { badCall, prefixOf } from './bad-call.ts';

/** Of clone(2), what a task of a batch cannot be: the parent that waits is pid 1, and there is nothing these could point at. */
const unclonable = [
  'CLONE_VFORK',
  'CLONE_PIDFD',
  'CLONE_SETTLS',
  'CLONE_PARENT_SETTID',
  'CLONE_CHILD_SETTID',
  'CLONE_CHILD_CLEARTID',
];

/** Where the flags of a task stand in the request. */
export const flagsOf = (name: string): string => `${prefixOf(name)}/flags`;

/** The flags of a task as a number. Throws `bad-call`. */
export function mayClone(name: string, flags: string): number {
  const path = flagsOf(name);
  const found = parseWords(flags, 'clone');
  if ('unknown' in found) throw badCall('unknown-word', path, `"${found.unknown}" is no clone word of Linux`);
  const number = found.value;
  if (number !== BigInt.asUintN(32, number)) throw badCall('out-of-range', path, `${flags} is no set of 32 flags`);
  const { values } = groupOf('clone');
  const refused = unclonable.find((word) => number & BigInt(values.get(word) ?? 0));
  if (refused !== undefined) throw badCall('unknown-word', path, `a task cannot have ${refused}`);
  return Number(number);
}
