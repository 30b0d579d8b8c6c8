/** The directory of a 7z archive: where the packed streams are, and what undoes them. */

import { toHex } from '../../../bytes/hex.ts';

/** A packed stream and the one method that undoes it. */
export interface Folder {
  /** Behind the signature. */
  readonly at: number;
  readonly packedBytes: number;
  /** In hexadecimal. */
  readonly method: string;
  readonly properties: Uint8Array;
  readonly sizeBytes: number;
  readonly crc: number | undefined;
  /** The files that it holds, one after another. */
  readonly parts: readonly Part[];
}

export interface Part {
  readonly sizeBytes: number;
  readonly crc: number | undefined;
}

export interface Archive {
  /** `packed`: the directory itself is in the folder. */
  readonly kind: 'plain' | 'packed';
  readonly folders: readonly Folder[];
  /** Names of files that are not empty, in the order of the folders' parts. */
  readonly files: readonly string[];
}

const MAX_ITEMS = 100_000;

/** Property ids. */
const id = {
  end: 0,
  header: 1,
  additionalStreams: 3,
  streams: 4,
  files: 5,
  packInfo: 6,
  unpackInfo: 7,
  subStreams: 8,
  size: 9,
  crc: 10,
  folder: 11,
  coderSizes: 12,
  counts: 13,
  emptyStream: 14,
  names: 17,
  encodedHeader: 23,
} as const;

class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw new Error('its directory ends too early');
    this.at += 1;
    return byte;
  }

  take(count: number): Uint8Array {
    const bytes = this.#bytes.subarray(this.at, this.at + count);
    if (bytes.length < count) throw new Error('its directory ends too early');
    this.at += count;
    return bytes;
  }

  u32(): number {
    return this.take(4).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** As many bytes follow as the first has ones at its top; the rest of the first are the highest bits. */
  number(): number {
    const first = this.byte();
    let value = 0;
    let scale = 1;
    for (let mask = 0x80; mask > 0; mask >>= 1) {
      if ((first & mask) === 0) return value + (first & (mask - 1)) * scale;
      value += this.byte() * scale;
      scale *= 256;
    }
    return value;
  }

  /** Of things that take a byte of the directory each or a bit. */
  count(): number {
    const count = this.number();
    if (count > MAX_ITEMS) throw new Error(`a directory of more than ${MAX_ITEMS} entries`);
    return count;
  }

  bits(count: number): boolean[] {
    const bytes = this.take(Math.ceil(count / 8));
    return Array.from({ length: count }, (_, index) => (((bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1);
  }

  expect(wanted: number): void {
    if (this.byte() !== wanted) throw new Error('its directory is damaged');
  }

  /** A checksum for each of `count`, where there is one. */
  digests(count: number): (number | undefined)[] {
    const defined = this.byte() === 1 ? Array.from({ length: count }, () => true) : this.bits(count);
    return defined.map((isDefined) => (isDefined ? this.u32() : undefined));
  }
}

export function readArchive(header: Uint8Array): Archive {
  if (header.length === 0) return { kind: 'plain', folders: [], files: [] };
  const reader = new Reader(header);
  const kind = reader.byte();
  if (kind === id.encodedHeader) return { kind: 'packed', folders: readStreams(reader), files: [] };
  if (kind !== id.header) throw new Error('its directory is damaged');
  let folders: Folder[] = [];
  let files: string[] = [];
  for (;;) {
    const type = reader.byte();
    if (type === id.end) return { kind: 'plain', folders, files };
    if (type === id.streams) folders = readStreams(reader);
    else if (type === id.files) files = readFiles(reader);
    else throw new Error('its directory has a part that is not known');
  }
}

function readStreams(reader: Reader): Folder[] {
  let begin = 0;
  let packed: number[] = [];
  let folders: Omit<Folder, 'at' | 'packedBytes'>[] = [];
  for (;;) {
    const type = reader.byte();
    if (type === id.end) break;
    if (type === id.packInfo) ({ begin, packed } = readPackInfo(reader));
    else if (type === id.unpackInfo) folders = readUnpackInfo(reader);
    else if (type === id.subStreams) folders = readSubStreams(reader, folders);
    else throw new Error('its directory has a part that is not known');
  }
  let at = begin;
  return folders.map((folder, index) => {
    const packedBytes = packed[index] ?? 0;
    at += packedBytes;
    return { ...folder, at: at - packedBytes, packedBytes };
  });
}

function readPackInfo(reader: Reader): { readonly begin: number; readonly packed: number[] } {
  const begin = reader.number();
  const count = reader.count();
  let packed: number[] = [];
  for (;;) {
    const type = reader.byte();
    if (type === id.end) return { begin, packed };
    if (type === id.size) packed = Array.from({ length: count }, () => reader.number());
    else if (type === id.crc) reader.digests(count);
    else throw new Error('its directory is damaged');
  }
}

function readUnpackInfo(reader: Reader): Omit<Folder, 'at' | 'packedBytes'>[] {
  reader.expect(id.folder);
  const count = reader.count();
  reader.expect(0); // not in another place
  const methods = Array.from({ length: count }, () => readMethod(reader));
  reader.expect(id.coderSizes);
  const sizes = methods.map(() => reader.number());
  let crcs: (number | undefined)[] = [];
  for (let type = reader.byte(); type !== id.end; type = reader.byte()) {
    if (type !== id.crc) throw new Error('its directory is damaged');
    crcs = reader.digests(count);
  }
  return methods.map((method, index) => {
    const whole = { sizeBytes: sizes[index] ?? 0, crc: crcs[index] };
    return { ...method, ...whole, parts: [whole] };
  });
}

const AES = '06f10701';

function readMethod(reader: Reader): Pick<Folder, 'method' | 'properties'> {
  const count = reader.number();
  const flags = reader.byte();
  const method = toHex(reader.take(flags & 15));
  // Of those that are one after another 7-Zip writes this first.
  if (method === AES) throw new Error('it is encrypted');
  if (count !== 1) throw new Error('it uses several methods one after another: unpack it first');
  if (flags & 0x10) throw new Error('it uses a method with several streams: unpack it first');
  return { method, properties: flags & 0x20 ? reader.take(reader.number()) : new Uint8Array(0) };
}

/** A folder may hold several files: then their sizes, of all but the last, and their checksums are here. Of one file these are the folder's. */
function readSubStreams<F extends Omit<Folder, 'at' | 'packedBytes'>>(reader: Reader, folders: F[]): F[] {
  let type = reader.byte();
  let counts = folders.map(() => 1);
  if (type === id.counts) {
    counts = folders.map(() => reader.count());
    type = reader.byte();
  }
  const sizes = folders.map(({ sizeBytes }, index) => {
    const count = counts[index] ?? 0;
    const told = Array.from({ length: Math.max(count - 1, 0) }, () => (type === id.size ? reader.number() : 0));
    const rest = sizeBytes - told.reduce((sum, size) => sum + size, 0);
    if (rest < 0) throw new Error('its directory is damaged');
    return count === 0 ? [] : [...told, rest];
  });
  if (type === id.size) type = reader.byte();
  let crcs: (number | undefined)[] = [];
  const isTold = (folder: F, index: number) => counts[index] === 1 && folder.crc !== undefined;
  if (type === id.crc) {
    const open = folders.reduce((sum, folder, index) => sum + (isTold(folder, index) ? 0 : (counts[index] ?? 0)), 0);
    crcs = reader.digests(open);
    type = reader.byte();
  }
  if (type !== id.end) throw new Error('its directory is damaged');
  let place = 0;
  return folders.map((folder, index) => {
    const parts = (sizes[index] ?? []).map((sizeBytes): Part => {
      if (isTold(folder, index)) return { sizeBytes, crc: folder.crc };
      place += 1;
      return { sizeBytes, crc: crcs[place - 1] };
    });
    return { ...folder, parts };
  });
}

function readFiles(reader: Reader): string[] {
  const count = reader.count();
  let names = Array.from({ length: count }, () => '');
  let empty = names.map(() => false);
  for (let type = reader.byte(); type !== id.end; type = reader.byte()) {
    const bytes = reader.number();
    const content = new Reader(reader.take(bytes));
    if (type === id.emptyStream) empty = content.bits(count);
    if (type === id.names) {
      content.expect(0);
      names = new TextDecoder('utf-16le')
        .decode(content.take(bytes - 1))
        .split('\0')
        .slice(0, count);
    }
  }
  return names.filter((_, index) => empty[index] !== true);
}
