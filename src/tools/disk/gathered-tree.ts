/** The tree of a partition, gathered from several places. */

import { latin1 } from '../../bytes/latin1.ts';
import type { Entry } from '../../tree/write/entry.ts';
import type { FileSystemContent, TreeSource } from './plan.ts';

const encoder = new TextEncoder();

/**
 * Directories that are asked for come first, then one source after another; a later one replaces what an earlier one had. `entriesOf`: a
 * source's files, from where they go on (`to`).
 */
export async function* gatheredTree(
  { sources, directories }: Pick<FileSystemContent, 'sources' | 'directories'>,
  entriesOf: (source: TreeSource) => AsyncIterable<Entry>,
): AsyncGenerator<Entry> {
  yield { type: 'directory', path: new Uint8Array(0), attributes: { mode: 0o755, uid: 0, gid: 0 } };
  for (const directory of directories) yield* way(directory, true);
  for (const source of sources) {
    yield* way(source.to.split('/').slice(0, -1).join('/'), false);
    yield* entriesOf(source);
  }
}

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

/** Of entries whose names were `base` before they went to `to`, those that `exclude` leaves. All as bytes, one character a byte. */
export async function* without(
  entries: AsyncIterable<Entry>,
  { base, to }: { readonly base: string; readonly to: Uint8Array },
  exclude: readonly string[],
): AsyncGenerator<Entry> {
  const leftOut = exclude.map((path) => ({ path: path.replace(/\/$/, ''), within: path.endsWith('/') }));
  for await (const entry of entries) {
    const below = latin1(entry.path.subarray(to.length)).replace(/^\//, '');
    const here = below === '' ? base : `${base.replace(/\/$/, '')}/${below}`;
    // With a slash at its end a folder stays, and is empty.
    const isOut = leftOut.some((one) => here.startsWith(`${one.path}/`) || (!one.within && here === one.path));
    if (!isOut) yield entry;
  }
}
