/** A folder or a file of this machine as a tree on its way into an image. */

import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { HardLinks } from '../tree/fs2tar/hard-links.ts';
import { namesInOrder } from '../tree/smallest-names.ts';
import type { Attributes, Content, Entry } from '../tree/write/entry.ts';
import { reaching } from './files/far-path.ts';
import { holeAt, hostXattrs } from './native/calls.ts';
import { native } from './native/native.ts';
import { isZero } from './zeros.ts';

export interface HostTreeOptions {
  /** What every file gets in place of its own. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** With what this machine's policies say of the files: SELinux labels and their like. */
  readonly labels?: boolean;
}

const SLASH = 0x2f;
/** As much as is looked at for zeros at a time: the block of most file systems. */
const BLOCK = 4096;
const PIECE = 256 * 1024;
const LISTED_AT_ONCE = 1024;
/** Files with names still to come that are remembered; what is more becomes files of their own. */
const MOST_LINKS = 1_000_000;

/**
 * `root` itself at `at` (a directory with all below it), names in byte order, parents first, hard links found. Rejects with
 * the error of this machine's system (`code`, `path`) when something cannot be read. Extended attributes are read where there is a
 * native module, for which Linux's files have them; labels and signatures of this machine's policies are left out unless asked for.
 */
export async function* hostTree(root: Buffer, at: Uint8Array, options: HostTreeOptions = {}): AsyncGenerator<Entry> {
  const links = new HardLinks(MOST_LINKS);

  async function* visit(path: Buffer, place: Uint8Array): AsyncGenerator<Entry> {
    const stats = reaching(path, (near) => lstatSync(near, { bigint: true }));
    const xattrs = reaching(path, (near) => hostXattrs(near, { labels: options.labels === true }));
    const attributes = { ...attributesOf(stats, options), ...(xattrs.size > 0 && { xattrs }) };
    const entry = { path: place, attributes };
    if (!stats.isDirectory()) {
      const linked = { devMajor: Number(stats.dev), devMinor: 0, ino: stats.ino, nlink: Number(stats.nlink) };
      const target = links.find(linked);
      if (target) {
        yield { ...entry, type: 'hardlink', target, ...(stats.isFile() && { content: () => contentOf(path, stats) }) };
        return;
      }
      links.add(linked, place);
    }
    if (stats.isDirectory()) {
      yield { ...entry, type: 'directory' };
      for await (const name of namesInOrder(() => namesOf(path))) yield* visit(join(path, name), join(place, name));
    } else if (stats.isFile()) {
      const content = () => contentOf(path, stats);
      const { size } = stats;
      // Fewer blocks may also be those of a host that compresses.
      yield { ...entry, type: 'file', content, ...(!isSparse(stats) && { dataBytes: () => Number(size) }) };
    } else if (stats.isSymbolicLink()) yield { ...entry, type: 'symlink', target: reaching(path, targetOf) };
    else if (stats.isFIFO()) yield { ...entry, type: 'fifo' };
    else if (stats.isSocket()) yield { ...entry, type: 'socket' };
    else yield { ...entry, type: stats.isBlockDevice() ? 'block' : 'char', device: deviceOf(stats.rdev) };
  }

  yield* visit(root, at);
}

function* namesOf(path: Buffer): Generator<string> {
  // As bytes, which its types do not know.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: LISTED_AT_ONCE };
  const directory = reaching(path, (near) => opendirSync(near, options));
  try {
    for (let entry = directory.readSync(); entry; entry = directory.readSync())
      yield (entry.name as unknown as Buffer).toString('latin1');
  } finally {
    directory.closeSync();
  }
}

const targetOf = (path: Buffer): Buffer => readlinkSync(path, 'buffer');

function join(directory: Uint8Array, name: Uint8Array): Buffer {
  return directory.length === 0 ? Buffer.from(name) : Buffer.concat([directory, Uint8Array.of(SLASH), name]);
}

function attributesOf(stats: BigIntStats, { uid, gid }: HostTreeOptions): Attributes {
  return {
    mode: Number(stats.mode) & 0o7777,
    uid: uid ?? Number(stats.uid),
    gid: gid ?? Number(stats.gid),
    atimeNs: stats.atimeNs,
    mtimeNs: stats.mtimeNs,
  };
}

/** dev_t as Linux packs it for programs: 12 bits of major, 20 of minor. */
const deviceOf = (rdev: bigint) => ({
  major: Number((rdev >> 8n) & 0xfffn),
  minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n)),
});

const isSparse = ({ blocks, size }: BigIntStats): boolean => blocks * 512n < size;

/**
 * Where fewer blocks are used than the size needs there are holes. Where this machine can be asked they are not read: a file of 1 TiB with
 * little in it takes no time. Else, and within what it calls data, runs of zeros are holes.
 */
async function* contentOf(path: Buffer, stats: BigIntStats): Content {
  const sparse = isSparse(stats);
  // Neither followed nor waited for: it was no symlink and no pipe when it was looked at.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = reaching(path, (near) => openSync(near, flags));
  try {
    const sizeBytes = Number(stats.size);
    const tells = sparse && native() !== undefined;
    let hole = 0;
    for (let at = 0; ; ) {
      const gap = tells && at < sizeBytes ? holeAt(fd, at, sizeBytes) : 0;
      hole += gap;
      at += gap;
      const bytes = readSync(fd, piece, 0, PIECE, at);
      if (bytes === 0) break;
      at += bytes;
      if (!sparse) {
        yield piece.subarray(0, bytes);
        continue;
      }
      for (let from = 0; from < bytes; from += BLOCK) {
        const block = piece.subarray(from, Math.min(from + BLOCK, bytes));
        if (isZero(block)) hole += block.length;
        else {
          if (hole > 0) yield hole;
          hole = 0;
          yield block;
        }
      }
    }
    if (hole > 0) yield hole;
  } finally {
    closeSync(fd);
  }
}

/** One for all: whoever takes a piece is done with it when they ask for the next. Read at once, as a file of this machine is seldom worth a thread. */
const piece = Buffer.alloc(PIECE);
