/** All files below a path, parents first, names in byte order. */

import { matchesGlob } from 'node:path';
import { Failure } from '../failure.ts';
import { below, type FileEntry, type ImageTree, type NamedFile, type OnTrouble } from './image-tree.ts';
import { isMissing, type Troubles } from './troubles.ts';

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
  /** Told of what cannot be read, and the walk goes on without it. Default: it ends. */
  readonly troubles?: Troubles;
}

/** The file at `path` itself first. Symlinks are shown, not followed. */
export async function* walk(tree: ImageTree, path: Buffer, options: WalkOptions = {}): AsyncGenerator<Walked> {
  yield* walkBy((at, onTrouble) => tree.list(at, onTrouble), path, await tree.entry(path, false), options);
}

/** The same with names and types alone. */
export async function* walkNames(
  tree: ImageTree,
  path: Buffer,
  options: WalkOptions = {},
): AsyncGenerator<Walked<NamedFile>> {
  yield* walkBy((at, onTrouble) => tree.names(at, onTrouble), path, await tree.entry(path, false), options);
}

async function* walkBy<Entry extends NamedFile>(
  list: (path: Buffer, onTrouble?: OnTrouble) => Promise<readonly Entry[]>,
  path: Buffer,
  entry: Entry,
  { maxDepth = Number.POSITIVE_INFINITY, troubles }: WalkOptions,
): AsyncGenerator<Walked<Entry>> {
  yield { path, depth: 0, entry };
  // What is left of each directory on the way: a generator inside of another would pass on every file as often as it is deep.
  const left: Left<Entry>[] = [];
  const onTrouble: OnTrouble | undefined = troubles && (({ cause }) => troubles.tell(cause));
  const enter = async (at: Buffer): Promise<void> => {
    if (left.length < maxDepth) left.push({ path: at, entries: (await list(at, onTrouble)).values() });
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

/**
 * The paths that a pattern stands for, in byte order; a path without * ? [ { stands for itself. What cannot be read on the way is
 * told to `troubles`.
 */
export async function expand(tree: ImageTree, pattern: string, troubles?: Troubles): Promise<Buffer[]> {
  if (!hasGlob(pattern)) return [Buffer.from(pattern)];
  const tell = (cause: unknown): undefined => {
    if (isMissing(cause)) return undefined;
    if (!troubles) throw cause;
    troubles.tell(cause);
  };
  const parts = pattern.split('/').filter((one) => one !== '');
  let found: Buffer[] = [Buffer.from(pattern.startsWith('/') ? '/' : '')];
  for (const part of parts) {
    const next: Buffer[] = [];
    for (const path of found) {
      if (!hasGlob(part)) {
        next.push(below(path, Buffer.from(part)));
        continue;
      }
      const folder = path.length > 0 ? path : Buffer.from('/');
      const entry = await tree.entry(folder).catch(tell);
      if (entry?.type !== 'directory') continue;
      const add = (name: Buffer): void => {
        const text = name.toString();
        const isHidden = text.startsWith('.') && !part.startsWith('.');
        if (!isHidden && matchesGlob(text, part)) next.push(below(path, name));
      };
      const lacking: Buffer[] = [];
      const names = await tree.names(folder, ({ cause, name }) => {
        // Of a name that is there whoever is given it will say what is wrong with it.
        if (name) lacking.push(name);
        else tell(cause);
      });
      for (const name of [...names.map((one) => one.name), ...lacking].sort(Buffer.compare)) add(name);
    }
    found = next;
  }
  // What a pattern led to is there, or is listed as if it were; what is named behind it need not be.
  const there = hasGlob(parts.at(-1) ?? '') ? found : await existing(tree, found);
  if (there.length === 0) throw new Failure('image', `nothing matches ${pattern}`);
  return there;
}

async function existing(tree: ImageTree, paths: readonly Buffer[]): Promise<Buffer[]> {
  const there: Buffer[] = [];
  for (const path of paths) {
    const isThere = await tree.entry(path, false).then(
      () => true,
      (cause) => !isMissing(cause),
    );
    if (isThere) there.push(path);
  }
  return there;
}

/** Of each pattern what it stands for; one that stands for nothing is told of. */
export async function* expandAll(
  tree: ImageTree,
  patterns: readonly string[],
  troubles: Troubles,
): AsyncGenerator<Buffer> {
  for (const pattern of patterns) yield* (await troubles.attempt(() => expand(tree, pattern, troubles))) ?? [];
}
