/** `lkl chmod`, `chown` and `truncate`: what files of an image are. */

import { O_CREAT, O_WRONLY } from '../../src/abi/uapi/fs.ts';
import { Failure } from '../failure.ts';
import { said } from './files.ts';
import { changedMode } from './mode.ts';
import { type WriteOptions, withChanges } from './session.ts';
import { filesOf, looking, named } from './tree.ts';

export interface RecursiveOptions extends WriteOptions {
  readonly recursive?: true;
}

export interface ChownOptions extends RecursiveOptions {
  /** False: of a symlink itself. */
  readonly dereference: boolean;
}

export interface TruncateOptions extends WriteOptions {
  readonly bytes: number;
}

export const chmod = async (
  image: string,
  mode: string,
  patterns: readonly string[],
  { recursive, ...options }: RecursiveOptions,
): Promise<void> => {
  const change = changedMode(mode);
  await withChanges(image, options, async (mounted) => {
    const tree = looking(mounted);
    for await (const { path, depth, entry } of filesOf(tree, await named(tree, patterns), recursive === true)) {
      // A symlink that was named is followed; those on the way have no modes.
      if (entry.type === 'symlink' && depth > 0) continue;
      const of = entry.type === 'symlink' ? await tree.entry(path) : entry;
      await mounted.changes.chmod(path, change(of.mode, of.type === 'directory'));
    }
  });
};

/** An id that is not named stays: -1. */
const KEEP = -1;

export const chown = async (
  image: string,
  owner: string,
  patterns: readonly string[],
  { recursive, ...options }: ChownOptions,
): Promise<void> => {
  const [, uid, gid] = /^(\d*)(?::(\d*))?$/.exec(owner) ?? [];
  if (uid === undefined || (uid === '' && !gid)) {
    throw new Failure('usage', `${owner}: owners are numbers, as the image has them: UID, UID:GID, :GID`);
  }
  const id = (text: string | undefined) => (text ? Number(text) : KEEP);
  const ids = { uid: id(uid), gid: id(gid) };
  if (Math.max(ids.uid, ids.gid) >= 2 ** 32 - 1) throw new Failure('usage', `${owner}: ids are at most 4294967294`);
  await withChanges(image, options, async (mounted) => {
    const tree = looking(mounted);
    for await (const { path, depth } of filesOf(tree, await named(tree, patterns), recursive === true)) {
      await mounted.changes.chown(path, ids, { follow: depth === 0 && options.dereference !== false && !recursive });
    }
  });
};

export const truncate = (image: string, patterns: readonly string[], options: TruncateOptions): Promise<void> =>
  withChanges(image, options, async (mounted) => {
    for (const path of await named(looking(mounted), patterns)) {
      try {
        await mounted.changes.truncate(path, options.bytes);
      } catch (cause) {
        if (!said(cause, 'ENOENT')) throw cause;
        const made = await mounted.changes.open(path, O_WRONLY | O_CREAT, 0o644);
        await made.truncate(options.bytes);
        await made.close();
      }
    }
  });
