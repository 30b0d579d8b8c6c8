/** What goes wrong beside system calls, as an exception. */

import { type Problem, ProblemError } from './problem.ts';
import { type HostErrorName, hostErrors } from './table.ts';

/** One of the table. `members` are facts for programs: they become members of the problem document. */
export class HostError extends ProblemError {
  override readonly name = 'HostError';
  readonly kind: HostErrorName;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    kind: HostErrorName,
    detail: string = hostErrors[kind].message,
    { members = {}, ...options }: ErrorOptions & { readonly members?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(detail, options);
    this.kind = kind;
    this.members = members;
  }

  override get problem(): Problem {
    return { name: this.kind, detail: this.message, members: this.members };
  }
}
