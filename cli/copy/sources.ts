/** What a person names to be copied: files, folders, patterns, or all that is in a folder. */

import { lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, join, matchesGlob } from 'node:path';
import { Failure } from '../failure.ts';

/** One file or folder, and the name it gets in the image. */
export interface Source {
  readonly path: Buffer;
  readonly name: Buffer;
}

/** Of ".", "./" and "/" all children; else the path itself, or what its last part matches as a pattern. Throws where nothing does. */
export function sourcesOf(path: string): Source[] {
  if (/^(\.\/*|\/+)$/.test(path)) return childrenOf(path);
  const plain = path.replace(/(?<=.)\/+$/, '');
  if (lstatSync(plain, { throwIfNoEntry: false }))
    return [{ path: Buffer.from(plain), name: Buffer.from(basename(plain)) }];
  const matching = /[*?[{]/.test(basename(plain)) ? childrenMatching(plain) : [];
  if (matching.length > 0) return matching;
  throw new Failure('usage', `${path}: there is no such file or folder`);
}

const childrenOf = (folder: string): Source[] =>
  readdirSync(folder, { encoding: 'buffer' })
    .sort(Buffer.compare)
    .map((name) => ({ path: Buffer.concat([Buffer.from(join(folder, '/')), name]), name }));

/** As fnmatch(3): names that begin with a dot are matched by a pattern that does. */
function childrenMatching(path: string): Source[] {
  const folder = dirname(path);
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return childrenOf(folder).filter(({ name }) => matchesGlob(name.toString(), basename(path)));
}
