/** Why a port cannot be listened on. */

import { hasCode } from '../src/errors/has-code.ts';
import { Failure, reasonOf } from './failure.ts';

export const portFailure = (port: number, cause: unknown): Failure => {
  const isTaken = hasCode(cause, 'EADDRINUSE');
  const why = isTaken ? 'another program listens there; --port 0 takes any that is free' : reasonOf(cause);
  return new Failure('failed', `port ${port}: ${why}`);
};
