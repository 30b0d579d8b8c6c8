/** The tree of a partition, gathered from several places of this machine. */

import { lstatSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { hostTree } from '../../../src/node/host-tree.ts';
import type { FileSystemContent, TreeSource } from '../../../src/tools/disk/plan.ts';
import type { Entry } from '../../../src/tree/write/entry.ts';
import { Failure } from '../../failure.ts';

export interface GatherOptions {
  /** What absolute paths of sources begin at; default: this machine's root. */
  readonly root: string | undefined;
  /** What other paths are relative to. */
  readonly folder: string;
  readonly keepOwner: boolean;
}

const encoder = new TextEncoder();

/** Throws for a source that is not there. */
export function sourcePath(path: string, { root, folder }: Omit<GatherOptions, 'keepOwner'>): string {
  const found = isAbsolute(path) ? join(root ?? '/', path) : resolve(folder, path);
  if (!lstatSync(found, { throwIfNoEntry: false }))
    throw new Failure('usage', `${found}: there is no such file or folder`);
  return found;
}

/** Directories that are asked for come first, then one source after another; a later one replaces what an earlier one had. */
export async function* gatheredTree(
  { sources, directories }: Pick<FileSystemContent, 'sources' | 'directories'>,
  options: GatherOptions,
): AsyncGenerator<Entry> {
  yield { type: 'directory', path: new Uint8Array(0), attributes: { mode: 0o755, uid: 0, gid: 0 } };
  for (const directory of directories) yield* way(directory, true);
  for (const source of sources) yield* entriesOf(source, options);
}

async function* entriesOf(source: TreeSource, options: GatherOptions): AsyncGenerator<Entry> {
  const { to, exclude } = source;
  const path = sourcePath(source.from, options);
  const ids = options.keepOwner ? {} : { uid: 0, gid: 0 };
  const leftOut = exclude.map((one) => ({ path: sourceName(one, options), within: one.endsWith('/') }));
  yield* way(to.split('/').slice(0, -1).join('/'), false);
  const at = encoder.encode(to);
  for await (const entry of hostTree(Buffer.from(path), at, ids)) {
    const below = Buffer.from(entry.path).toString('latin1').slice(at.length).replace(/^\//, '');
    const here = below === '' ? path : `${path.replace(/\/$/, '')}/${below}`;
    // With a slash at its end a folder stays, and is empty.
    const isOut = leftOut.some((one) => here.startsWith(`${one.path}/`) || (!one.within && here === one.path));
    if (!isOut) yield entry;
  }
}

/** As the paths of entries are compared: byte by byte. */
const sourceName = (path: string, { root, folder }: GatherOptions): string =>
  Buffer.from((isAbsolute(path) ? join(root ?? '/', path) : resolve(folder, path)).replace(/\/$/, '')).toString(
    'latin1',
  );

/** All directories of a path, the first first. */
function* way(path: string, isAsked: boolean): Generator<Entry> {
  const parts = path.split('/').filter((part) => part !== '');
  for (let i = 1; i <= parts.length; i++) {
    const attributes = isAsked ? { mode: 0o755, uid: 0, gid: 0 } : {};
    yield {
      type: 'directory',
      path: encoder.encode(parts.slice(0, i).join('/')),
      attributes,
      ...(!isAsked && { implied: true as const }),
    };
  }
}
