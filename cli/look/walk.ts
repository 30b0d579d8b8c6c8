/** All files below a path, parents first, names in byte order. */

import { matchesGlob } from 'node:path';
import { Failure } from '../failure.ts';
import { below, type FileEntry, type ImageTree, type NamedFile } from './image-tree.ts';

export interface Walked<Entry extends NamedFile = FileEntry> {
  /** As it was asked for, and what is below it. */
  readonly path: Buffer;
  /** 0 for what was asked for. */
  readonly depth: number;
  readonly entry: Entry;
}

export interface WalkOptions {
  /** Go into directories as deep as this. Default: all. */
  readonly maxDepth?: number;
}

/** The file at `path` itself first. Symlinks are shown, not followed. */
export async function* walk(tree: ImageTree, path: Buffer, options: WalkOptions = {}): AsyncGenerator<Walked> {
  yield* walkBy((at) => tree.list(at), path, await tree.entry(path, false), options);
}

/** The same with names and types alone. */
export async function* walkNames(
  tree: ImageTree,
  path: Buffer,
  options: WalkOptions = {},
): AsyncGenerator<Walked<NamedFile>> {
  yield* walkBy((at) => tree.names(at), path, await tree.entry(path, false), options);
}

async function* walkBy<Entry extends NamedFile>(
  list: (path: Buffer) => Promise<readonly Entry[]>,
  path: Buffer,
  entry: Entry,
  { maxDepth = Number.POSITIVE_INFINITY }: WalkOptions,
): AsyncGenerator<Walked<Entry>> {
  yield { path, depth: 0, entry };
  // What is left of each directory on the way: a generator inside of another would pass on every file as often as it is deep.
  const left: Left<Entry>[] = [];
  const enter = async (at: Buffer): Promise<void> => {
    if (left.length < maxDepth) left.push({ path: at, entries: (await list(at)).values() });
  };
  if (entry.type === 'directory') await enter(path);
  for (let inner = left.at(-1); inner; inner = left.at(-1)) {
    const { done, value } = inner.entries.next();
    if (done) {
      left.pop();
      continue;
    }
    const at = below(inner.path, value.name);
    yield { path: at, depth: left.length, entry: value };
    if (value.type === 'directory') await enter(at);
  }
}

interface Left<Entry> {
  readonly path: Buffer;
  readonly entries: ArrayIterator<Entry>;
}

const hasGlob = (part: string): boolean => /[*?[{]/.test(part);

/** The paths that a pattern stands for, in byte order; a path without * ? [ { stands for itself. */
export async function expand(tree: ImageTree, pattern: string): Promise<Buffer[]> {
  if (!hasGlob(pattern)) return [Buffer.from(pattern)];
  const parts = pattern.split('/');
  let found: Buffer[] = [Buffer.from(pattern.startsWith('/') ? '/' : '')];
  for (const part of parts.filter((one) => one !== '')) {
    const next: Buffer[] = [];
    for (const path of found) {
      if (!hasGlob(part)) {
        next.push(below(path, Buffer.from(part)));
        continue;
      }
      const folder = path.length > 0 ? path : Buffer.from('/');
      const entry = await tree.entry(folder).catch(() => undefined);
      if (entry?.type !== 'directory') continue;
      for (const { name } of await tree.names(folder)) {
        const text = name.toString();
        const isHidden = text.startsWith('.') && !part.startsWith('.');
        if (!isHidden && matchesGlob(text, part)) next.push(below(path, name));
      }
    }
    found = next;
  }
  const there: Buffer[] = [];
  for (const path of found) {
    const isThere = await tree.entry(path, false).then(
      () => true,
      () => false,
    );
    if (isThere) there.push(path);
  }
  if (there.length === 0) throw new Failure('image', `nothing matches ${pattern}`);
  return there;
}
