/** What a handler throws to answer a call with an errno. */

import { type ErrnoName, errnos } from '../../../abi/errno.ts';

export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly errno: number;

  constructor(name: ErrnoName) {
    super(name);
    this.errno = errnos[name].number;
  }
}

/** As a system call answers it. */
export const negative = (name: ErrnoName): number => -errnos[name].number;
