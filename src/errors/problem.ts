/** A problem as plain data, and what every error of ours has in common: it can be told as one. */

import type { ErrnoName } from '../abi/errno.ts';
import type { HostErrorName } from './table.ts';

/** A row of the tables: hostErrors (host-error.ts) or Linux's errnos (abi/errno.ts). */
export type ProblemName = HostErrorName | ErrnoName;

/** What crosses HTTP, RPC and processes. Errors lose their class on the way; this has none. */
export interface Problem {
  readonly name: ProblemName;
  /** What happened, for people. */
  readonly detail: string;
  /** Facts for programs, as JSON. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** Thrown by whatever of ours goes wrong for a reason that has a name. */
export abstract class ProblemError extends Error {
  abstract readonly problem: Problem;
}

/** A problem that was met elsewhere, in another isolate or by a Worker, and told from there. */
export class ToldError extends ProblemError {
  override readonly name = 'ToldError';
  override readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.detail, options);
    this.problem = problem;
  }
}

/** Of anything that was thrown. What has no name is our own fault: its message is for our log, not for whoever asked. */
export function problemOf(cause: unknown): Problem {
  if (cause instanceof ProblemError) return cause.problem;
  return { name: 'internal', detail: 'an unforeseen error', members: {} };
}
