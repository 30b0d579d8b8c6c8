/** The tree that verbs change, as they look at it and name its files. */

import { errnos } from '../../src/abi/errno.ts';
import { KernelError } from '../../src/kernel/kernel-error.ts';
import type { MountedWritableTree } from '../../src/linux.ts';
import { imageTreeOf } from '../look/here.ts';
import { below, type ImageTree } from '../look/image-tree.ts';
import { expand, walk } from '../look/walk.ts';

/** What patterns stand for, in order. */
export async function named(tree: ImageTree, patterns: readonly string[]): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for (const pattern of patterns) for (const path of await expand(tree, pattern)) found.push(path);
  return found;
}

/** The files themselves, and what is below them where `recursive`: what is in a directory after it. */
export async function* filesOf(tree: ImageTree, paths: readonly Buffer[], recursive: boolean) {
  for (const path of paths) yield* walk(tree, path, { maxDepth: recursive ? Number.POSITIVE_INFINITY : 0 });
}

export const looking = (mounted: Pick<MountedWritableTree, 'tree' | 'type'>): ImageTree =>
  imageTreeOf(mounted.tree, mounted, async () => {});

export async function isDirectory(tree: ImageTree, path: Buffer): Promise<boolean> {
  try {
    return (await tree.entry(path)).type === 'directory';
  } catch (cause) {
    if (cause instanceof KernelError && ['ENOENT', 'ENOTDIR'].includes(cause.errno ?? '')) return false;
    throw cause;
  }
}

/** The name of a path in the directory `directory`, as mv(1) and ln(1) make it. */
export function inside(directory: Buffer, path: Buffer): Buffer {
  const name = path.toString('latin1').replace(/\/+$/, '').split('/').at(-1) ?? '';
  if (name === '' || name === '.' || name === '..') throw new KernelError('renameat2', errnos.EBUSY.number, path);
  return below(directory, Buffer.from(name, 'latin1'));
}
