/** The tree of one image on its way into another. */

import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/uapi/fs.ts';
import { latin1 } from '../../bytes/latin1.ts';
import { toLossless } from '../../bytes/lossless.ts';
import { joinPath } from '../../bytes/paths.ts';
import { inNs, type Statx } from '../../kernel/syscalls/file.ts';
import { HardLinks } from '../fs2tar/hard-links.ts';
import type { OpenFile } from '../open/open-file.ts';
import type { TreeNode } from '../open/tree-node.ts';
import { namesInOrder } from '../smallest-names.ts';
import type { Tree } from '../tree.ts';
import type { Attributes, Content, Entry } from './entry.ts';

const PIECE = 256 * 1024;
/** Files with links still to come that are remembered; what is more becomes files of their own. */
const MOST_LINKS = 1_000_000;
const modeOnly = 0o7777;

/** Where in the tree it begins, and what that becomes. Default: the root, as the empty path. */
export interface Start {
  readonly from: string;
  readonly to: Uint8Array;
}

/** All of the tree, names in byte order, parents first. Rejects with whatever reading it does. */
export async function* treeEntries(
  tree: Tree,
  { from, to }: Start = { from: '/', to: new Uint8Array(0) },
): AsyncGenerator<Entry> {
  const links = new HardLinks(MOST_LINKS);

  async function* visit(node: TreeNode, path: Uint8Array): AsyncGenerator<Entry> {
    const stat = await node.stat();
    const attributes = await attributesOf(node, stat);
    const type = stat.mode & S_IFMT;
    if (type === S_IFDIR) {
      yield { type: 'directory', path, attributes };
      for await (const name of namesInOrder(() => namesOf(node)))
        yield* opened(await node.child(name), joinPath(path, name));
      return;
    }
    const target = links.find(stat);
    const content = () => contentOf(node);
    if (target) {
      yield { type: 'hardlink', path, attributes, target, ...(type === S_IFREG && { content }) };
      return;
    }
    links.add(stat, path);
    if (type === S_IFREG)
      yield { type: 'file', path, attributes, content, dataBytes: () => dataBytesOf(node, Number(stat.size)) };
    else if (type === S_IFLNK) yield { type: 'symlink', path, attributes, target: await node.readlink() };
    else if (type === S_IFCHR || type === S_IFBLK) {
      const device = { major: stat.rdevMajor, minor: stat.rdevMinor };
      yield { type: type === S_IFCHR ? 'char' : 'block', path, attributes, device };
    } else yield { type: type === S_IFIFO ? 'fifo' : 'socket', path, attributes };
  }

  async function* opened(node: TreeNode, path: Uint8Array): AsyncGenerator<Entry> {
    try {
      yield* visit(node, path);
    } finally {
      await node.close();
    }
  }

  yield* opened(await tree.lookup(from, { follow: false }), to);
}

async function attributesOf(node: TreeNode, stat: Statx): Promise<Attributes> {
  const xattrs = new Map<string, Uint8Array>();
  for (const { name, value } of await node.xattrs()) xattrs.set(toLossless(name), value);
  return {
    mode: stat.mode & modeOnly,
    uid: stat.uid,
    gid: stat.gid,
    atimeNs: inNs(stat.atime),
    mtimeNs: inNs(stat.mtime),
    xattrs,
  };
}

async function* namesOf(node: TreeNode): AsyncGenerator<string> {
  const directory = await node.openDirectory();
  try {
    for (let entries = await directory.next(); entries.length > 0; entries = await directory.next())
      for (const { name } of entries) yield latin1(name);
  } finally {
    await directory.close();
  }
}

/** So small a file is not worth the question where its holes are. */
const WITHOUT_HOLES = 64 * 1024;

async function dataBytesOf(node: TreeNode, size: number): Promise<number> {
  if (size <= WITHOUT_HOLES) return size;
  const file = await node.openFile();
  try {
    const data = await file.dataSegments();
    return data ? data.reduce((sum, { length }) => sum + length, 0) : size;
  } finally {
    await file.close();
  }
}

async function* contentOf(node: TreeNode): Content {
  const file = await node.openFile();
  try {
    const { size } = await file.stat();
    const data = (await file.dataSegments()) ?? [{ offset: 0, length: size }];
    let at = 0;
    for (const { offset, length } of data) {
      if (offset > at) yield offset - at;
      yield* piecesOf(file, offset, length);
      at = offset + length;
    }
    if (size > at) yield size - at;
  } finally {
    await file.close();
  }
}

async function* piecesOf(file: OpenFile, offset: number, length: number): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(Math.min(PIECE, length));
  for (let done = 0; done < length; ) {
    const got = await file.read(offset + done, piece.subarray(0, Math.min(piece.length, length - done)));
    // It ends earlier than it said: whoever changes an image while it is read gets what was there.
    if (got === 0) return;
    yield piece.subarray(0, got);
    done += got;
  }
}
