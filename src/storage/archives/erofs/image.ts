/**
 * A tree as an EROFS image: its inodes and directories are made here, its files' data stay where they lie. So Linux's own
 * driver reads archives, by range, with all that it knows of attributes, devices and holes (fs/erofs/erofs_fs.h).
 */

import { type ByteSource, memorySource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { mapped, type Piece, zeros } from '../../formats/parts/mapped.ts';
import { startsAt } from '../../formats/parts/search.ts';
import { pieceOf } from '../file-data.ts';
import { type Extent, type Node, S_IFBLK, S_IFCHR, S_IFLNK, S_IFREG } from '../node.ts';
import { type Chunks, chunkBlocks, chunksOf } from './chunks.ts';
import { type PackedDirectory, packDirectory } from './directory.ts';
import {
  BLOCK,
  BLOCK_BITS,
  CHUNKS,
  EXTENDED,
  FEATURE_CHUNKED_FILE,
  INLINE,
  INODE_BYTES,
  MAGIC,
  META_AT,
  PLAIN,
  SLOT,
  SUPERBLOCK_AT,
  up,
} from './layout.ts';
import { writeXattrs, xattrBytes, xattrCount } from './xattrs.ts';

/** Where the page cache of a 32-bit kernel ends. */
const MAX_BYTES = 2 ** 44;

interface Placed {
  readonly node: Node;
  readonly parent: Node;
  readonly xattrBytes: number;
  /** Of a file with holes. */
  readonly chunks: Chunks | undefined;
}

/** `name` is the format of the archive, for errors. */
export function erofsImage(name: string, root: Node): ByteSource {
  const { placed, metaBytes } = place(name, root);
  const meta = new Uint8Array(up(metaBytes, BLOCK));
  const view = new DataView(meta.buffer);

  const blocks: Uint8Array[] = [];
  let end = META_AT + meta.length;
  /** What is made here and fills blocks of its own: where it begins. */
  const append = (bytes: Uint8Array): number => {
    const at = end;
    blocks.push(bytes);
    end += bytes.length;
    return at / BLOCK;
  };

  for (const one of placed) writeStatic(view, one, append);
  const made = joinedBytes(blocks, end - META_AT - meta.length);

  const data = dataArea(name, end);
  for (const { node, xattrBytes: bytes, chunks } of placed) {
    if (node.type !== S_IFREG) continue;
    const at = node.nid * SLOT;
    const block = node.size === 0 ? 0 : data.add(node);
    if (chunks === undefined) view.setUint32(at + 16, block, true);
    else writeChunks(view, at + INODE_BYTES + bytes, chunks, node.data?.extents ?? [], block);
  }

  const sizeBytes = data.end();
  if (sizeBytes > MAX_BYTES) throw new FormatError(name, 'more than 16 TiB of files', { code: 'EOPNOTSUPP' });
  const head = memorySource(superblock(sizeBytes / BLOCK, placed.length));
  const metadata = memorySource(meta);
  const directories = memorySource(made);
  const madeAt = META_AT + meta.length;
  return mapped({
    name,
    sizeBytes,
    find(offset): Piece {
      if (offset < BLOCK) return { kind: 'bytes', bytes: BLOCK - offset, source: head, at: offset };
      if (offset < META_AT) return zeros(META_AT - offset);
      if (offset < madeAt) return { kind: 'bytes', bytes: madeAt - offset, source: metadata, at: offset - META_AT };
      if (offset < end) return { kind: 'bytes', bytes: end - offset, source: directories, at: offset - madeAt };
      return data.find(offset);
    },
  });
}

/** Gives every node its number, the root the first. */
function place(name: string, root: Node): { readonly placed: readonly Placed[]; readonly metaBytes: number } {
  const placed: Placed[] = [];
  let end = 0;
  const add = (node: Node, parent: Node): void => {
    const attributes = sizeOfXattrs(name, node);
    const chunks = node.data?.extents && node.size > 0 ? chunksOf(node.size, node.data.extents) : undefined;
    const fixed = INODE_BYTES + attributes;
    const isInline = inlineBytes(node, attributes) > 0;
    // The target of a symlink must not reach over the end of a block, nor does a long inode.
    if (isInline && (end % BLOCK) + fixed + node.size > BLOCK) end = up(end, BLOCK);
    node.nid = end / SLOT;
    node.links = node.children ? 2 : 0;
    placed.push({ node, parent, xattrBytes: attributes, chunks });
    end = up(end + fixed + (isInline ? node.size : 4 * (chunks?.count ?? 0)), INODE_BYTES);
  };
  forget(root);
  add(root, root);
  for (let next = 0; next < placed.length; next += 1) {
    const folder = placed[next]?.node;
    for (const child of folder?.children?.values() ?? []) {
      if (child.nid < 0) add(child, folder ?? root);
      if (child.children && folder) folder.links += 1;
      else child.links += 1;
    }
  }
  return { placed, metaBytes: end };
}

/** A tree may have been laid out before. */
function forget(node: Node): void {
  const todo = [node];
  for (let one = todo.pop(); one; one = todo.pop()) {
    one.nid = -1;
    for (const child of one.children?.values() ?? []) todo.push(child);
  }
}

function sizeOfXattrs(name: string, node: Node): number {
  try {
    return xattrBytes(node.xattrs);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(name, `${why}: more than Linux can keep`, { code: 'EOPNOTSUPP', cause });
  }
}

/** Of a symlink whose target fits into the block of its inode: its length. */
const inlineBytes = (node: Node, attributes: number): number =>
  node.type === S_IFLNK && INODE_BYTES + attributes + node.size <= BLOCK ? node.size : 0;

/** struct erofs_inode_extended, and all that lies behind it but where a file's data are. */
function writeStatic(
  view: DataView,
  { node, parent, xattrBytes: attributes, chunks }: Placed,
  append: (bytes: Uint8Array) => number,
): void {
  const at = node.nid * SLOT;
  let layout = PLAIN;
  let size = node.type === S_IFREG ? node.size : 0;
  let where = 0;
  if (node.children) {
    const packed: PackedDirectory = packDirectory(node, parent);
    size = packed.sizeBytes;
    where = append(packed.blocks);
  } else if (node.type === S_IFLNK) {
    size = node.size;
    const target = Uint8Array.from(node.target ?? '', (char) => char.charCodeAt(0));
    if (inlineBytes(node, attributes) > 0) {
      layout = INLINE;
      new Uint8Array(view.buffer).set(target, at + INODE_BYTES + attributes);
    } else if (size > 0) {
      const block = new Uint8Array(up(size, BLOCK));
      block.set(target);
      where = append(block);
    }
  } else if (node.type === S_IFCHR || node.type === S_IFBLK) where = node.rdev;
  else if (chunks !== undefined) {
    layout = CHUNKS;
    where = chunks.bits - BLOCK_BITS;
  }
  view.setUint16(at, EXTENDED | (layout << 1), true);
  view.setUint16(at + 2, xattrCount(attributes), true);
  view.setUint16(at + 4, node.mode, true);
  view.setBigUint64(at + 8, BigInt(size), true);
  view.setUint32(at + 16, where, true);
  view.setUint32(at + 20, node.nid + 1, true);
  view.setUint32(at + 24, node.uid, true);
  view.setUint32(at + 28, node.gid, true);
  view.setBigInt64(at + 32, BigInt(node.mtimeS), true);
  view.setUint32(at + 40, node.mtimeNs, true);
  view.setUint32(at + 44, node.links, true);
  if (attributes > 0) writeXattrs(view, at + INODE_BYTES, node.xattrs);
}

function writeChunks(view: DataView, at: number, chunks: Chunks, extents: readonly Extent[], firstBlock: number): void {
  let entry = at;
  for (const block of chunkBlocks(chunks, extents, firstBlock)) {
    view.setUint32(entry, block, true);
    entry += 4;
  }
}

interface DataArea {
  /** The block from which on the file's bytes are shown. */
  add(node: Node): number;
  end(): number;
  find(offset: number): Piece;
}

/** Files one after another, each from a whole block on. */
function dataArea(name: string, from: number): DataArea {
  const starts: number[] = [];
  const nodes: Node[] = [];
  let end = from;
  return {
    add(node) {
      const at = end;
      starts.push(at);
      nodes.push(node);
      // A table of chunks may point behind the last byte, to the end of its last chunk.
      end = up(at + node.size, BLOCK);
      return at / BLOCK;
    },
    end: () => end,
    find(offset) {
      const index = startsAt(starts, starts.length, offset);
      const [start = end, node] = [starts[index], nodes[index]];
      const next = starts[index + 1] ?? end;
      if (node?.data === undefined) return zeros(next - offset);
      return pieceOf(name, node.data, node.size, offset - start, next - offset);
    },
  };
}

/** struct erofs_super_block, in its block. */
function superblock(blocks: number, inodes: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK);
  const view = new DataView(bytes.buffer, SUPERBLOCK_AT);
  view.setUint32(0, MAGIC, true);
  view.setUint8(12, BLOCK_BITS);
  view.setUint16(14, 0, true); // root_nid
  view.setBigUint64(16, BigInt(inodes), true);
  view.setUint32(36, blocks, true);
  view.setUint32(40, META_AT / BLOCK, true);
  view.setUint32(80, FEATURE_CHUNKED_FILE, true);
  return bytes;
}

function joinedBytes(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
