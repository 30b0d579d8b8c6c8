/** Which line of the kernel's log tells why something failed. */

import { KERN_WARNING, type LogRecord } from './kernel-log.ts';

/** Only repeats the errno, or says that something before it failed. */
const consequence =
  /(failed|error|returned|read failed|mount failed)[^a-z]*-?\d+\.?$|open_ctree failed|can't read superblock|unable to read superblock|^I\/O error, dev |^Buffer I\/O error/i;

/** What drivers say of each mount of this kind, however it ends. */
const usual = /utf8 is not a recommended IO charset|Volume was not properly unmounted|Mount(ing|ed)? in read-?only/i;

/** A dump of the bytes that are bad, and what is said around it. */
const dump = /Unmount and run|First \d+ bytes|^[0-9a-f]{8}: /i;

export const isDump = ({ message }: LogRecord): boolean => dump.test(message);

/**
 * Why, of what was logged. Drivers tell the cause first and then, at each level that passes the error on, that something
 * failed: so the first line that is a warning or worse and says more than the errno does; where there is none, the first
 * line that does; else the last.
 */
export function reasonIn(records: readonly LogRecord[]): string | undefined {
  const lines = records.filter((record) => record.message !== '' && !isDump(record));
  const telling = lines.filter(({ message }) => !consequence.test(message) && !usual.test(message));
  const bad = telling.find(({ level }) => level <= KERN_WARNING) ?? telling[0] ?? lines.at(-1);
  return bad?.message.trim();
}
