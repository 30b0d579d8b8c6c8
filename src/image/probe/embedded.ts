/** A file system behind something else in the same file: an AppImage is a program and then a squashfs. */

import { type Fields, fieldsAt } from './fields.ts';
import { superblocksOf } from './superblock.ts';
import { SUPERBLOCK_BYTES } from './superblocks.ts';
import type { VolumeBytes } from './volume-bytes.ts';

export interface Embedded {
  /** What it is behind. */
  readonly what: string;
  readonly at: number;
  readonly type: string;
}

/** elf.h: where the section headers end, which is the end of a program as linkers write it. */
async function elfBytes(bytes: VolumeBytes): Promise<number | undefined> {
  const ident = await fieldsAt(bytes, 0, 64);
  if (ident.ascii(0, 4) !== '\x7fELF') return undefined;
  const header = await fieldsAt(bytes, 0, 64, ident.u8(5) === 1);
  return ident.u8(4) === 2
    ? header.u64(40) + header.u16(58) * header.u16(60)
    : header.u32(32) + header.u16(46) * header.u16(48);
}

const SCAN_BYTES = 8 << 20;
const PIECE_BYTES = 1 << 20;
const SUPERBLOCK = 96;

/** fs/squashfs/squashfs_fs.h: struct squashfs_super_block; four letters alone are found in any program that knows them. */
const isSquashfs = (piece: Fields, at: number, rest: number): boolean =>
  piece.ascii(at, 4) === 'hsqs' &&
  piece.u16(at + 28) === 4 &&
  piece.u32(at + 12) === 2 ** piece.u16(at + 22) &&
  piece.u64(at + 40) <= rest;

/** Behind a program; else the first squashfs in the first megabytes, as in firmware. */
export async function embedded(bytes: VolumeBytes): Promise<Embedded | undefined> {
  const end = await elfBytes(bytes);
  if (end !== undefined && end > 0 && end < bytes.sizeBytes) {
    const [superblock] = superblocksOf(await bytes.read(end, SUPERBLOCK_BYTES));
    if (superblock) return { what: 'it is a program', at: end, type: superblock.types[0] };
  }
  const what = end === undefined ? 'what it begins with is not known' : 'it is a program';
  for (let start = 0; start < Math.min(bytes.sizeBytes, SCAN_BYTES); start += PIECE_BYTES) {
    const piece = await fieldsAt(bytes, start, PIECE_BYTES + SUPERBLOCK);
    for (let at = piece.bytes.indexOf(H); at >= 0 && at < PIECE_BYTES; at = piece.bytes.indexOf(H, at + 1)) {
      if (isSquashfs(piece, at, bytes.sizeBytes - start - at)) return { what, at: start + at, type: 'squashfs' };
    }
  }
  return undefined;
}

const H = 0x68;
