/** What is said of a mount that Linux refuses: what that means, the errno, and the line of the kernel's log that tells why. */

import { type ErrnoName, errnos } from '../../abi/errno.ts';
import { HostError } from '../../errors/host-error.ts';
import type { LogRecord } from '../../kernel/log/kernel-log.ts';
import { reasonIn } from '../../kernel/log/log-reason.ts';
import { whyNotMounted } from './why-not-mounted.ts';

export interface FailedMount {
  readonly errno: ErrnoName | undefined;
  /** As people are told of it: "partition 2". */
  readonly title: string;
  readonly partition: number | undefined;
  readonly type: string;
  /** Those that were asked for. */
  readonly options: string;
  readonly log: readonly LogRecord[];
  /** In numbers how much of it is missing, where that is known: neither repair nor patience brings it back. */
  readonly cut?: string | undefined;
  /** Options that it could not be mounted with either. */
  readonly alsoWith?: readonly string[];
}

/** What journals mean for whoever leaves them alone. */
export const WITHOUT_JOURNAL = 'the last changes may be missing, half made or lead to errors';
export const NOLOAD = `the tree is then that of the disk without its journal: ${WITHOUT_JOURNAL}`;

export class MountFailed extends HostError {
  /** What may read a tree that is not whole was tried, too. */
  readonly triedRescue: boolean;

  constructor(detail: string, members: HostError['members'], triedRescue: boolean) {
    super('mount-failed', detail, { members });
    this.triedRescue = triedRescue;
  }
}

export function mountFailed({
  errno,
  title,
  partition,
  type,
  options,
  log,
  cut,
  alsoWith = [],
}: FailedMount): MountFailed {
  // Linux says no more of it than that something is not there.
  const hasNoSubvolume = type === 'btrfs' && errno === 'ENOENT' && /(^|,)subvol(id)?=/.test(options);
  const reason = hasNoSubvolume ? undefined : reasonIn(log);
  const { words, damaged } = hasNoSubvolume
    ? { words: 'it has no such subvolume (what it has is listed with its volumes)' }
    : cut !== undefined
      ? { words: `${cut}, and what is missing is needed to mount it` }
      : whyNotMounted(errno, reason);
  const answered = errno ? `${errnos[errno].message} (${errno})` : 'no reason';
  const said = reason === undefined ? answered : `${errno ? `${errno}, ` : ''}"${reason}"`;
  const asked = (options === '' ? '' : ` with ${options}`) + alsoWith.map((other) => `, nor with ${other}`).join('');
  const console = log.map(({ message }) => message).join('\n');
  const members = {
    file_system_type: type,
    ...(partition !== undefined && { partition }),
    ...(errno && { errno }),
    ...(damaged && { damaged }),
    ...(console && { console }),
  };
  const detail = `${title}, ${type}, cannot be mounted${asked}: ${words}; Linux says: ${said}`;
  return new MountFailed(detail, members, alsoWith.length > 0);
}

export const EVEN_IF_CUT =
  'on-error=continue (fs2tar --on-error continue, other verbs --even-if-cut) reads what is there and lists what is not';

/** How what a copy of a superblock leads to is read. */
export const BY_COPY = 'on-error=continue (fs2tar --on-error continue, other verbs --even-if-cut) reads by that';

/** What it says of numbers, without what could be done. */
export const numbersOf = (cut: HostError): string => cut.message.replace(/: on-error.*/, '');

/** Whether a line of a list of what is missing is of these, and no message of Linux. */
export const isOfCut = (line: string): boolean =>
  / bytes, (its file system \(|its superblock \(md\) tells of |it ends at )/.test(line) ||
  / is whole, and was taken for it: /.test(line) ||
  / lies on an image of which .* are there$/.test(line) ||
  / is (the first|named as a later) piece of a file[:,]/.test(line) ||
  /^(.*, which it builds on: )?the (\S+|compressed image) (has|is|lies) /.test(line);

/** Of an image or partition that has fewer bytes than its file system says. */
export function imageCut(where: string, type: string, there: number, claimed: number): HostError {
  const numbers = `${where} has ${there.toLocaleString('en')} bytes, its file system (${type}) ${claimed.toLocaleString('en')}`;
  return new HostError('image-cut', `${numbers}: ${EVEN_IF_CUT}`, {
    members: { file_system_type: type, there_bytes: there, claimed_bytes: claimed },
  });
}
