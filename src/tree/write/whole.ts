/** What takes several calls: a tree that goes, directories on the way that are made. */

import { errnos } from '../../abi/errno.ts';
import { S_IFDIR, S_IFMT } from '../../abi/uapi/fs.ts';
import { joinPath } from '../../bytes/paths.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { Tree } from '../tree.ts';
import type { TreeChanges } from './changes.ts';

const SLASH = 0x2f;

/** As `rm`: what is at `path` goes, a symlink itself; a directory with all in it only when `recursive`, else EISDIR. */
export async function remove(
  tree: Tree,
  changes: TreeChanges,
  path: Uint8Array,
  { recursive = false }: { readonly recursive?: boolean } = {},
): Promise<void> {
  const { mode } = await tree.stat(path, { follow: false });
  if ((mode & S_IFMT) !== S_IFDIR) return changes.unlink(path);
  if (!recursive) throw new KernelError('unlinkat', errnos.EISDIR.number, path);
  await empty(tree, changes, path);
  await changes.rmdir(path);
}

/** Names are read anew after each batch of removals, until none is left: what a directory lists while it shrinks is undefined. */
async function empty(tree: Tree, changes: TreeChanges, path: Uint8Array): Promise<void> {
  for (;;) {
    const directory = await tree.openDirectory(path);
    let entries: Awaited<ReturnType<typeof directory.next>>;
    try {
      entries = await directory.next();
    } finally {
      await directory.close();
    }
    if (entries.length === 0) return;
    for (const { name } of entries) await remove(tree, changes, joinPath(path, name), { recursive: true });
  }
}

/** As `mkdir -p` of the directory that `path` is in. */
export async function makeParents(changes: TreeChanges, path: Uint8Array): Promise<void> {
  for (let end = path.indexOf(SLASH, 1); end > 0; end = path.indexOf(SLASH, end + 1)) {
    try {
      await changes.mkdir(path.subarray(0, end), 0o755);
    } catch (cause) {
      if (!(cause instanceof KernelError && cause.errno === 'EEXIST')) throw cause;
    }
  }
}
