/** What a new file system is filled with: a folder of this machine, or the tree of whatever holds one. */

import { statSync } from 'node:fs';
import type { Linux } from '../../src/linux.ts';
import { hostTree } from '../../src/node/host-tree.ts';
import type { Attributes, Entry } from '../../src/tree/write/entry.ts';
import { treeEntries } from '../../src/tree/write/tree-entries.ts';
import { openDiskFile } from '../disk.ts';
import { Failure } from '../failure.ts';

export interface ContentsOptions {
  /** Owners stay; else all belongs to root, when it comes of a folder. */
  readonly keepOwner?: true;
  /** Nothing is newer: nanoseconds since 1970. */
  readonly notAfterNs?: bigint | undefined;
}

/** Runs `work` with the tree at `path`, its root included, and lets go of it. */
export async function withContents<T>(
  path: string,
  engine: Linux,
  options: ContentsOptions,
  work: (tree: AsyncIterable<Entry>) => Promise<T>,
): Promise<T> {
  if (path !== '-') {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats) throw new Failure('usage', `${path}: there is no such file or folder`);
    if (stats.isDirectory()) {
      const ids = options.keepOwner ? {} : { uid: 0, gid: 0 };
      return work(settled(hostTree(Buffer.from(path), new Uint8Array(0), ids), options));
    }
  }
  const { device } = await openDiskFile(path);
  const mounted = await engine.openTree(device, {});
  try {
    return await work(settled(treeEntries(mounted.tree), options));
  } finally {
    await mounted.close();
  }
}

/** Nobody has read a new file: the time of its last change is that of its last use, too. */
async function* settled(tree: AsyncIterable<Entry>, { notAfterNs }: ContentsOptions): AsyncGenerator<Entry> {
  for await (const entry of tree) yield { ...entry, attributes: settledTimes(entry.attributes, notAfterNs) };
}

function settledTimes(attributes: Attributes, notAfterNs: bigint | undefined): Attributes {
  const { mtimeNs } = attributes;
  if (mtimeNs === undefined) return attributes;
  const settledNs = notAfterNs !== undefined && mtimeNs > notAfterNs ? notAfterNs : mtimeNs;
  return { ...attributes, mtimeNs: settledNs, atimeNs: settledNs };
}
