/** A file system behind something else in the same file: an AppImage is a program and then a squashfs. */

import { fieldsAt } from './fields.ts';
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
const SQUASHFS = 'hsqs';

/** Behind a program; else the first squashfs that begins at a multiple of 512 bytes in the first megabytes, as in firmware. */
export async function embedded(bytes: VolumeBytes): Promise<Embedded | undefined> {
  const end = await elfBytes(bytes);
  if (end !== undefined && end > 0 && end < bytes.sizeBytes) {
    const [superblock] = superblocksOf(await bytes.read(end, SUPERBLOCK_BYTES));
    if (superblock) return { what: 'it is a program', at: end, type: superblock.types[0] };
  }
  for (let at = 512; at < Math.min(bytes.sizeBytes, SCAN_BYTES); at += 65_536) {
    const piece = await fieldsAt(bytes, at, 65_536);
    for (let offset = 0; offset < 65_536; offset += 512) {
      const major = piece.u16(offset + 28);
      if (piece.ascii(offset, 4) !== SQUASHFS || major !== 4) continue;
      return { what: 'what it begins with is not known', at: at + offset, type: 'squashfs' };
    }
  }
  return undefined;
}
