/** The 512-byte ustar header block of POSIX.1-1988, the part of a pax entry that every tar reader knows. */

export const BLOCK = 512;

/** Largest values the octal fields of the block hold; the 12-byte fields end in a NUL, as do the 8-byte ones. */
export const ustarMax = { id: 0o7777777, size: 0o77777777777, mtime: 0o77777777777 } as const;

export interface UstarFields {
  readonly name: Uint8Array;
  readonly prefix?: Uint8Array;
  readonly typeflag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  readonly linkname?: Uint8Array;
  readonly devMajor?: number;
  readonly devMinor?: number;
}

const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const SLASH = 0x2f;
/** Magic and version. */
const MAGIC = new TextEncoder().encode('ustar\x0000');

/** Split `path` into the block's prefix and name; undefined when no slash is at a place where both fit. */
export function splitPath(path: Uint8Array): { name: Uint8Array; prefix?: Uint8Array } | undefined {
  if (path.length <= NAME_BYTES) return { name: path };
  // The leftmost slash that leaves a name that fits; a directory's trailing slash cannot be it.
  const slash = path.subarray(0, -1).indexOf(SLASH, path.length - 1 - NAME_BYTES);
  if (slash < 1 || slash > PREFIX_BYTES) return undefined;
  return { prefix: path.subarray(0, slash), name: path.subarray(slash + 1) };
}

/** True when `target` fits the block's linkname field. */
export const fitsLinkname = (target: Uint8Array): boolean => target.length <= NAME_BYTES;

/** Digit by digit: texts in between would cost more than all else of a header. */
function putOctal(block: Uint8Array, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const higher = Math.floor(rest / 8);
    block[i] = 0x30 + rest - 8 * higher;
    rest = higher;
  }
  if (rest !== 0) throw new RangeError(`${value} does not fit ${digits} octal digits of a ustar header`);
}

/** The header block. Names are cut to their fields: a caller whose name does not fit says it in a pax record. */
export function ustarBlock(fields: UstarFields): Uint8Array {
  const block = new Uint8Array(BLOCK);
  block.set(fields.name.subarray(0, NAME_BYTES), 0);
  putOctal(block, 100, 7, fields.mode);
  putOctal(block, 108, 7, fields.uid);
  putOctal(block, 116, 7, fields.gid);
  putOctal(block, 124, 11, fields.size);
  putOctal(block, 136, 11, fields.mtime);
  block.fill(0x20, 148, 156); // the checksum counts itself as spaces
  block[156] = fields.typeflag.charCodeAt(0);
  if (fields.linkname) block.set(fields.linkname.subarray(0, NAME_BYTES), 157);
  block.set(MAGIC, 257); // owner names, which follow, stay empty
  putOctal(block, 329, 7, fields.devMajor ?? 0);
  putOctal(block, 337, 7, fields.devMinor ?? 0);
  if (fields.prefix) block.set(fields.prefix, 345);
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += block[i] ?? 0;
  putOctal(block, 148, 6, sum);
  block[154] = 0;
  return block;
}
