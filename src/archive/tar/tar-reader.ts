/** Reads tars as they come, of every make: ustar, pax (sparse files of three kinds), GNU (long names, sparse), V7. */

import { toLossless } from '../../bytes/lossless.ts';
import { type ByteReader, byteReader } from '../byte-reader.ts';
import { decimal, type PaxRecord, paxMap, paxRecords, timeOf, xattrsOf } from './extended.ts';
import { isTarHeader, type TarHeader, tarHeader } from './header.ts';
import { bytesOfRaw, type Raw } from './raw.ts';
import { oldGnuMap, paxSparseMap, SparseError, type SparseMap } from './sparse.ts';
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
const utf8 = new TextDecoder();

type Pax = ReadonlyMap<Raw, Uint8Array>;

/** What extended headers say of the entry after them. */
interface Ahead {
  readonly records: readonly PaxRecord[];
  readonly longName?: Uint8Array;
  readonly longLink?: Uint8Array;
}

const NOTHING_AHEAD: Ahead = { records: [] };
/** Of records that hold for all that follow: later ones take the place of earlier. */
const MAX_GLOBALS = 4096;

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
  let globals: readonly PaxRecord[] = [];
  let ahead = NOTHING_AHEAD;
  let entries = 0;
  try {
    for (;;) {
      const block = await reader.take(BLOCK);
      if (block.length === 0 && entries > 0) return; // some tars have no end mark
      if (block.length < BLOCK) throw new TarError(entries === 0 ? 'it is no tar' : 'the tar ends in the middle');
      if (block.every((byte) => byte === 0)) {
        // An image of a disk may begin as an empty tar does, and goes on differently.
        const more = entries === 0 ? await reader.take(EMPTY_TAR_BYTES) : block;
        if (more.some((byte) => byte !== 0)) throw new TarError('it is no tar');
        return;
      }
      const header = isTarHeader(block) ? tarHeader(block) : undefined;
      if (!header) throw new TarError(entries === 0 ? 'it is no tar' : 'a header of the tar is damaged');
      entries++;
      const { type: flag, size } = header;
      if ('xXgLK'.includes(flag)) {
        const body = await bodyOf(reader, size);
        if (flag === 'L') ahead = { ...ahead, longName: upToNul(body) };
        else if (flag === 'K') ahead = { ...ahead, longLink: upToNul(body) };
        else {
          const records = paxRecords(body);
          if (records === undefined) throw new TarError('an extended header of the tar is damaged');
          if (flag === 'g') globals = [...globals, ...records].slice(-MAX_GLOBALS);
          else ahead = { ...ahead, records: [...ahead.records, ...records] };
        }
        continue;
      }
      if (flag === 'M') throw new TarError('the tar is a later volume of several');
      const pax = paxMap(globals, ahead.records);
      const stored = wholeNumber(pax, 'size') ?? size;
      if (stored < 0) throw new TarError('the tar says size of an entry in a way that is no number');
      const member = await memberOf(reader, block, header, pax, ahead, stored);
      ahead = NOTHING_AHEAD;
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

const upToNul = (bytes: Uint8Array): Uint8Array => {
  const nul = bytes.indexOf(0);
  return nul < 0 ? bytes : bytes.subarray(0, nul);
};

function wholeNumber(pax: Pax, key: Raw): number | undefined {
  const value = decimal(pax.get(key));
  if (value === undefined || Number.isSafeInteger(value)) return value;
  throw new TarError(`the tar says ${key} of an entry in a way that is no number`);
}

/** In nanoseconds. */
function timeIn(pax: Pax, key: Raw): bigint | undefined {
  const told = pax.get(key);
  if (told === undefined) return undefined;
  const time = timeOf(told);
  if (time === undefined) throw new TarError(`the tar has ${utf8.decode(told.subarray(0, 40))} as a time`);
  return BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds);
}

interface Member extends TarMember {
  /** Passes over what nobody read. */
  rest(): Promise<void>;
}

async function memberOf(
  reader: ByteReader,
  block: Uint8Array,
  header: TarHeader,
  pax: Pax,
  { records, longName, longLink }: Ahead,
  stored: number,
): Promise<Member | undefined> {
  const name = pax.get('GNU.sparse.name') ?? pax.get('path') ?? longName ?? bytesOfRaw(header.path);
  const endsInSlash = name.at(-1) === SLASH;
  const type = types[header.type] === 'file' && endsInSlash ? 'directory' : types[header.type];
  if (type === undefined) return undefined; // a volume label, what another tar has of its own
  const data = { left: type === 'file' ? stored : 0, padding: padded(stored) - stored };
  const passed = type === 'file' ? 0 : padded(stored);
  const sparse = type === 'file' ? await sparseOf(reader, block, header.type, pax, records, data) : undefined;
  const size = sparse?.size ?? data.left;
  return {
    type,
    path: withoutSlashes(name),
    linkPath: pax.get('linkpath') ?? longLink ?? bytesOfRaw(header.linkTo),
    mode: header.mode & 0o7777,
    uid: wholeNumber(pax, 'uid') ?? header.uid,
    gid: wholeNumber(pax, 'gid') ?? header.gid,
    mtimeNs: timeIn(pax, 'mtime') ?? BigInt(header.mtimeS) * 1_000_000_000n,
    atimeNs: timeIn(pax, 'atime'),
    device: { major: header.devMajor, minor: header.devMinor },
    xattrs: attributesIn(pax),
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
  block: Uint8Array,
  flag: string,
  pax: Pax,
  records: readonly PaxRecord[],
  data: Data,
): Promise<Sparse | undefined> {
  /** A map that lies before the data counts among them; one behind the header does not. */
  const next = (counts: boolean) => async () => {
    if (counts && data.left < BLOCK) throw new SparseError('the map of its holes is cut short');
    if (counts) data.left -= BLOCK;
    return bodyOf(reader, BLOCK);
  };
  let map: SparseMap | undefined;
  try {
    map = flag === 'S' ? await oldGnuMap(block, next(false)) : await paxSparseMap(pax, records, next(true));
  } catch (cause) {
    if (!(cause instanceof SparseError)) throw cause;
    throw new TarError(`the map of a sparse file in the tar is damaged: ${cause.message}`, { cause });
  }
  if (map === undefined) return undefined;
  // All that there is of its data belongs somewhere.
  if (map.runs.reduce((sum, { bytes }) => sum + bytes, 0) !== data.left)
    throw new TarError('the map of a sparse file in the tar is damaged');
  return { size: map.realSize, segments: map.runs.map(({ offset, bytes: length }) => ({ offset, length })) };
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

/** By names as people write them. */
function attributesIn(pax: Pax): ReadonlyMap<string, Uint8Array> {
  const found = xattrsOf(pax, (name) => name !== '') ?? new Map<Raw, Uint8Array>();
  return new Map(Array.from(found, ([name, value]) => [toLossless(bytesOfRaw(name)), value]));
}
