/** The 512-byte header of a tar entry: POSIX.1-1988 ustar, GNU's, and the one of Unix V7, which has no magic number. */

import { type Raw, rawOf } from './raw.ts';

export const TAR_BLOCK = 512;

export interface TarHeader {
  readonly form: 'v7' | 'ustar' | 'gnu';
  readonly path: Raw;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeS: number;
  readonly type: string;
  readonly linkTo: Raw;
  readonly devMajor: number;
  readonly devMinor: number;
}

const [CHECKSUM_AT, CHECKSUM_END] = [148, 156];
const MAGIC_AT = 257;
const SPACE = 0x20;

const fieldOf = (block: Uint8Array, at: number, length: number): Raw => {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return rawOf(end < 0 ? field : field.subarray(0, end));
};

/** Octal digits between blanks; with the first bit set a number of big end, negative where the second is set too. NaN: neither. */
export function numberOf(block: Uint8Array, at: number, length: number): number {
  const first = block[at] ?? 0;
  if (first & 0x80) {
    let value = (first & 0x7f) - (first & 0x40 ? 0x80 : 0);
    for (let i = 1; i < length; i += 1) value = value * 256 + (block[at + i] ?? 0);
    return value;
  }
  const text = fieldOf(block, at, length).trim();
  return text === '' ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

/** Whether a block is a header: its checksum is right. Some have summed bytes with a sign. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < TAR_BLOCK || (block[0] ?? 0) === 0) return false;
  let sum = 0;
  let signed = 0;
  for (let at = 0; at < TAR_BLOCK; at += 1) {
    const byte = at >= CHECKSUM_AT && at < CHECKSUM_END ? SPACE : (block[at] ?? 0);
    sum += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const told = fieldOf(block, CHECKSUM_AT, CHECKSUM_END - CHECKSUM_AT).trim();
  const value = /^[0-7]+$/.test(told) ? Number.parseInt(told, 8) : -1;
  return (value === sum || value === signed) && value > 0;
}

/** Of a block that is a header; undefined where one of its numbers is none. */
export function tarHeader(block: Uint8Array): TarHeader | undefined {
  const magic = rawOf(block.subarray(MAGIC_AT, MAGIC_AT + 8));
  const form = magic.startsWith('ustar\0') ? 'ustar' : magic === 'ustar  \0' ? 'gnu' : 'v7';
  const name = fieldOf(block, 0, 100);
  // star has times at the end of what POSIX has for the prefix.
  const prefix = form === 'ustar' ? fieldOf(block, 345, rawOf(block.subarray(508, 512)) === 'tar\0' ? 131 : 155) : '';
  const header: TarHeader = {
    form,
    path: prefix === '' ? name : `${prefix}/${name}`,
    mode: numberOf(block, 100, 8),
    uid: numberOf(block, 108, 8),
    gid: numberOf(block, 116, 8),
    size: numberOf(block, 124, 12),
    mtimeS: numberOf(block, 136, 12),
    type: String.fromCharCode(block[156] ?? 0),
    linkTo: fieldOf(block, 157, 100),
    devMajor: form === 'v7' ? 0 : numberOf(block, 329, 8),
    devMinor: form === 'v7' ? 0 : numberOf(block, 337, 8),
  };
  const isDevice = header.type === '3' || header.type === '4';
  const numbers = [header.mode, header.uid, header.gid, header.size, header.mtimeS];
  if (isDevice) numbers.push(header.devMajor, header.devMinor);
  return numbers.every(Number.isSafeInteger) && header.size >= 0 ? header : undefined;
}
