/** Tells what a copy could not keep. */

import { shownBytes } from '../../src/bytes/shown-bytes.ts';
import type { CopyReport } from '../../src/tree/write/copy-tree.ts';
import type { LossKind } from '../../src/tree/write/losses.ts';
import { printable } from '../failure.ts';

/**
 * Of each kind of what the file system lacks: what, and what that is to whoever asks whether all is there. `file`: files are missing.
 * `part`: they are there, without something that no other file of the copy tells. `told`: they are there as FAT has all files.
 */
const lacking: Readonly<Record<Exclude<LossKind, Asked>, readonly [lacks: string, missing: 'file' | 'part' | 'told']>> =
  {
    name: ['no such names', 'file'],
    owner: ['no such owners and groups', 'told'],
    mode: ['no such permissions', 'told'],
    times: ['no such times', 'part'],
    xattr: ['no such attributes', 'part'],
    dots: ['no names that end with dots: they are there without those', 'part'],
    hardlink: ['no hard links: each name is a file of its own', 'told'],
    symlink: ['no such symlinks', 'file'],
    alias: ['others by the same names, which it takes for one', 'file'],
    special: ['no such devices, pipes and sockets', 'file'],
  };

/** Of each kind of what was asked for and cannot be: how one of them is told, and several. */
type Asked = 'above' | 'absolute' | 'parent';
const asked: Readonly<Record<Asked, readonly [one: string, several: string]>> = {
  above: [
    'path of the tar leads out of it with "..": it is taken from the top',
    'paths of the tar lead out of it with "..": they are taken from the top',
  ],
  absolute: [
    'path of the tar is absolute: it is taken from the top',
    'paths of the tar are absolute: they are taken from the top',
  ],
  parent: [
    'entry is in what is no directory, and is left out',
    'entries are in what is no directory, and are left out',
  ],
};
const isAsked = (kind: LossKind): kind is Asked => Object.hasOwn(asked, kind);

/** Whether every file is there, with its attributes and times. */
export function tellLosses({ losses: found }: CopyReport): boolean {
  for (const { kind, count, path } of found) {
    const name = printable(shownBytes(path));
    if (isAsked(kind)) {
      const [one, several] = asked[kind];
      console.error(`lkl: ${count} ${count === 1 ? one : several} (${count === 1 ? '' : 'first '}${name})`);
      continue;
    }
    const [lacks, missing] = lacking[kind];
    const where = `${count === 1 ? '' : `${count} times, first `}${name}`;
    console.error(`lkl: the file system has ${lacks} (${missing === 'file' ? 'left out: ' : ''}${where})`);
  }
  return !found.some(({ kind }) => (isAsked(kind) ? kind === 'parent' : lacking[kind][1] !== 'told'));
}
