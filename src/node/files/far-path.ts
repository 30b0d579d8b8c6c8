/** Paths of this machine that are longer than one call takes. */

import { closeSync, constants, openSync } from 'node:fs';

/** PATH_MAX of Linux is 4096 with its NUL, and a name is added to what is reached. */
const LONGEST = 3800;
const SLASH = 0x2f;

/**
 * Runs `work` with a path that leads to where `path` does and that a call takes. On Linux directories may lie deeper: those on the
 * way are opened one from the other, through /proc. Elsewhere the path is as it is, and the system says that it is too long.
 */
export function reaching<T>(path: Buffer, work: (path: Buffer) => T): T {
  if (path.length <= LONGEST || process.platform !== 'linux') return work(path);
  let near = path;
  let fd: number | undefined;
  try {
    while (near.length > LONGEST) {
      const cut = near.lastIndexOf(SLASH, LONGEST);
      if (cut <= 0) break; // one name: for Linux to refuse
      const next = openSync(near.subarray(0, cut), constants.O_RDONLY | constants.O_DIRECTORY);
      if (fd !== undefined) closeSync(fd);
      fd = next;
      near = Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), near.subarray(cut + 1)]);
    }
    return work(near);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
