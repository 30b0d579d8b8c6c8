/** The row that a problem's name stands for, whichever table has it. */

import { type ErrnoName, errnos } from '../abi/errno.ts';
import type { ProblemName } from './problem.ts';
import { type Fault, type HostErrorKind, type HostErrorName, hostErrors } from './table.ts';

export const isErrnoName = (name: string): name is ErrnoName => Object.hasOwn(errnos, name);
export const isHostErrorName = (name: string): name is HostErrorName => Object.hasOwn(hostErrors, name);
export const isProblemName = (name: string): name is ProblemName => isErrnoName(name) || isHostErrorName(name);

/** Statuses of errnos that tell of how things are, not of what was sent. */
const STATE = [404, 409];

export function rowOf(name: ProblemName): HostErrorKind {
  if (isHostErrorName(name)) return hostErrors[name];
  const { message, status } = errnos[name];
  return { message, status, fault: faultOf(status) };
}

function faultOf(status: number): Fault {
  if (status >= 500) return 'service';
  if (status === 403) return 'access';
  return STATE.includes(status) ? 'state' : 'image';
}

/** Every name there is, with its row. */
export const allProblems: readonly (HostErrorKind & { readonly name: ProblemName })[] = [
  ...(Object.keys(hostErrors) as HostErrorName[]),
  ...(Object.keys(errnos) as ErrnoName[]),
].map((name) => ({ name, ...rowOf(name) }));
