/** A file or directory of the tree, as WebDAV sees it. */

import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../abi/uapi/fs.ts';
import { joinPath } from '../bytes/paths.ts';
import { inNs, type Statx } from '../kernel/syscalls/file.ts';
import type { Tree } from '../tree/tree.ts';
import { DavFailure, failureOf, isMissing } from './failure.ts';

export interface Resource {
  readonly path: Uint8Array;
  readonly stat: Statx;
  readonly isCollection: boolean;
  /** As a member: it is a symlink to a collection, which may well be one that it lies in. Work on trees stops there. */
  readonly isLink?: boolean;
}

/** As the tree wants a path. */
export const treePath = (path: Uint8Array): Uint8Array => (path.length > 0 ? path : Uint8Array.of(0x2e));

/** Undefined: there is none. Symlinks are what they lead to, inside the tree. Rejects with 403 for what is neither file nor directory. */
export async function find(tree: Tree, path: Uint8Array): Promise<Resource | undefined> {
  let stat: Statx;
  try {
    stat = await tree.stat(treePath(path));
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
  const type = stat.mode & S_IFMT;
  if (type !== S_IFDIR && type !== S_IFREG) throw new DavFailure(403, 'it is neither a file nor a directory');
  return { path, stat, isCollection: type === S_IFDIR };
}

/** The members of a directory, but for what is neither file nor directory, and symlinks that lead nowhere or in a circle. */
export async function* members(tree: Tree, path: Uint8Array): AsyncGenerator<Resource> {
  const directory = await tree.openDirectory(treePath(path));
  try {
    for (;;) {
      const entries = await directory.next();
      if (entries.length === 0) return;
      for (const { name } of entries) {
        const found = await find(tree, joinPath(path, name)).catch((cause: unknown) => {
          if (failureOf(cause).status >= 500) throw cause;
          return undefined;
        });
        if (found?.isCollection) yield { ...found, isLink: await isSymlink(tree, found.path) };
        else if (found) yield found;
      }
    }
  } finally {
    await directory.close();
  }
}

const isSymlink = async (tree: Tree, path: Uint8Array): Promise<boolean> =>
  ((await tree.stat(path, { follow: false })).mode & S_IFMT) === S_IFLNK;

export const etagOf = ({ stat }: Resource): string =>
  `"${stat.ino.toString(16)}-${inNs(stat.mtime).toString(16)}-${stat.size.toString(16)}"`;

export const modifiedOf = ({ stat }: Resource): Date => new Date(Number(inNs(stat.mtime) / 1_000_000n));
