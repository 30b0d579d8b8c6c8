/** How each kind of partition table is known; the partitions themselves are for the kernel's parsers to find. */

import { hex, holdsAll, type Magic, text } from '../magic.ts';
import { isProtective } from './gpt.ts';

interface PartitionTable {
  /** As blkid(8) calls it. */
  readonly type: string;
  readonly magic: Magic;
  /** Beside the magic number, where that is none to rely on. */
  readonly check?: (head: Uint8Array) => boolean;
}

/** atari.c: VALID_PARTITION of one of four entries behind the size of the disk; there is no magic number. */
function isAtari(head: Uint8Array): boolean {
  const data = new DataView(head.buffer, head.byteOffset, head.length);
  const sectors = data.getUint32(0x1c2);
  return [0x1c6, 0x1d2, 0x1de, 0x1ea].some((at) => {
    const [start, size] = [data.getUint32(at + 4), data.getUint32(at + 8)];
    const id = String.fromCharCode(...head.subarray(at + 1, at + 4));
    return (data.getUint8(at) & 1) === 1 && /^[0-9A-Za-z]{3}$/.test(id) && start <= sectors && start + size <= sectors;
  });
}

/** In the order of check_part in block/partitions/core.c, the folder all these are from. */
const partitionTables: readonly PartitionTable[] = [
  { type: 'gpt', magic: text(512, 'EFI PART') }, // efi.h: GPT_HEADER_SIGNATURE
  { type: 'sgi', magic: hex(0, '0be5a941') }, // sgi.c: SGI_LABEL_MAGIC
  { type: 'ldm', magic: text(3072, 'PRIVHEAD') }, // ldm.h: MAGIC_PRIVHEAD at OFF_PRIV1
  { type: 'PMBR', magic: hex(510, '55aa'), check: isProtective }, // efi.c: is_pmbr_valid; a GPT that is lost
  { type: 'dos', magic: hex(510, '55aa') }, // msdos.c: MSDOS_LABEL_MAGIC1
  { type: 'bsd', magic: hex(64, '57455682') }, // osf.c: DISKLABELMAGIC
  { type: 'bsd', magic: hex(512, '57455682') }, // msdos.c: BSD_DISKMAGIC
  { type: 'sun', magic: hex(508, 'dabe') }, // sun.c: SUN_LABEL_MAGIC
  // amiga.c: IDNAME_RIGIDDISK in one of the first RDB_ALLOCATION_LIMIT blocks
  ...Array.from({ length: 16 }, (_, block) => ({ type: 'amiga', magic: text(512 * block, 'RDSK') })),
  { type: 'atari', magic: hex(0, ''), check: isAtari },
  { type: 'mac', magic: text(0, 'ER') }, // mac.h: MAC_DRIVER_MAGIC
  { type: 'ultrix', magic: hex(16_312, '57290300') }, // ultrix.c: PT_MAGIC
  { type: 'karma', magic: hex(510, '56ab') }, // karma.c: KARMA_LABEL_MAGIC
  { type: 'sysv68', magic: text(248, 'MOTOROLA') }, // sysv68.c
];

/** The first table that `head`, the beginning of a disk, may hold. */
export const partitionTableOf = (head: Uint8Array): PartitionTable | undefined =>
  partitionTables.find(({ magic, check }) => holdsAll(head, [magic]) && (check?.(head) ?? true));
