/** Why an interface cannot be made, in the words of whoever asked for it. */

import { type ErrnoName, errnos } from '../../abi/errno.ts';

export class InterfaceError extends Error {
  override readonly name = 'InterfaceError';
}

/** `what` as it was asked for (`tap lkl0`), and why the machine refuses it; `hint`: what may help, by errno. */
export function refused(
  what: string,
  cause: unknown,
  hint: Partial<Readonly<Record<ErrnoName, string>>> = {},
): InterfaceError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  if (code === undefined || !isErrno(code))
    return new InterfaceError(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  const help = hint[code];
  return new InterfaceError(`${what}: ${errnos[code].message} (${code})${help === undefined ? '' : `: ${help}`}`, {
    cause,
  });
}

const isErrno = (code: string): code is ErrnoName => Object.hasOwn(errnos, code);
