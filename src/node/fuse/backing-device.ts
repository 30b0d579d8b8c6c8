/** What root may ask Linux for on a mount of ours: reading far ahead, and keeping what was written as long as for a disk. */

import { readFileSync, writeFileSync } from 'node:fs';
import { hostCall } from '../native/calls.ts';

/**
 * In /sys/class/bdi/N. 128 KiB are read ahead otherwise, in four times as many requests as we need. Of what is written a mount may keep
 * one hundredth of all pages that may wait otherwise, and random writes come one page a request; kept as for a disk they come in
 * order, many pages a request.
 */
const WISHES = { read_ahead_kb: 1024, strict_limit: 0, max_ratio: 100 } as const;

/**
 * prctl(2), with CAP_SYS_RESOURCE: where too much waits to be written, our own writes to the image file are slowed by what waits for its
 * disk alone. Otherwise pages of the mount, which wait for us, slow us too, by 0.2 s a time at most.
 */
const PR_SET_IO_FLUSHER = 57;

/** Of the mount at `directory`, without symlinks, once it is there. Only root may; without it all goes on, more slowly. */
export function asForDisks(directory: string): void {
  if (process.geteuid?.() !== 0) return;
  hostCall('prctl', PR_SET_IO_FLUSHER, 1, 0, 0, 0);
  whereItMay(() => {
    const device = deviceAt(readFileSync('/proc/self/mountinfo', 'latin1'), directory);
    if (device === undefined) return;
    // By /sys: a call on the mount itself would wait for us.
    for (const [name, value] of Object.entries(WISHES))
      whereItMay(() => writeFileSync(`/sys/class/bdi/${device}/${name}`, String(value)));
  });
}

function whereItMay(ask: () => void): void {
  try {
    ask();
  } catch {
    // No /proc or /sys, one that is only read as in a container, or a Linux that does not know this.
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
