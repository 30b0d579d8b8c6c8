/** Tells what a tar has not, that of --on-error continue. */

import type { ErrnoName } from '../../src/abi/errno.ts';
import { isErrnoName } from '../../src/errors/rows.ts';
import { isOfCut } from '../../src/image/mounting/mount-failed.ts';
import { whatIsMissing } from '../../src/tree/damage-error.ts';
import { fsckHelps } from '../explain.ts';
import { printable } from '../failure.ts';

const MAX_ERRORS_SHOWN = 20;

/** A line of `.fs2tar-errors`: what failed with what, and on what. */
export interface MissingLine {
  readonly errno: ErrnoName | undefined;
  readonly call: string;
  readonly path: string;
}

export interface MissingReport {
  /** May be fewer than there are. */
  readonly lines: readonly MissingLine[];
  readonly count: number;
  /** Of the file system, where it is known. */
  readonly type?: string | undefined;
  /** Default: a tar. */
  readonly form?: 'tar' | 'zip';
}

export function reportMissing({ lines, count, type, form = 'tar' }: MissingReport): void {
  console.error(`lkl: the ${form} has not everything:`);
  for (const line of lines.slice(0, MAX_ERRORS_SHOWN)) console.error(`lkl: ${printable(textOf(line))}`);
  if (count > MAX_ERRORS_SHOWN) console.error(`lkl: … and ${count - MAX_ERRORS_SHOWN} more, see .fs2${form}-errors`);
  // What is cut short is not repaired: the rest of the image is what helps.
  if (!lines.some(isCut)) for (const help of fsckHelps(type)) console.error(`lkl: ${help}`);
}

/** What is known of a cut is ours, among what the kernel logged. */
const isCut = ({ call, path }: MissingLine): boolean => call === 'syslog' && isOfCut(path);

const isRescued = (path: string): boolean => / cannot be mounted as it is, and was with /.test(path);

function textOf(line: MissingLine): string {
  const { errno, call, path } = line;
  if (call !== 'syslog') return whatIsMissing(call, errno, path);
  return isCut(line) || isRescued(path) ? path : `Linux says: "${path}"`;
}

/** A line of the list as the tar has it. */
export function missingLine(line: string): MissingLine {
  const [name = '', call = '', ...path] = line.split('\t');
  return { errno: isErrnoName(name) ? name : undefined, call, path: path.join('\t') };
}
