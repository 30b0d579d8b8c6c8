/** Tells what a copy could not keep. */

import type { CopyReport } from '../../src/tree/write/copy-tree.ts';
import type { LossKind } from '../../src/tree/write/losses.ts';
import { printable } from '../failure.ts';

/** Of each kind: what the file system lacks, and whether files are missing for it. */
const losses: Readonly<Record<LossKind, readonly [lacks: string, missing: boolean]>> = {
  name: ['no such names', true],
  owner: ['no such owners and groups', false],
  mode: ['no such permissions', false],
  times: ['no such times', false],
  xattr: ['no such attributes', false],
  hardlink: ['no hard links: each name is a file of its own', false],
  symlink: ['no such symlinks', true],
  special: ['no such devices, pipes and sockets', true],
};

/** Whether every file is there. */
export function tellLosses({ losses: found }: CopyReport): boolean {
  for (const { kind, count, path } of found) {
    const [lacks, missing] = losses[kind];
    const where = `${count === 1 ? '' : `${count} times, first `}${printable(Buffer.from(path).toString())}`;
    console.error(`lkl: the file system has ${lacks} (${missing ? 'left out: ' : ''}${where})`);
  }
  return !found.some(({ kind }) => losses[kind][1]);
}
