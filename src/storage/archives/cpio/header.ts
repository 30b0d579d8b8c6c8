/** Headers of cpio: "newc" and "crc" of SVR4 (Documentation/driver-api/early-userspace/buffer-format.rst), POSIX's "odc", and the old binary one. */

import { type Raw, rawOf, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../node.ts';

export interface CpioHeader {
  readonly headerBytes: number;
  /** Names and data begin at multiples of this. */
  readonly align: number;
  readonly ino: number;
  /** Of the file system that it came from. */
  readonly dev: Raw;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly mtimeS: number;
  readonly size: number;
  readonly major: number;
  readonly minor: number;
  /** With the NUL at its end. */
  readonly nameBytes: number;
}

export const LONGEST_HEADER = 110;
const ODC_BYTES = 76;
const BINARY_BYTES = 26;
const BINARY_MAGIC = 0o70707;

/** Undefined: none begins here, or a number of it is none. */
export function headerAt(bytes: Uint8Array): CpioHeader | undefined {
  const magic = rawOf(bytes.subarray(0, 6));
  const header =
    magic === '070701' || magic === '070702' ? newc(bytes) : magic === '070707' ? odc(bytes) : binary(bytes);
  if (header === undefined) return undefined;
  const numbers = [header.mode, header.uid, header.gid, header.size, header.mtimeS, header.nameBytes, header.ino];
  return numbers.every(Number.isSafeInteger) && header.nameBytes > 0 ? header : undefined;
}

function newc(bytes: Uint8Array): CpioHeader | undefined {
  if (bytes.length < LONGEST_HEADER) return undefined;
  const field = (index: number) => {
    const digits = rawOf(bytes.subarray(6 + 8 * index, 14 + 8 * index));
    return /^[0-9A-Fa-f]{8}$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
  };
  return {
    headerBytes: LONGEST_HEADER,
    align: 4,
    ino: field(0),
    mode: field(1),
    uid: field(2),
    gid: field(3),
    nlink: field(4),
    mtimeS: field(5),
    size: field(6),
    dev: `${field(7)}:${field(8)}`,
    major: field(9),
    minor: field(10),
    nameBytes: field(11),
  };
}

function odc(bytes: Uint8Array): CpioHeader | undefined {
  if (bytes.length < ODC_BYTES) return undefined;
  const field = (at: number, length: number) => {
    const digits = rawOf(bytes.subarray(at, at + length));
    return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  };
  const rdev = field(42, 6);
  return {
    headerBytes: ODC_BYTES,
    align: 1,
    dev: String(field(6, 6)),
    ino: field(12, 6),
    mode: field(18, 6),
    uid: field(24, 6),
    gid: field(30, 6),
    nlink: field(36, 6),
    major: rdev >> 8,
    minor: rdev & 0xff,
    mtimeS: field(48, 11),
    nameBytes: field(59, 6),
    size: field(65, 11),
  };
}

/** Words of 16 bits in the order of the machine that made it; of numbers of two words the higher comes first. */
function binary(bytes: Uint8Array): CpioHeader | undefined {
  if (bytes.length < BINARY_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = view.getUint16(0, true) === BINARY_MAGIC;
  if (!little && view.getUint16(0) !== BINARY_MAGIC) return undefined;
  const word = (at: number) => view.getUint16(at, little);
  return {
    headerBytes: BINARY_BYTES,
    align: 2,
    dev: String(word(2)),
    ino: word(4),
    mode: word(6),
    uid: word(8),
    gid: word(10),
    nlink: word(12),
    major: word(14) >> 8,
    minor: word(14) & 0xff,
    mtimeS: word(16) * 2 ** 16 + word(18),
    nameBytes: word(20),
    size: word(22) * 2 ** 16 + word(24),
  };
}

const TYPES = [S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK];

/** Of the mode: whether Linux has files of its type. */
export const isKnownType = ({ mode }: CpioHeader): boolean => TYPES.includes(mode & S_IFMT);

/** Whether an archive begins so: of the binary form two bytes are too few to tell, so the name must be one as well. */
export function beginsCpio(head: Uint8Array): boolean {
  const header = headerAt(head);
  if (header === undefined || !(isKnownType(header) || header.mode === 0)) return false;
  const { headerBytes, nameBytes } = header;
  const name = head.subarray(headerBytes, headerBytes + nameBytes);
  return name.length === nameBytes && name.indexOf(0) === nameBytes - 1;
}
