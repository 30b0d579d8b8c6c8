/** What a handler throws to answer a call with an errno. */

import { type ErrnoName, errnoName, errnos } from '../../../abi/errno.ts';

export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly errno: number;

  constructor(name: ErrnoName) {
    super(name);
    this.errno = errnos[name].number;
  }
}

/** By what a call of this machine or our kernel answered. */
export const failedBy = (ret: number): CallFailed => {
  const name = errnoName(-ret);
  return new CallFailed(name !== undefined && name in errnos ? (name as ErrnoName) : 'EIO');
};

/** As a system call answers it. */
export const negative = (name: ErrnoName): number => -errnos[name].number;
