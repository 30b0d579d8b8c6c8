/** What is said of a mount that Linux refuses: the errno, and the line of the kernel's log that tells why. */

import { type ErrnoName, errnos } from '../abi/errno.ts';
import { HostError } from '../errors/host-error.ts';
import { KERN_WARNING, type LogRecord } from '../kernel/kernel-log.ts';

/** Only repeats the errno, or says that something before it failed. */
const consequence =
  /(failed|error|returned|read failed|mount failed)[^a-z]*-?\d+\.?$|open_ctree failed|can't read superblock|unable to read superblock|^I\/O error, dev |^Buffer I\/O error|Unmount and run|First \d+ bytes|^[0-9a-f]{8}: /i;

/**
 * Why, of what was logged. Drivers tell the cause first and then, at each level that passes the error on, that something
 * failed: so the first line that is a warning or worse and says more than the errno does; where there is none, the first
 * line that does; else the last.
 */
export function reasonIn(records: readonly LogRecord[]): string | undefined {
  const telling = records.filter(({ message }) => message !== '' && !consequence.test(message));
  const bad = telling.find(({ level }) => level <= KERN_WARNING) ?? telling[0] ?? records.at(-1);
  return bad?.message;
}

export interface FailedMount {
  readonly errno: ErrnoName | undefined;
  readonly partition: number | undefined;
  readonly type: string;
  readonly options: string;
  readonly log: readonly LogRecord[];
}

/** What journals mean for whoever leaves them alone. */
export const NOLOAD =
  'the tree is then that of the disk without its journal: the last changes may be missing, half made or lead to errors';

export function mountFailed({ errno, partition, type, options, log }: FailedMount): HostError {
  const command = ['mount -t', type, ...(options ? ['-o', options] : [])].join(' ');
  const why = errno ? `${errnos[errno].message} (${errno})` : 'failed';
  const reason = reasonIn(log);
  const console = log.map(({ message }) => message).join('\n');
  return new HostError('mount-failed', `${command}: ${why}${reason ? `: ${reason}` : ''}`, {
    members: {
      file_system_type: type,
      ...(partition !== undefined && { partition }),
      ...(errno && { errno }),
      ...(console && { console }),
    },
  });
}

export const EVEN_IF_CUT = 'on-error=continue (--on-error continue) reads what is there and lists what is not';

/** Of an image or partition that has fewer bytes than its file system says. */
export function imageCut(where: string, type: string, there: number, claimed: number): HostError {
  const numbers = `${where} has ${there.toLocaleString('en')} bytes, its file system (${type}) ${claimed.toLocaleString('en')}`;
  return new HostError('image-cut', `${numbers}: ${EVEN_IF_CUT}`, {
    members: { file_system_type: type, there_bytes: there, claimed_bytes: claimed },
  });
}
