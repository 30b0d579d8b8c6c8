/** How a command ends: the exit codes, and the one error that carries one. */

import { inOctal } from '../src/bytes/shown-bytes.ts';
import { type ExitKind, exitKind } from '../src/errors/exit.ts';
import { hasCode } from '../src/errors/has-code.ts';
import { isHostErrorName } from '../src/errors/rows.ts';

export const exitCodes = {
  done: 0,
  usage: 1,
  image: 2,
  partial: 3,
  failed: 4,
} as const;

export type FailureKind = ExitKind;

const lacking = {
  tar: 'with --on-error continue it has an end, but lacks what could not be read',
  zip: 'devices and FIFOs were left out, and with --on-error continue what could not be read',
} as const;

/** For --help of what writes an archive. */
export const exitCodesHelp = (form: 'tar' | 'zip'): string => `
Exit codes:
  0    the whole tree is in the ${form}
  1    the command line is wrong
  2    the image is at fault: no file system, another type, several partitions, damage
  3    not everything: ${lacking[form]}
  4    anything else: an I/O error here, a connection, a kernel or a Worker that failed
  128+ ended by a signal: 130 SIGINT, 141 SIGPIPE, 143 SIGTERM

Only 0 and 3 leave a ${form} that can be used; --output has no file otherwise.`;

/** Ends the command with one line for people. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;
  /** What --verbose shows besides: the end of a kernel's log, or the Worker's. */
  readonly log: string | undefined;

  constructor(kind: FailureKind, message: string, log?: string) {
    super(message);
    this.kind = kind;
    this.log = log;
  }
}

/** Ends the command with one line, as the signal would have ended it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals, message: string) {
    super(message);
    this.signal = signal;
  }
}

/** Not the image: it changed meanwhile, a Worker wants another request or a later one. */
const NOT_THE_IMAGE = [405, 409, 411, 429];

/** Of a Worker's problem: by the name that its type ends with; by its status where that is an errno's, or a later Worker's. */
export function kindOf(type: string, status: number): FailureKind {
  const name = type.slice(type.lastIndexOf('/') + 1);
  if (isHostErrorName(name)) return exitKind({ name });
  return type === 'about:blank' || status >= 500 || NOT_THE_IMAGE.includes(status) ? 'failed' : 'image';
}

/** System errors as Node has them: "ENOENT: no such file or directory, open 'x'". */
const SYSTEM_ERROR = /^(E[A-Z0-9]+): (.+?), \w+(?: '.*')?(?: -> '.*')?$/s;

/** The reason in an error of the system or of a library. */
export function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const [, code, reason] = SYSTEM_ERROR.exec(message) ?? [];
  return reason === undefined ? message : `${reason} (${code})`;
}

/** For a terminal, which would obey control characters in a name or a log: they are octal. Newlines and tabs stay. */
export const printable = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]/gu, inOctal);

/** What is said in one line, though it came in several. */
export const inOneLine = (message: string): string => printable(message.replaceAll(/\s*\n\s*/g, '; '));

/** Whoever reads our output has gone. */
export const isBrokenPipe = (cause: unknown): boolean => hasCode(cause, 'EPIPE');

/** Why a port cannot be listened on. */
export const portFailure = (port: number, cause: unknown): Failure => {
  const isTaken = hasCode(cause, 'EADDRINUSE');
  const why = isTaken ? 'another program listens there; --port 0 takes any that is free' : reasonOf(cause);
  return new Failure('failed', `port ${port}: ${why}`);
};
