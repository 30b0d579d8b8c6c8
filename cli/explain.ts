/** Whatever was thrown, as a Failure in the words of the command line. Loaded when something went wrong. */

import { exitKind } from '../src/errors/exit.ts';
import { ProblemError, type ProblemName } from '../src/errors/problem.ts';
import { MountFailed } from '../src/image/mounting/mount-failed.ts';
import { canBeRescued } from '../src/image/mounting/rescue.ts';
import { KernelError } from '../src/kernel/kernel-error.ts';
import { ImageFileError } from '../src/node/files/image-file-error.ts';
import { DamagedInsideError, FormatError, StorageError } from '../src/storage/errors.ts';
import { checkedTypes, isCheckedByReading } from '../src/tools/file-system/file-systems.ts';
import { whatIsMissing } from '../src/tree/damage-error.ts';
import { Failure, type FailureKind, reasonOf } from './failure.ts';

function evenIfCut(detail: string): string {
  return detail.replace(
    /: on-error=continue .*$/,
    ': fs2tar --on-error continue, and ls, cat, cp and others that look --even-if-cut, read what is there',
  );
}

const byCopy = (detail: string): string =>
  detail.replace(
    /: on-error=continue .* reads by that$/,
    ': fs2tar --on-error continue, and ls, cat, cp and others that look --even-if-cut, read by that',
  );

/** Where the words of HTTP are others than those of a command line. */
const words: Partial<Record<ProblemName, (detail: string) => string>> = {
  'several-file-systems': (detail) => `${detail} (-p)`,
  'image-cut': evenIfCut,
  'mount-failed': byCopy,
  'stack-incomplete': evenIfCut,
  ENXIO: (detail) => detail.replace(/ \(member=…\)$/, ' (--member)').replace(/ \(snapshot=…\)$/, ' (--state)'),
  'journal-too-large': (detail) => detail.replace(/ \(--options of.*\)$/, ' (--options)'),
};

/** What there is to say of one thing that went wrong, without what helps against it. */
export interface Explained {
  readonly kind: FailureKind;
  readonly message: string;
  readonly log?: string | undefined;
  /** Of the file system, as far as it is known; only where that is damaged. */
  readonly damagedType?: unknown;
}

export function explain(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const { kind, message, log } = explained(cause);
  const helps = cause instanceof ProblemError ? whatHelps(cause) : [];
  return new Failure(kind, [message, ...helps].join('; '), log);
}

export function explained(cause: unknown): Explained {
  if (cause instanceof Failure) return cause;
  if (cause instanceof KernelError && cause.problem.members.damaged === undefined)
    return { kind: 'image', message: kernelErrorText(cause) };
  if (cause instanceof ImageFileError) return { kind: kinds[cause.code] ?? 'failed', message: cause.message };
  if (cause instanceof StorageError && isSystemError(cause.cause)) return { kind: 'failed', message: cause.message };
  if (cause instanceof ProblemError) {
    const { name, detail, members } = cause.problem;
    const log = typeof members.console === 'string' ? members.console : undefined;
    const kind = cause instanceof KernelError ? 'image' : exitKind({ name });
    const message = words[name]?.(detail) ?? detail;
    return { kind, message, log, damagedType: members.damaged === true ? members.file_system_type : undefined };
  }
  if (isSystemError(cause)) {
    const what = cause.path === undefined ? '' : `${cause.path}: `;
    return { kind: 'failed', message: `${what}${reasonOf(cause)}` };
  }
  const log = cause instanceof Error ? cause.stack : undefined;
  return { kind: 'failed', message: `a fault of this program: ${reasonOf(cause)} (-v shows more)`, log };
}

const kinds: Partial<Record<ImageFileError['code'], FailureKind>> = {
  EFBIG: 'usage',
  EISDIR: 'usage',
  EKIND: 'usage',
  EBUSY: 'usage',
  ENOTTY: 'usage',
  ESTREAM: 'usage',
  ENODATA: 'image',
};

/** What whoever has a damaged image could do next. */
function whatHelps(cause: ProblemError): readonly string[] {
  if (cause instanceof FormatError && cause.code === 'EUCLEAN' && !(cause instanceof DamagedInsideError))
    return [
      'nothing of its disk is found without that: another copy of the file helps (--format raw takes it as it is)',
    ];
  const { name, members } = cause.problem;
  const { damaged, file_system_type: type } = members;
  if (damaged !== true) return [];
  if (name !== 'mount-failed')
    return ['fs2tar --on-error continue takes all else and lists what it lacks', ...fsckHelps(type)];
  const tries =
    'fs2tar --on-error continue, and ls, cat, cp and others that look --even-if-cut, try to read what is left of it';
  return [
    ...(canBeRescued(type) && !(cause instanceof MountFailed && cause.triedRescue) ? [tries] : []),
    ...fsckHelps(type),
  ];
}

/** Only of what it knows. */
export const fsckHelps = (type: unknown): readonly string[] =>
  typeof type === 'string' && checkedTypes.includes(type) && !isCheckedByReading(type)
    ? ['lkl fsck says what is wrong, and repairs it (--yes) in an image of which you keep a copy']
    : [];

/** The path first, as commands say it. */
function kernelErrorText({ path: at, errno, call, number, message, said }: KernelError): string {
  if (at === undefined) return message;
  const path = at === '' ? '/' : at;
  if (errno === undefined) return `${path}: error ${number} of ${call}`;
  return said === undefined ? whatIsMissing(call, errno, path) : `${path}: ${said} (${errno})`;
}

interface SystemError extends Error {
  readonly code: string;
  readonly path?: string;
}

const isSystemError = (cause: unknown): cause is SystemError =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && 'syscall' in cause;
