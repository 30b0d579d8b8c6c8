/** Where the files of a new disk come from: folders of this machine. */

import { lstatSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { hostTree } from '../../../src/node/host-tree.ts';
import { without } from '../../../src/tools/disk/gathered-tree.ts';
import type { TreeSource } from '../../../src/tools/disk/plan.ts';
import type { Entry } from '../../../src/tree/write/entry.ts';
import { Failure } from '../../failure.ts';

export interface SourceOptions {
  /** What absolute paths of sources begin at; default: this machine's root. */
  readonly root: string | undefined;
  /** What other paths are relative to. */
  readonly folder: string;
  readonly keepOwner: boolean;
}

type Places = Omit<SourceOptions, 'keepOwner'>;

const placeOf = (path: string, { root, folder }: Places): string =>
  isAbsolute(path) ? join(root ?? '/', path) : resolve(folder, path);

/** Throws for a source that is not there. */
export function sourcePath(path: string, places: Places): string {
  const found = placeOf(path, places);
  if (lstatSync(found, { throwIfNoEntry: false })) return found;
  throw new Failure('usage', `${found}: there is no such file or folder`);
}

/** A source's files, from where they go. */
export async function* sourceEntries(source: TreeSource, options: SourceOptions): AsyncGenerator<Entry> {
  const base = Buffer.from(sourcePath(source.from, options));
  const to = new TextEncoder().encode(source.to);
  const ids = options.keepOwner ? { labels: true } : { uid: 0, gid: 0 };
  const exclude = source.exclude.map((path) => {
    const place = placeOf(path, options).replace(/\/$/, '');
    return Buffer.from(path.endsWith('/') ? `${place}/` : place).toString('latin1');
  });
  yield* without(hostTree(base, to, ids), { base: base.toString('latin1'), to }, exclude);
}
