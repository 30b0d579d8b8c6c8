/** Tells whoever unpacks a tar which of its paths did not stay what they were. */

import type { PathChange, TarEntriesOptions } from '../../src/tree/write/tar-entries.ts';
import { printable } from '../failure.ts';

const words: Readonly<Record<PathChange, readonly [one: string, several: string]>> = {
  above: [
    'path of the tar leads out of it with "..": it is taken from the top',
    'paths of the tar lead out of it with "..": they are taken from the top',
  ],
  absolute: [
    'path of the tar is absolute: it is taken from the top',
    'paths of the tar are absolute: they are taken from the top',
  ],
};

export interface PathChanges extends Pick<TarEntriesOptions, 'changed'> {
  /** One line for each kind. */
  tell(): void;
}

export function pathChanges(): PathChanges {
  const found = new Map<PathChange, { count: number; readonly first: Uint8Array }>();
  return {
    changed(change, path) {
      const known = found.get(change);
      if (known) known.count++;
      else found.set(change, { count: 1, first: path.slice() });
    },
    tell() {
      for (const [change, { count, first }] of found) {
        const [one, several] = words[change];
        const name = printable(Buffer.from(first).toString());
        console.error(`lkl: ${count} ${count === 1 ? one : several} (${count === 1 ? '' : 'first '}${name})`);
      }
    },
  };
}
