/** Headers of a zip as bytes: PKWARE's APPNOTE 6.3.10, with the extra fields of Info-ZIP for Unix. Data are the caller's. */

import { concat } from '../bytes/concat.ts';
import { isAscii, isUtf8 } from './tar/pax.ts';

export interface ZipEntry {
  /** A directory's ends with a slash. At most 65,535 bytes. */
  readonly name: Uint8Array;
  /** With its type, as st_mode has it. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly method: 'stored' | 'deflated';
  /** Bytes of the file. */
  readonly size: number;
  /** What is known once the data are out. Undefined: a descriptor behind them says it. */
  readonly packed?: ZipData;
}

export interface ZipData {
  readonly crc: number;
  readonly packedBytes: number;
}

const methods = { stored: 0, deflated: 8 } as const;
const DESCRIPTOR = 1 << 3;
const UTF8 = 1 << 11;
const UNIX = 3;
/** Version 4.5 has zip64. */
const VERSION = 45;
const MADE_BY = (UNIX << 8) | 30;
const MAX32 = 0xffffffff;
const MAX16 = 0xffff;
/** DEFLATE makes data that cannot be made smaller a little longer: with room to spare. */
const MAX_PLAIN = MAX32 - 2 ** 24;

/** Its sizes have 64 bits: where they are told behind the data that must be known before. */
const isZip64 = ({ size }: Pick<ZipEntry, 'size'>): boolean => size > MAX_PLAIN;

/** Little-endian numbers one after the other, each of so many bytes. */
function numbers(...fields: readonly (readonly [bytes: 1 | 2 | 4 | 8, value: number | bigint])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    else if (bytes === 4) view.setUint32(at, Number(value), true);
    else if (bytes === 2) view.setUint16(at, Number(value), true);
    else view.setUint8(at, Number(value));
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

/** What stands before the data of an entry. */
export function localHeader(entry: ZipEntry): Uint8Array {
  const wide = isZip64(entry);
  const { crc = 0, packedBytes = 0 } = entry.packed ?? {};
  const size = entry.packed ? entry.size : 0;
  const extra = concat([
    ...(wide ? [numbers([2, 1], [2, 16], [8, size], [8, packedBytes])] : []),
    ...timeFields(entry.mtimeNs),
    ownerField(entry),
  ]);
  return concat([
    numbers(
      [4, 0x04034b50],
      [2, VERSION],
      ...common(entry),
      [4, crc],
      [4, wide ? MAX32 : packedBytes],
      [4, wide ? MAX32 : size],
      [2, entry.name.length],
      [2, extra.length],
    ),
    entry.name,
    extra,
  ]);
}

/** What stands behind data whose length was not known before. */
export const descriptor = (entry: ZipEntry, { crc, packedBytes }: ZipData): Uint8Array => {
  const bytes = isZip64(entry) ? 8 : 4;
  return numbers([4, 0x08074b50], [4, crc], [bytes, packedBytes], [bytes, entry.size]);
};

/** The line of an entry in the directory at the end; `at` is where its header is. */
export function directoryLine(entry: ZipEntry, { crc, packedBytes }: ZipData, at: number): Uint8Array {
  const wide = [entry.size, packedBytes, at].filter((value) => value >= MAX32);
  const extra = concat([
    ...(wide.length > 0 ? [numbers([2, 1], [2, 8 * wide.length], ...wide.map((value) => [8, value] as const))] : []),
    ...timeFields(entry.mtimeNs),
    ownerField(entry),
  ]);
  return concat([
    numbers(
      [4, 0x02014b50],
      [2, MADE_BY],
      [2, VERSION],
      ...common(entry),
      [4, crc],
      [4, Math.min(packedBytes, MAX32)],
      [4, Math.min(entry.size, MAX32)],
      [2, entry.name.length],
      [2, extra.length],
      [2, 0], // no comment
      [2, 0], // the disk it begins on
      [2, 0],
      [4, ((entry.mode << 16) >>> 0) + dosAttributes(entry)],
      [4, Math.min(at, MAX32)],
    ),
    entry.name,
    extra,
  ]);
}

/** What ends it: where the directory is, and how long. */
export function zipEnd(entries: number, at: number, bytes: number): Uint8Array {
  const wide = entries >= MAX16 || at >= MAX32 || bytes >= MAX32;
  const zip64 = [
    numbers(
      [4, 0x06064b50],
      [8, 44],
      [2, MADE_BY],
      [2, VERSION],
      [4, 0],
      [4, 0],
      [8, entries],
      [8, entries],
      [8, bytes],
      [8, at],
    ),
    numbers([4, 0x07064b50], [4, 0], [8, at + bytes], [4, 1]),
  ];
  const end = numbers(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, Math.min(entries, MAX16)],
    [2, Math.min(entries, MAX16)],
    [4, Math.min(bytes, MAX32)],
    [4, Math.min(at, MAX32)],
    [2, 0],
  );
  return concat([...(wide ? zip64 : []), end]);
}

const common = ({ name, method, mtimeNs, packed }: ZipEntry) => {
  // A name that is not UTF-8 is there as it is: unzip and bsdtar on Unix take it so.
  const flags = (packed ? 0 : DESCRIPTOR) | (!isAscii(name) && isUtf8(name) ? UTF8 : 0);
  const { date, time } = dosTime(mtimeNs);
  return [
    [2, flags],
    [2, methods[method]],
    [2, time],
    [2, date],
  ] as const;
};

const dosAttributes = ({ mode, name }: ZipEntry): number =>
  (name.at(-1) === 0x2f ? 0x10 : 0) | ((mode & 0o200) === 0 ? 1 : 0);

const NS = 1_000_000_000n;
const [MIN32, MAX_S32] = [-(2n ** 31n), 2n ** 31n - 1n];
/** Of 1601, in units of 100 ns, as NTFS counts. */
const NTFS_EPOCH_S = 11_644_473_600n;

const floorDivide = (value: bigint, by: bigint): bigint => (value >= 0n ? value / by : -((-value + by - 1n) / by));

/** "UT": seconds of 32 bits. What has no place there has one in the field of NTFS. */
function timeFields(mtimeNs: bigint): Uint8Array[] {
  const seconds = floorDivide(mtimeNs, NS);
  if (seconds >= MIN32 && seconds <= MAX_S32) return [numbers([2, 0x5455], [2, 5], [1, 1], [4, Number(seconds) >>> 0])];
  const ticks = floorDivide(mtimeNs, 100n) + NTFS_EPOCH_S * 10_000_000n;
  if (ticks < 0n || ticks >= 2n ** 63n) return [];
  return [numbers([2, 0x000a], [2, 32], [4, 0], [2, 1], [2, 24], [8, ticks], [8, ticks], [8, ticks])];
}

/** "ux": numbers of the owner and the group. */
const ownerField = ({ uid, gid }: ZipEntry): Uint8Array =>
  numbers([2, 0x7875], [2, 11], [1, 1], [1, 4], [4, uid], [1, 4], [4, gid]);

/** Of UTC, from 1980 to 2107: others are the nearest. */
function dosTime(mtimeNs: bigint): { readonly date: number; readonly time: number } {
  const [first, last] = [Date.UTC(1980, 0, 1), Date.UTC(2107, 11, 31, 23, 59, 58)];
  const ms = Math.min(last, Math.max(first, Number(floorDivide(mtimeNs, 1_000_000n))));
  const at = new Date(ms);
  return {
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}
