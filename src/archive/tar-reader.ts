/** Reads tars as they come, of every make: ustar, pax (sparse files of three kinds), GNU (long names, sparse), V7. */

import { concat } from '../bytes/concat.ts';
import { type ByteReader, byteReader } from './byte-reader.ts';
import { posixAclValue } from './posix-acl.ts';
import type { Segment, TarType } from './tar-writer.ts';
import { BLOCK } from './ustar.ts';

/** What makes it no tar, or half of one. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

/** One entry. Names are bytes as the archive has them, without a slash at the end; a hard link's target is another entry's path. */
export interface TarMember {
  readonly type: TarType;
  readonly path: Uint8Array;
  readonly linkPath: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint | undefined;
  readonly device: { readonly major: number; readonly minor: number };
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** Bytes of a file, holes included. */
  readonly size: number;
  /** In order; a number is so many bytes of a hole. Once, and before the next entry is asked for. */
  content(): AsyncIterable<Uint8Array | number>;
}

const SLASH = 0x2f;
const latin1 = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const utf8 = new TextDecoder();

/** Extended headers by keyword; values are bytes. What comes several times (old sparse maps) is kept in order. */
type Records = Map<string, Uint8Array>;

/** What extended headers say of the entry after them. */
interface Ahead {
  readonly records: Records;
  longName?: Uint8Array;
  longLink?: Uint8Array;
}

const types: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  D: 'directory',
  '6': 'fifo',
  S: 'file',
};
/** Headers may be of a size that somebody made up: names and attributes are never larger. */
const MOST_HEADER_BYTES = 64 * 1024 * 1024;

/** As GNU tar writes them. */
const EMPTY_TAR_BYTES = 20 * BLOCK;

/** The entries in order. Rejects with a TarError at what is no tar, at a wrong checksum, and at an end inside an entry. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember, void, void> {
  const reader = byteReader(source);
  const global: Records = new Map();
  let ahead: Ahead = { records: new Map() };
  let entries = 0;
  try {
    for (;;) {
      const header = await reader.take(BLOCK);
      if (header.length === 0 && entries > 0) return; // some tars have no end mark
      if (header.length < BLOCK) throw new TarError(entries === 0 ? 'it is no tar' : 'the tar ends in the middle');
      if (header.every((byte) => byte === 0)) {
        // An image of a disk may begin as an empty tar does, and goes on differently.
        const more = entries === 0 ? await reader.take(EMPTY_TAR_BYTES) : header;
        if (more.some((byte) => byte !== 0)) throw new TarError('it is no tar');
        return;
      }
      if (!hasChecksum(header)) throw new TarError(entries === 0 ? 'it is no tar' : 'a header of the tar is damaged');
      entries++;
      const flag = latin1(header.subarray(156, 157));
      const size = numberOf(header.subarray(124, 136));
      if ('xXgLK'.includes(flag)) {
        const body = await bodyOf(reader, size);
        if (flag === 'L') ahead.longName = upToNul(body);
        else if (flag === 'K') ahead.longLink = upToNul(body);
        else for (const [key, value] of recordsOf(body)) add(flag === 'g' ? global : ahead.records, key, value);
        continue;
      }
      if (flag === 'M') throw new TarError('the tar is a later volume of several');
      const records: Records = new Map([...global, ...ahead.records]);
      const stored = records.has('size') ? wholeNumber(records, 'size') : size;
      const member = await memberOf(reader, header, flag, records, ahead, stored);
      ahead = { records: new Map() };
      if (member) {
        yield member;
        await member.rest();
      } else await skip(reader, padded(stored));
    }
  } finally {
    await reader.close();
  }
}

const padded = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

async function skip(reader: ByteReader, bytes: number): Promise<void> {
  let left = bytes;
  for await (const piece of reader.pass(bytes)) left -= piece.length;
  if (left > 0) throw new TarError('the tar ends in the middle');
}

async function bodyOf(reader: ByteReader, size: number): Promise<Uint8Array> {
  if (size > MOST_HEADER_BYTES) throw new TarError(`a header of the tar says that it has ${size} bytes`);
  const body = await reader.take(padded(size));
  if (body.length < padded(size)) throw new TarError('the tar ends in the middle');
  return body.subarray(0, size);
}

/** The sum counts itself as spaces; old tars summed signed bytes. */
function hasChecksum(header: Uint8Array): boolean {
  let [unsigned, signed] = [0, 0];
  header.forEach((byte, i) => {
    const counted = i >= 148 && i < 156 ? 0x20 : byte;
    unsigned += counted;
    signed += (counted << 24) >> 24;
  });
  const said = numberOf(header.subarray(148, 156));
  return said === unsigned || said === signed;
}

/** Octal digits, or, with the first bit set, the bytes themselves. */
function numberOf(field: Uint8Array): number {
  const [first = 0] = field;
  if ((first & 0x80) === 0) return Number.parseInt(latin1(field).replaceAll('\0', ' ').trim() || '0', 8) || 0;
  let value = first & 0x40 ? (first & 0x3f) - 0x40 : first & 0x3f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return value;
}

const upToNul = (bytes: Uint8Array): Uint8Array => {
  const nul = bytes.indexOf(0);
  return nul < 0 ? bytes : bytes.subarray(0, nul);
};

/** "length keyword=value\n", again and again. */
function* recordsOf(body: Uint8Array): Generator<[string, Uint8Array]> {
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const length = Number(latin1(body.subarray(at, space)));
    const equals = body.indexOf(0x3d, space);
    const end = at + length;
    if (!(space > at && Number.isSafeInteger(length) && equals > space && end <= body.length && equals < end)) {
      throw new TarError('an extended header of the tar is damaged');
    }
    yield [latin1(body.subarray(space + 1, equals)), body.slice(equals + 1, end - 1)];
    at = end;
  }
}

const REPEATED = /^GNU\.sparse\.(offset|numbytes)$/;

function add(records: Records, key: string, value: Uint8Array): void {
  const known = REPEATED.test(key) ? records.get(key) : undefined;
  records.set(key, known ? concat([known, Uint8Array.of(0x2c), value]) : value);
}

function wholeNumber(records: Records, key: string): number {
  const value = Number(latin1(records.get(key) ?? new Uint8Array()));
  if (!Number.isSafeInteger(value)) throw new TarError(`the tar says ${key} of an entry in a way that is no number`);
  return value;
}

/** Decimal seconds. */
function timeOf(text: string): bigint {
  const [, sign, seconds, fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  if (seconds === undefined) throw new TarError(`the tar has ${text} as a time`);
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
  return sign ? -ns : ns;
}

interface Member extends TarMember {
  /** Passes over what nobody read. */
  rest(): Promise<void>;
}

async function memberOf(
  reader: ByteReader,
  header: Uint8Array,
  flag: string,
  records: Records,
  { longName, longLink }: Ahead,
  stored: number,
): Promise<Member | undefined> {
  const field = (start: number, length: number) => header.subarray(start, start + length);
  const isUstar = latin1(field(257, 5)) === 'ustar';
  const isGnu = latin1(field(257, 8)) === 'ustar  \0';
  const prefix = isUstar && !isGnu ? upToNul(field(345, 155)) : new Uint8Array();
  const short = upToNul(field(0, 100));
  const inHeader = prefix.length > 0 ? concat([prefix, Uint8Array.of(SLASH), short]) : short;
  const name = records.get('GNU.sparse.name') ?? records.get('path') ?? longName ?? inHeader;
  const endsInSlash = name.at(-1) === SLASH;
  const type = types[flag] === 'file' && endsInSlash ? 'directory' : types[flag];
  if (type === undefined) return undefined; // a volume label, what another tar has of its own
  const number = (key: string, start: number, length: number) =>
    records.has(key) ? wholeNumber(records, key) : numberOf(field(start, length));
  const time = records.get('mtime');
  const atime = records.get('atime');
  const data = { left: type === 'file' ? stored : 0, padding: padded(stored) - stored };
  const passed = type === 'file' ? 0 : padded(stored);
  const sparse = type === 'file' ? await sparseOf(reader, header, flag, records, data) : undefined;
  const size = sparse?.size ?? data.left;
  return {
    type,
    path: withoutSlashes(name),
    linkPath: records.get('linkpath') ?? longLink ?? upToNul(field(157, 100)),
    mode: numberOf(field(100, 8)) & 0o7777,
    uid: number('uid', 108, 8),
    gid: number('gid', 116, 8),
    mtimeNs: time ? timeOf(latin1(time)) : BigInt(numberOf(field(136, 12))) * 1_000_000_000n,
    atimeNs: atime && timeOf(latin1(atime)),
    device: { major: numberOf(field(329, 8)), minor: numberOf(field(337, 8)) },
    xattrs: xattrsOf(records),
    size,
    content: () => contentOf(reader, data, sparse?.segments ?? [{ offset: 0, length: size }], size),
    rest: () => skip(reader, type === 'file' ? data.left + data.padding : passed),
  };
}

function withoutSlashes(path: Uint8Array): Uint8Array {
  let end = path.length;
  while (end > 1 && path[end - 1] === SLASH) end--;
  return path.slice(0, end);
}

/** Bytes of an entry that are still to come. */
interface Data {
  left: number;
  readonly padding: number;
}

interface Sparse {
  readonly size: number;
  readonly segments: readonly Segment[];
}

async function sparseOf(
  reader: ByteReader,
  header: Uint8Array,
  flag: string,
  records: Records,
  data: Data,
): Promise<Sparse | undefined> {
  if (flag === 'S') return checked(await oldGnuMap(reader, header), data);
  if (records.has('GNU.sparse.major')) {
    const size = wholeNumber(records, 'GNU.sparse.realsize');
    return checked({ size, segments: await mapInData(reader, data) }, data);
  }
  if (!records.has('GNU.sparse.size')) return undefined;
  const list = (key: string) =>
    latin1(records.get(key) ?? new Uint8Array())
      .split(',')
      .filter(Boolean)
      .map(Number);
  const map = records.has('GNU.sparse.map')
    ? list('GNU.sparse.map')
    : list('GNU.sparse.offset').flatMap((offset, i) => [offset, list('GNU.sparse.numbytes')[i] ?? Number.NaN]);
  return checked({ size: wholeNumber(records, 'GNU.sparse.size'), segments: pairs(map) }, data);
}

function pairs(numbers: readonly number[]): Segment[] {
  const segments: Segment[] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    segments.push({ offset: numbers[i] ?? Number.NaN, length: numbers[i + 1] ?? Number.NaN });
  }
  return segments;
}

/** Runs are in order, inside of the file, and all there is of its data. */
function checked(sparse: Sparse, { left }: Data): Sparse {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of sparse.segments) {
    if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && length >= 0 && offset >= end))
      end = Number.NaN;
    else end = offset + length;
    sum += length;
  }
  if (!(end <= sparse.size && sum === left)) throw new TarError('the map of a sparse file in the tar is damaged');
  return sparse;
}

/** Lines of numbers before the data, filled up to a block. */
async function mapInData(reader: ByteReader, data: Data): Promise<Segment[]> {
  let text = '';
  const numbers: number[] = [];
  for (let wanted = 1; numbers.length < wanted; ) {
    if (data.left < BLOCK) throw new TarError('the map of a sparse file in the tar is damaged');
    text += latin1(await bodyOf(reader, BLOCK));
    data.left -= BLOCK;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    numbers.push(...lines.map(Number));
    wanted = 1 + 2 * (numbers[0] ?? 0);
    if (!Number.isSafeInteger(wanted)) throw new TarError('the map of a sparse file in the tar is damaged');
  }
  return pairs(numbers.slice(1, 1 + 2 * (numbers[0] ?? 0)));
}

/** Four runs in the header, 21 in each block after it, as long as they say that there are more. */
async function oldGnuMap(reader: ByteReader, header: Uint8Array): Promise<Sparse> {
  const segments: Segment[] = [];
  const take = (block: Uint8Array, at: number, count: number) => {
    for (let i = 0; i < count; i++) {
      const start = at + 24 * i;
      if (block[start] === 0) return;
      segments.push({
        offset: numberOf(block.subarray(start, start + 12)),
        length: numberOf(block.subarray(start + 12, start + 24)),
      });
    }
  };
  take(header, 386, 4);
  for (let more = header[482]; more; ) {
    const block = await bodyOf(reader, BLOCK);
    take(block, 0, 21);
    more = block[504];
  }
  return { size: numberOf(header.subarray(483, 495)), segments };
}

async function* contentOf(
  reader: ByteReader,
  data: Data,
  segments: readonly Segment[],
  size: number,
): AsyncGenerator<Uint8Array | number, void, void> {
  let at = 0;
  for (const { offset, length } of segments) {
    if (offset > at) yield offset - at;
    let left = length;
    while (left > 0) {
      const piece = await reader.some(left);
      if (piece.length === 0) throw new TarError('the tar ends in the middle');
      left -= piece.length;
      data.left -= piece.length;
      yield piece;
    }
    at = offset + length;
  }
  if (size > at) yield size - at;
}

/** GNU tar escapes "=" and "%" in names of attributes. */
const unescaped = (name: string): string => name.replaceAll('%3D', '=').replaceAll('%25', '%');

function xattrsOf(records: Records): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const kind of ['access', 'default']) {
    const text = records.get(`SCHILY.acl.${kind}`);
    const value = text && posixAclValue(utf8.decode(text));
    if (value) found.set(`system.posix_acl_${kind}`, value);
  }
  for (const [key, value] of records) {
    const [, name] = /^SCHILY\.xattr\.(.+)$/s.exec(key) ?? [];
    if (name) found.set(utf8.decode(bytesOf(unescaped(name))), value);
  }
  return found;
}
