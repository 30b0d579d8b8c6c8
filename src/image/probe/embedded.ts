/** A file system behind something else in the same file: behind a program (an AppImage), a header, a bootloader (firmware). */

import { crc32 } from './crc.ts';
import { Fields, fieldsAt } from './fields.ts';
import { holdsAll } from './magic.ts';
import { primaryGpt } from './partition-table/gpt.ts';
import { claimedBytes } from './superblock/claims.ts';
import { superblocksOf } from './superblock/superblock.ts';
import { SUPERBLOCK_BYTES, superblocks } from './superblock/superblocks.ts';
import { type VolumeBytes, volumeFrom } from './volume-bytes.ts';

export interface Embedded {
  /** What it is behind. */
  readonly what: string;
  readonly at: number;
  readonly type: string;
  /** It is compressed: no offset into the disk leads to it, one into the file does. */
  readonly packed: boolean;
}

type Place = Pick<Embedded, 'at' | 'type'>;

/** elf.h: where the section headers end, which is the end of a program as linkers write it. */
async function elfBytes(bytes: VolumeBytes): Promise<number | undefined> {
  const ident = await fieldsAt(bytes, 0, 64);
  if (ident.ascii(0, 4) !== '\x7fELF') return undefined;
  const header = await fieldsAt(bytes, 0, 64, ident.u8(5) === 1);
  return ident.u8(4) === 2
    ? header.u64(40) + header.u16(58) * header.u16(60)
    : header.u32(32) + header.u16(46) * header.u16(48);
}

const SCAN_BYTES = 16 << 20;
const PIECE_BYTES = 1 << 20;

interface Needle {
  readonly type: string;
  /** From the beginning of what is looked for. */
  readonly at: number;
  readonly bytes: Uint8Array;
  /** Whether it is there, with `head` from its beginning on and `rest` all of it. */
  readonly holds: (head: Uint8Array, rest: VolumeBytes, search: Search) => Promise<boolean>;
}

interface Search {
  /** Beginnings that were none, of anything and of discs. */
  tries: number;
  discs: number;
}

/** A file made of beginnings is no image. */
const MAX_TRIES = 20_000;

/** Whether a disc is whole takes a search of its own for its sessions: what begins like one again and again is none. */
const MAX_DISCS = 4;

/** ECMA-119 6.7: another descriptor, or their end, is in the next sector. It is not where a disc's sectors have more than its data in them. */
const hasNextDescriptor = async (disc: VolumeBytes): Promise<boolean> =>
  /CD(001|ROM)/.test((await fieldsAt(disc, 34_816, 16)).ascii(1, 13));

/** Two bytes of ext's count, as its size must fit and, where it has one, its checksum too; else fewer than three are found anywhere. */
const LEAST_LETTERS = 3;
const isTelling = (type: string, letters: number): boolean => letters >= LEAST_LETTERS || type === 'ext4';

/** By the longest of its magic numbers, and then by all of them; it must say its size, and be there whole. */
const needles: readonly Needle[] = [
  ...superblocks.flatMap(({ types: [type], magic }): Needle[] => {
    const [longest] = magic.filter(({ mask }) => mask === undefined).sort((a, b) => b.bytes.length - a.bytes.length);
    if (longest === undefined || !isTelling(type, longest.bytes.length)) return [];
    const holds = async (head: Uint8Array, rest: VolumeBytes, search: Search) => {
      if (!holdsAll(head, magic) || search.tries++ >= MAX_TRIES) return false;
      if (type === 'iso9660' && (search.discs++ >= MAX_DISCS || !(await hasNextDescriptor(rest)))) return false;
      const claimed = await claimedBytes(rest, type);
      return claimed !== undefined && claimed <= rest.sizeBytes;
    };
    return [{ type, at: longest.at, bytes: longest.bytes, holds }];
  }),
  {
    type: 'a disk with partitions (gpt)',
    at: 512,
    bytes: new TextEncoder().encode('EFI PART'),
    holds: async (_, rest) => (await primaryGpt(rest)) !== undefined,
  },
];

/** Ext2 and ext3 have the number that ext4 has: one search for all. */
const searched = needles.filter(({ type }) => type !== 'ext2' && type !== 'ext3');

const packed = (type: string, magic: readonly number[], holds: (head: Fields) => boolean): Needle => ({
  type,
  at: 0,
  bytes: Uint8Array.from(magic),
  holds: async (head) => head.length >= 32 && holds(new Fields(head)),
});

/** As the documents have it that src/archive names: a header whose checksum is right, or fields that nothing else would have. */
const archives: readonly Needle[] = [
  packed('a 7z archive', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], (head) => crc32(head.slice(12, 20)) === head.u32(8)),
  packed('xz data', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], (head) => crc32(head.slice(6, 2)) === head.u32(8)),
  packed(
    'a zip archive',
    [0x50, 0x4b, 3, 4],
    (head) => head.u16(4) <= 63 && [0, 8, 9, 12, 14, 93, 95].includes(head.u16(8)),
  ),
  packed(
    'gzip data',
    [0x1f, 0x8b, 8],
    (head) => head.u8(3) < 32 && [0, 2, 4].includes(head.u8(8)) && (head.u8(9) + 1) % 256 < 15,
  ),
];

/** Behind a program; else the first that there is in the first megabytes, what is compressed only where nothing else is. */
export async function embedded(bytes: VolumeBytes): Promise<Embedded | undefined> {
  const end = await elfBytes(bytes);
  const what = end === undefined ? 'what it begins with is not known' : 'it is a program';
  if (end !== undefined && end > 0 && end < bytes.sizeBytes) {
    const [superblock] = superblocksOf(await bytes.read(end, SUPERBLOCK_BYTES));
    if (superblock) return { what, at: end, type: superblock.types[0], packed: false };
  }
  let archive: Place | undefined;
  const search: Search = { tries: 0, discs: 0 };
  for (let start = 0; start < Math.min(bytes.sizeBytes, SCAN_BYTES); start += PIECE_BYTES) {
    const piece = await bytes.read(start, PIECE_BYTES + SUPERBLOCK_BYTES);
    const found = await firstIn(bytes, start, piece, { wanted: searched, search });
    if (found) return { what, ...(await withOwnName(bytes, found)), packed: false };
    archive ??= await firstIn(bytes, start, piece, { wanted: archives, search });
  }
  return archive && { what, ...archive, packed: true };
}

async function withOwnName(bytes: VolumeBytes, found: Place): Promise<Place> {
  if (found.type !== 'ext4') return found;
  const [superblock] = superblocksOf(await bytes.read(found.at, SUPERBLOCK_BYTES));
  return { ...found, type: superblock?.types[0] ?? found.type };
}

/** What begins in the piece at `start`. */
async function firstIn(
  bytes: VolumeBytes,
  start: number,
  piece: Uint8Array,
  { wanted, search }: { readonly wanted: readonly Needle[]; readonly search: Search },
): Promise<Place | undefined> {
  let first: Place | undefined;
  for (const { type, at, bytes: letters, holds } of wanted) {
    const last = Math.min(PIECE_BYTES, (first?.at ?? Number.POSITIVE_INFINITY) - start) + at;
    for (
      let found = indexOf(piece, letters, at);
      found >= 0 && found < last;
      found = indexOf(piece, letters, found + 1)
    ) {
      const place = start + found - at;
      if (place === 0 || !(await holds(piece.subarray(found - at), volumeFrom(bytes, place), search))) continue;
      first = { at: place, type };
      break;
    }
  }
  return first;
}

/** By the first of them that is no zero: of those there are too many. */
function indexOf(piece: Uint8Array, letters: Uint8Array, from: number): number {
  const shift = Math.max(
    0,
    letters.findIndex((byte) => byte !== 0),
  );
  const letter = letters[shift] ?? 0;
  for (let at = piece.indexOf(letter, from + shift); at >= 0; at = piece.indexOf(letter, at + 1)) {
    let same = 0;
    while (same < letters.length && piece[at - shift + same] === letters[same]) same += 1;
    if (same === letters.length) return at - shift;
  }
  return -1;
}
