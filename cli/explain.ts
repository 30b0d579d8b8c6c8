/** Whatever was thrown, as a Failure in the words of the command line. Loaded when something went wrong. */

import { errnos } from '../src/abi/errno.ts';
import { exitKind } from '../src/errors/exit.ts';
import { ProblemError, type ProblemName } from '../src/errors/problem.ts';
import { KernelError } from '../src/kernel/kernel-error.ts';
import { ImageFileError } from '../src/node/image-file-error.ts';
import { Failure, type FailureKind, reasonOf } from './failure.ts';

/** Where the words of HTTP are others than those of a command line. */
const words: Partial<Record<ProblemName, (detail: string) => string>> = {
  'several-file-systems': (detail) => `${detail} (-p)`,
  'image-cut': (detail) =>
    detail.replace(
      /: on-error=continue .*$/,
      ': fs2tar --on-error continue, and ls, cat, cp and others that look --even-if-cut, read what is there',
    ),
  'journal-too-large': (detail) => detail.replace(/ \(--options of.*\)$/, ' (--options)'),
};

export function explain(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  if (cause instanceof KernelError) return new Failure('image', kernelErrorText(cause));
  if (cause instanceof ImageFileError) return new Failure(kinds[cause.code] ?? 'failed', cause.message);
  if (cause instanceof ProblemError) {
    const { name, detail, members } = cause.problem;
    const log = typeof members.console === 'string' ? members.console : undefined;
    return new Failure(exitKind({ name }), words[name]?.(detail) ?? detail, log);
  }
  if (isSystemError(cause)) {
    const what = cause.path === undefined ? '' : `${cause.path}: `;
    return new Failure('failed', `${what}${reasonOf(cause)}`);
  }
  const stack = cause instanceof Error ? cause.stack : undefined;
  return new Failure('failed', `a fault of this program: ${reasonOf(cause)} (-v shows more)`, stack);
}

const kinds: Partial<Record<ImageFileError['code'], FailureKind>> = {
  EISDIR: 'usage',
  ENOTTY: 'usage',
  ENODATA: 'image',
};

/** What was being done tells where the damage is. */
const damage: readonly string[] = ['EIO', 'EUCLEAN', 'EBADMSG', 'ENOMEM'];

/** The path first, as commands say it. */
function kernelErrorText({ path, errno, call, number, message }: KernelError): string {
  if (path === undefined) return message;
  if (errno === undefined) return `${path}: error ${number} of ${call}`;
  return `${path}: ${errnos[errno].message} (${damage.includes(errno) ? `${errno}, ${call}` : errno})`;
}

interface SystemError extends Error {
  readonly code: string;
  readonly path?: string;
}

const isSystemError = (cause: unknown): cause is SystemError =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && 'syscall' in cause;
