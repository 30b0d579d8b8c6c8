/** Errors of the host's system, by their code. */

/** Whether it is one with this `code`: "ENOENT". */
export const hasCode = (cause: unknown, code: string): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === code;
