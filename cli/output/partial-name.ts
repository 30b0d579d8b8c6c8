/** Names of files that are not whole yet: they tell whose they are, so that the next one removes what one who was killed left. */

import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../src/errors/has-code.ts';

/** Where numbers of processes mean the same: this machine, and on Linux its namespace of them, which each container has of its own. */
const here = createHash('sha256').update(`${hostname()} ${namespace()}`).digest('hex').slice(0, 8);

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** A new one with each call. */
export const partialName = (): string => `.lkl-${here}-${process.pid}-${randomBytes(4).toString('hex')}.partial`;

const OURS = new RegExp(`^\\.lkl-${here}-(\\d+)-[0-9a-f]{8}\\.partial$`);
const swept = new Set<string>();

/** Removes from `folder` what processes of this machine left there that are no more. Once for each folder; what cannot be done is not. */
export function removeLeft(folder: string): void {
  if (swept.has(folder)) return;
  swept.add(folder);
  try {
    for (const name of readdirSync(folder)) {
      const [, pid] = OURS.exec(name) ?? [];
      if (pid !== undefined && isGone(Number(pid))) rmSync(join(folder, name), { force: true });
    }
  } catch {
    // it is not ours to be looked at, or to be changed
  }
}

function isGone(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (cause) {
    return hasCode(cause, 'ESRCH');
  }
}
