/** The files in a tar and where they lie, as far as an archive of disks needs it (POSIX.1-1988 ustar, pax sizes and names). */

import type { ByteSource } from '../byte-source.ts';
import { FormatError } from '../errors.ts';
import { readBytes } from './table.ts';

export interface TarMember {
  readonly name: string;
  readonly at: number;
  readonly sizeBytes: number;
}

const BLOCK = 512;
const MAX_MEMBERS = 100_000;
const MAX_PAX_BYTES = 2 ** 20;

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/\0.*$/s, '');

/** Whether a block is a header: its checksum is right. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < BLOCK || text(block.subarray(257, 262)) !== 'ustar') return false;
  let sum = 0;
  for (let at = 0; at < BLOCK; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  return sum === Number.parseInt(text(block.subarray(148, 156)).trim(), 8);
}

export const nameOf = (block: Uint8Array): string => {
  const prefix = text(block.subarray(257, 263)) === 'ustar' ? text(block.subarray(345, 500)) : '';
  return (prefix === '' ? '' : `${prefix}/`) + text(block.subarray(0, 100));
};

/** Octal, or with the first bit set a number of big end. */
function sizeOf(field: Uint8Array): number {
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(text(field).trim() || '0', 8);
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}

export async function tarMembers(name: string, source: ByteSource): Promise<TarMember[]> {
  const members: TarMember[] = [];
  let pax = new Map<string, string>();
  for (let at = 0; at + BLOCK <= source.sizeBytes; ) {
    const block = await readBytes(name, source, at, BLOCK);
    if (block.every((byte) => byte === 0)) break;
    if (!isTarHeader(block)) throw new FormatError(name, `the archive is damaged at ${at}`);
    const type = String.fromCharCode(block[156] ?? 0);
    const sizeBytes = Number(pax.get('size') ?? sizeOf(block.subarray(124, 136)));
    const dataAt = at + BLOCK;
    if (!(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0) || dataAt + sizeBytes > source.sizeBytes) {
      throw new FormatError(name, 'the archive is cut short');
    }
    if (type === 'x' && sizeBytes <= MAX_PAX_BYTES) pax = paxRecords(await readBytes(name, source, dataAt, sizeBytes));
    else if (type === 'L' && sizeBytes <= MAX_PAX_BYTES) {
      pax.set('path', text(await readBytes(name, source, dataAt, sizeBytes)));
    } else if (type !== 'g') {
      const path = pax.get('path') ?? nameOf(block);
      if (type === '0' || type === '\0' || type === '7') members.push({ name: path, at: dataAt, sizeBytes });
      pax = new Map();
    }
    if (members.length > MAX_MEMBERS) throw new FormatError(name, `more than ${MAX_MEMBERS} files`);
    at = dataAt + Math.ceil(sizeBytes / BLOCK) * BLOCK;
  }
  return members;
}

/** "length keyword=value\n", where length counts itself. */
function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const [, digits = ''] = /^(\d+) /.exec(String.fromCharCode(...bytes.subarray(at, at + 20))) ?? [];
    const length = Number(digits);
    if (digits === '' || length === 0) break;
    const record = new TextDecoder().decode(bytes.subarray(at + digits.length + 1, at + length - 1));
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}
