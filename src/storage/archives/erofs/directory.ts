/** Directories of EROFS: blocks of entries in the order of their names' bytes (struct erofs_dirent). */

import { type Node, type Raw, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../node.ts';
import { BLOCK, DIRENT_BYTES } from './layout.ts';

/** FT_* of include/linux/fs_types.h. */
const kinds = new Map([
  [S_IFREG, 1],
  [S_IFDIR, 2],
  [S_IFCHR, 3],
  [S_IFBLK, 4],
  [S_IFIFO, 5],
  [S_IFSOCK, 6],
  [S_IFLNK, 7],
]);

export interface PackedDirectory {
  /** i_size; the rest of the last block is zeros. */
  readonly sizeBytes: number;
  readonly blocks: Uint8Array;
}

/** Every node has its number by now. */
export function packDirectory(node: Node, parent: Node): PackedDirectory {
  const children = node.children ?? new Map<Raw, Node>();
  const names = ['.', '..', ...children.keys()].sort();
  const nodeOf = (name: Raw) => (name === '.' ? node : name === '..' ? parent : children.get(name));
  /** Where each block begins in `names`. */
  const starts: number[] = [];
  let used = BLOCK;
  for (const [index, name] of names.entries()) {
    const bytes = DIRENT_BYTES + name.length;
    if (used + bytes > BLOCK) {
      starts.push(index);
      used = 0;
    }
    used += bytes;
  }
  const blocks = new Uint8Array(starts.length * BLOCK);
  const view = new DataView(blocks.buffer);
  for (const [block, start] of starts.entries()) {
    const end = starts[block + 1] ?? names.length;
    const base = block * BLOCK;
    let nameAt = (end - start) * DIRENT_BYTES;
    for (let index = start; index < end; index += 1) {
      const name = names[index] ?? '';
      const child = nodeOf(name);
      const at = base + (index - start) * DIRENT_BYTES;
      view.setBigUint64(at, BigInt(child?.nid ?? 0), true);
      view.setUint16(at + 8, nameAt, true);
      view.setUint8(at + 10, kinds.get(child?.type ?? 0) ?? 0);
      for (let i = 0; i < name.length; i += 1) blocks[base + nameAt + i] = name.charCodeAt(i);
      nameAt += name.length;
    }
  }
  return { sizeBytes: (starts.length - 1) * BLOCK + used, blocks };
}
