/** `lkl rm`, `mkdir`, `mv` and `ln`: names in an image. */

import type { ErrnoName } from '../../src/abi/errno.ts';
import { KernelError } from '../../src/kernel/kernel-error.ts';
import type { TreeChanges } from '../../src/tree/write/changes.ts';
import { Failure } from '../failure.ts';
import { below, type ImageTree } from '../look/image-tree.ts';
import { shown } from '../look/words.ts';
import { type WriteOptions, withChanges } from './session.ts';
import { inside, isDirectory, looking, named } from './tree.ts';

export interface RmOptions extends WriteOptions {
  readonly recursive?: true;
  readonly force?: true;
}

export interface MkdirOptions extends WriteOptions {
  readonly parents?: true;
  readonly mode?: number;
}

export interface LnOptions extends WriteOptions {
  readonly symbolic?: true;
  readonly force?: true;
}

export const rm = (image: string, patterns: readonly string[], options: RmOptions): Promise<void> =>
  withChanges(image, options, async (mounted) => {
    const tree = looking(mounted);
    for (const pattern of patterns) {
      const paths = await named(tree, [pattern]).catch((cause: unknown) => {
        if (options.force && cause instanceof Failure) return [];
        throw cause;
      });
      for (const path of paths) {
        const entry = await tree.entry(path, false).catch((cause: unknown) => {
          if (options.force && said(cause, 'ENOENT')) return undefined;
          throw cause;
        });
        if (!entry) continue;
        if (entry.type !== 'directory') await mounted.changes.unlink(path);
        else if (isRoot(path)) throw new Failure('usage', "the root of the image stays: '/*' is all that is in it");
        else if (options.recursive) await removeTree(tree, mounted.changes, path);
        else throw new Failure('usage', `${shown(path)} is a directory: -r removes it`);
      }
    }
  });

const isRoot = (path: Buffer): boolean => !/[^/.]/.test(path.toString('latin1'));

async function removeTree(tree: ImageTree, changes: TreeChanges, path: Buffer): Promise<void> {
  for (const entry of await tree.list(path)) {
    const at = below(path, entry.name);
    if (entry.type === 'directory') await removeTree(tree, changes, at);
    else await changes.unlink(at);
  }
  await changes.rmdir(path);
}

export const mkdir = (image: string, paths: readonly string[], options: MkdirOptions): Promise<void> =>
  withChanges(image, options, async ({ changes, tree, type }) => {
    const look = looking({ tree, type });
    for (const path of paths) await make(look, changes, Buffer.from(path), options);
  });

async function make(tree: ImageTree, changes: TreeChanges, path: Buffer, options: MkdirOptions): Promise<void> {
  const { parents, mode = 0o755 } = options;
  try {
    await changes.mkdir(path, mode);
  } catch (cause) {
    if (parents && said(cause, 'EEXIST') && (await isDirectory(tree, path))) return;
    const parent = path.toString('latin1').replace(/\/*[^/]+\/*$/, '');
    if (!(parents && said(cause, 'ENOENT') && parent !== '')) throw cause;
    await make(tree, changes, Buffer.from(parent, 'latin1'), { ...options, mode: 0o755 });
    await changes.mkdir(path, mode);
  }
}

export const mv = (image: string, paths: readonly string[], options: WriteOptions): Promise<void> =>
  withChanges(image, options, async (mounted) => {
    const tree = looking(mounted);
    const target = Buffer.from(paths.at(-1) ?? '');
    const sources = await named(tree, paths.slice(0, -1));
    if (sources.length === 0) throw new Failure('usage', 'mv takes what is to be moved, and last where to');
    const into = await isDirectory(tree, target);
    if (!into && sources.length > 1) throw new Failure('usage', `${shown(target)} is not a directory`);
    // What rename(2) says of a target would be said of a source that is not there, too.
    for (const source of sources) await tree.entry(source, false);
    for (const source of sources) await mounted.changes.rename(source, into ? inside(target, source) : target);
  });

export const ln = (image: string, target: string, path: string, options: LnOptions): Promise<void> =>
  withChanges(image, options, async (mounted) => {
    const tree = looking(mounted);
    const [from, to] = [Buffer.from(target), Buffer.from(path)];
    const name = (await isDirectory(tree, to)) ? inside(to, from) : to;
    const { changes } = mounted;
    const link = () => (options.symbolic ? changes.symlink(from, name) : changes.link(from, name));
    try {
      await link();
    } catch (cause) {
      if (!(options.force && said(cause, 'EEXIST'))) throw cause;
      if (!options.symbolic && (await same(tree, from, name))) return;
      await changes.unlink(name);
      await link();
    }
  });

async function same(tree: ImageTree, one: Buffer, other: Buffer): Promise<boolean> {
  const [a, b] = [await tree.entry(one, false), await tree.entry(other, false)];
  return a.more?.inode === b.more?.inode;
}

export const said = (cause: unknown, errno: ErrnoName): boolean =>
  cause instanceof KernelError && cause.errno === errno;
