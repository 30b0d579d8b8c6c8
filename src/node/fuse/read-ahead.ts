/** How far Linux reads ahead on a mount: 128 KiB by itself, which are four times as many requests as we need. */

import { readFileSync, writeFileSync } from 'node:fs';

/** One request has at most so much. */
const READ_AHEAD_KIB = 1024;

/** Of the mount at `directory`, without symlinks, once it is there. Only root may; without it reading goes on, more slowly. */
export function readFarAhead(directory: string): void {
  if (process.geteuid?.() !== 0) return;
  try {
    const device = deviceAt(readFileSync('/proc/self/mountinfo', 'latin1'), directory);
    // By /sys: a call on the mount itself would wait for us.
    if (device !== undefined) writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, String(READ_AHEAD_KIB));
  } catch {
    // No /sys, or one that is only read, as in a container.
  }
}

/** "major:minor" of what is mounted last at `directory`, of the text of /proc/self/mountinfo as bytes. */
export function deviceAt(mountinfo: string, directory: string): string | undefined {
  const wanted = Buffer.from(directory).toString('latin1');
  for (const line of mountinfo.split('\n').reverse()) {
    const [, , device, , point = ''] = line.split(' ');
    const path = point.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    if (path === wanted) return device;
  }
  return undefined;
}
