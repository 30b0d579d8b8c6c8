/** The headers and the table of regions of a VHDX file, each there twice ([MS-VHDX] 2.2). */

import { seededWords } from '../../../bytes/seeded-words.ts';
import type { ByteSource } from '../../byte-source.ts';
import { FormatError } from '../../errors.ts';
import { little64, readBytes, viewOf } from '../parts/table.ts';
import { crc32c } from './crc32c.ts';

export const VHDX = 'vhdx';
export const FILE_MAGIC = 'vhdxfile';

export interface Header {
  /** Undefined where there is nothing to replay. */
  readonly log: { readonly id: string; readonly at: number; readonly bytes: number } | undefined;
  /** Where it is, with anything in it or not. */
  readonly logRegion: Region;
  /** Which of both it is, and all of it. */
  readonly copy: number;
  readonly raw: Uint8Array;
}

export interface Region {
  readonly at: number;
  readonly bytes: number;
}

export const text = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** As it is written: three numbers of little end, then eight bytes. */
export function guid(view: DataView, at: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const rest = Array.from({ length: 8 }, (_, index) => hex(view.getUint8(at + 8 + index), 2)).join('');
  const first = [
    hex(view.getUint32(at, true), 8),
    hex(view.getUint16(at + 4, true), 4),
    hex(view.getUint16(at + 6, true), 4),
  ];
  return [...first, rest.slice(0, 4), rest.slice(4)].join('-');
}

const NO_GUID = '00000000-0000-0000-0000-000000000000';

export const HEADERS_AT = [64 * 1024, 128 * 1024];
const HEADER_BYTES = 4096;

/** Of those that are whole, the one that was written last. */
export async function readHeader(source: ByteSource): Promise<Header> {
  let newest: { readonly sequence: bigint; readonly view: DataView; readonly copy: number } | undefined;
  for (const [copy, at] of HEADERS_AT.entries()) {
    const bytes = await readBytes(VHDX, source, at, HEADER_BYTES);
    const view = viewOf(bytes);
    if (text(bytes, 0, 4) !== 'head' || view.getUint32(4, true) !== crc32c(bytes, 4)) continue;
    const sequence = view.getBigUint64(8, true);
    if (newest === undefined || sequence > newest.sequence) newest = { sequence, view, copy };
  }
  if (newest === undefined) throw new FormatError(VHDX, 'both of its headers are damaged');
  const { view, copy } = newest;
  const version = view.getUint16(66, true);
  if (version !== 1) throw new FormatError(VHDX, `version ${version} is not read here`, { code: 'EOPNOTSUPP' });
  const id = guid(view, 48);
  const logRegion = { at: little64(view, 72), bytes: view.getUint32(68, true) };
  const raw = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return { log: id === NO_GUID ? undefined : { id, ...logRegion }, logRegion, copy, raw };
}

/** The other copy, one number later, with new ids of the file and of its data; `round` tells the changes of one time apart. */
export function changedHeader(
  { raw, copy, ...header }: Header,
  round: number,
): { readonly at: number; readonly bytes: Uint8Array; readonly header: Header } {
  const bytes = raw.slice();
  const view = viewOf(bytes);
  const sequence = view.getBigUint64(8, true) + 1n;
  view.setBigUint64(8, sequence, true);
  // Both headers of one change have the same ids.
  if (round === 0) {
    const words = seededWords(view.getUint32(16, true), `${guid(view, 32)} ${sequence}`);
    for (let at = 16; at < 48; at += 4) view.setUint32(at, words(), true);
  }
  view.setUint32(4, 0, true);
  view.setUint32(4, crc32c(bytes, 4), true);
  const other = copy === 0 ? 1 : 0;
  return { at: HEADERS_AT[other] ?? 0, bytes, header: { ...header, raw: bytes, copy: other } };
}

export const REGIONS_AT = [192 * 1024, 256 * 1024];
export const REGIONS_BYTES = 64 * 1024;
const MAX_REGIONS = 2047;
export const BAT = '2dc27766-f623-4200-9d64-115e9bfd4a08';
export const METADATA = '8b7ca206-4790-4b9a-b8fe-575f050f886e';

export async function readRegions(source: ByteSource): Promise<{ readonly bat: Region; readonly metadata: Region }> {
  for (const at of REGIONS_AT) {
    const bytes = await readBytes(VHDX, source, at, REGIONS_BYTES);
    const view = viewOf(bytes);
    if (text(bytes, 0, 4) !== 'regi' || view.getUint32(4, true) !== crc32c(bytes, 4)) continue;
    const regions = new Map<string, Region>();
    const count = view.getUint32(8, true);
    if (count > MAX_REGIONS) throw new FormatError(VHDX, `${count} regions`);
    for (let entry = 16; entry < 16 + 32 * count; entry += 32) {
      const id = guid(view, entry);
      const required = (view.getUint32(entry + 28, true) & 1) !== 0;
      if (required && id !== BAT && id !== METADATA) {
        throw new FormatError(VHDX, `it needs a region that is not known here (${id})`, { code: 'EOPNOTSUPP' });
      }
      regions.set(id, { at: little64(view, entry + 16), bytes: view.getUint32(entry + 24, true) });
    }
    const [bat, metadata] = [regions.get(BAT), regions.get(METADATA)];
    if (bat === undefined || metadata === undefined)
      throw new FormatError(VHDX, 'a region that it must have is missing');
    return { bat, metadata };
  }
  throw new FormatError(VHDX, 'both of its tables of regions are damaged');
}
