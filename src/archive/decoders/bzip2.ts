/** bzip2 files: streams one after another, each of blocks that are undone by themselves. */

import { concat } from '../../bytes/concat.ts';
import type { Bytes } from '../decompress.ts';

const BLOCK_MAGIC = 0x314159265359;
const END_MAGIC = 0x177245385090;
const LEVEL_BYTES = 100_000;
/** The longest code of a symbol. */
const MAX_CODE_BITS = 20;
/** Codes up to so many bits are looked up at once. */
const QUICK_BITS = 10;
const RUN_A = 0;
const RUN_B = 1;
/** Symbols that one choice of codes is for. */
const GROUP_SYMBOLS = 50;
const OUTPUT_BYTES = 256 * 1024;
/** Five bytes of a block are 259 at most: four equal ones, and 255 more. */
const MOST_GROWTH = 52;
const MOST_TIMES = 255;

/** There are not enough bits yet. */
class Short extends Error {}

/** Bits, the highest of a byte first. */
class Bits {
  readonly bytes: Uint8Array;
  /** In bits. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  bit(): number {
    const byte = this.bytes[this.at >>> 3];
    if (byte === undefined) throw new Short('it ends too early');
    const bit = (byte >> (7 - (this.at & 7))) & 1;
    this.at += 1;
    return bit;
  }

  /** The next 20, zeros where the input ends. */
  peek(): number {
    const { bytes } = this;
    const at = this.at >>> 3;
    const word =
      ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    return (word << (this.at & 7)) >>> (32 - MAX_CODE_BITS);
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length * 8) throw new Short('it ends too early');
  }

  /** At most 48. */
  take(count: number): number {
    let value = 0;
    for (let left = count; left > 0; ) {
      const byte = this.bytes[this.at >>> 3];
      if (byte === undefined) throw new Short('it ends too early');
      const here = Math.min(left, 8 - (this.at & 7));
      value = value * 2 ** here + ((byte >> (8 - (this.at & 7) - here)) & ((1 << here) - 1));
      this.at += here;
      left -= here;
    }
    return value;
  }
}

/** Canonical codes of one table: from a code of `length` bits to its symbol. */
interface Codes {
  readonly quick: Uint16Array;
  readonly symbols: Uint16Array;
  /** By length: the first code, how many there are, and where their symbols begin. */
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly begin: Int32Array;
}

function codesOf(lengths: Uint8Array): Codes {
  const count = new Int32Array(MAX_CODE_BITS + 1);
  for (const length of lengths) count[length] = (count[length] ?? 0) + 1;
  const first = new Int32Array(MAX_CODE_BITS + 1);
  const begin = new Int32Array(MAX_CODE_BITS + 1);
  const symbols = new Uint16Array(lengths.length);
  let code = 0;
  let place = 0;
  for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
    first[length] = code;
    begin[length] = place;
    for (let symbol = 0; symbol < lengths.length; symbol += 1) {
      if (lengths[symbol] === length) {
        symbols[place] = symbol;
        place += 1;
      }
    }
    code = (code + (count[length] ?? 0)) << 1;
  }
  return { quick: quickOf(lengths, first), symbols, first, count, begin };
}

/** By the first bits of the input: a symbol, and in the low five bits the length of its code. 0 where that is longer. */
function quickOf(lengths: Uint8Array, first: Int32Array): Uint16Array {
  const quick = new Uint16Array(1 << QUICK_BITS);
  const next = first.slice();
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    const length = lengths[symbol] ?? 0;
    const code = next[length] ?? 0;
    next[length] = code + 1;
    const spare = QUICK_BITS - length;
    if (spare >= 0) quick.fill((symbol << 5) | length, code << spare, (code + 1) << spare);
  }
  return quick;
}

function symbolOf(bits: Bits, { quick, symbols, first, count, begin }: Codes): number {
  const next = bits.peek();
  const known = quick[next >>> (MAX_CODE_BITS - QUICK_BITS)] ?? 0;
  if (known !== 0) {
    bits.skip(known & 31);
    return known >> 5;
  }
  for (let length = QUICK_BITS + 1; length <= MAX_CODE_BITS; length += 1) {
    const index = (next >>> (MAX_CODE_BITS - length)) - (first[length] ?? 0);
    if (index < 0 || index >= (count[length] ?? 0)) continue;
    bits.skip(length);
    return symbols[(begin[length] ?? 0) + index] ?? 0;
  }
  bits.skip(MAX_CODE_BITS); // where the input ends, there may be more
  throw new Error('a code that is none');
}

/** The symbols of the block's bytes, as a list that the first code is for. */
function readAlphabet(bits: Bits): number[] {
  const groups = bits.take(16);
  const bytes: number[] = [];
  for (let group = 0; group < 16; group += 1) {
    if (((groups >> (15 - group)) & 1) === 0) continue;
    const used = bits.take(16);
    for (let index = 0; index < 16; index += 1) if ((used >> (15 - index)) & 1) bytes.push(group * 16 + index);
  }
  if (bytes.length === 0) throw new Error('a block without bytes');
  return bytes;
}

function readTables(bits: Bits, symbols: number): { readonly tables: Codes[]; readonly selectors: Uint8Array } {
  const count = bits.take(3);
  const selectorCount = bits.take(15);
  if (count < 2 || count > 6 || selectorCount === 0) throw new Error('a block without codes');
  const selectors = new Uint8Array(selectorCount);
  const order = Array.from({ length: count }, (_, index) => index);
  for (let index = 0; index < selectorCount; index += 1) {
    let place = 0;
    while (bits.bit() === 1) {
      place += 1;
      if (place >= count) throw new Error('a choice of codes that there are not');
    }
    const [table = 0] = order.splice(place, 1);
    order.unshift(table);
    selectors[index] = table;
  }
  const tables = Array.from({ length: count }, () => {
    const lengths = new Uint8Array(symbols);
    let length = bits.take(5);
    for (let symbol = 0; symbol < symbols; symbol += 1) {
      while (length >= 1 && length <= MAX_CODE_BITS && bits.bit() === 1) length += bits.bit() === 0 ? 1 : -1;
      if (length < 1 || length > MAX_CODE_BITS) throw new Error('a code of a length that there is not');
      lengths[symbol] = length;
    }
    return codesOf(lengths);
  });
  return { tables, selectors };
}

/** The last column of the block's sorted rotations, and how often each byte is in it. `column` has room for `maxBytes`. */
function readColumn(bits: Bits, maxBytes: number, column: Uint32Array) {
  const alphabet = Uint8Array.from(readAlphabet(bits));
  const end = alphabet.length + 1;
  const { tables, selectors } = readTables(bits, alphabet.length + 2);
  const counts = new Uint32Array(256);
  let length = 0;
  let run = 0;
  let weight = 1;
  const put = (byte: number, times: number): void => {
    if (length + times > maxBytes) throw new Error('a block that is too long');
    column.fill(byte, length, length + times);
    counts[byte] = (counts[byte] ?? 0) + times;
    length += times;
  };
  for (let group = 0; ; group += 1) {
    const table = tables[selectors[group] ?? -1];
    if (table === undefined) throw new Error('a block without an end');
    for (let left = GROUP_SYMBOLS; left > 0; left -= 1) {
      const symbol = symbolOf(bits, table);
      if (symbol === RUN_A || symbol === RUN_B) {
        run += weight << symbol;
        weight *= 2;
        if (run > maxBytes) throw new Error('a block that is too long');
        continue;
      }
      if (run > 0) put(alphabet[0] ?? 0, run);
      run = 0;
      weight = 1;
      if (symbol === end) return { counts, length };
      const byte = alphabet[symbol - 1] ?? 0;
      for (let place = symbol - 1; place > 0; place -= 1) alphabet[place] = alphabet[place - 1] ?? 0;
      alphabet[0] = byte;
      if (length === maxBytes) throw new Error('a block that is too long');
      column[length] = byte;
      length += 1;
      counts[byte] = (counts[byte] ?? 0) + 1;
    }
  }
}

interface Block {
  /** In the low byte a byte, above it where the next one is. As long as no other block is read. */
  readonly links: Uint32Array;
  readonly length: number;
  readonly first: number;
  readonly crc: number;
}

/** The rest of a block, whose magic is read. `links` is memory for it: a file may have a stream for every letter, and each would take MiB. */
function readBlock(bits: Bits, maxBytes: number, links: Uint32Array): Block {
  const crc = bits.take(32);
  if (bits.bit() === 1) throw new Error('it is of bzip2 0.9, which randomised blocks');
  const origin = bits.take(24);
  const { counts, length } = readColumn(bits, maxBytes, links);
  if (origin >= length) throw new Error('a block that begins nowhere');
  const places = new Uint32Array(256);
  for (let byte = 1; byte < 256; byte += 1) places[byte] = (places[byte - 1] ?? 0) + (counts[byte - 1] ?? 0);
  for (let at = 0; at < length; at += 1) {
    const byte = (links[at] ?? 0) & 0xff;
    const place = places[byte] ?? 0;
    places[byte] = place + 1;
    links[place] = (links[place] ?? 0) | (at << 8);
  }
  return { links, length, first: (links[origin] ?? 0) >>> 8, crc };
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) value = value & 0x80000000 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value >>> 0;
});

/** The bytes of a block: four equal ones are followed by how many more there are. */
function* bytesOf({ links, length, first, crc }: Block): Generator<Uint8Array<ArrayBuffer>, void> {
  const room = Math.min(OUTPUT_BYTES, MOST_GROWTH * length + MOST_TIMES);
  let out = new Uint8Array(room);
  let used = 0;
  let sum = 0xffffffff;
  let at = first;
  let before = -1;
  let equal = 0;
  for (let done = 0; done < length; done += 1) {
    const link = links[at] ?? 0;
    at = link >>> 8;
    const byte = link & 0xff;
    let times = 1;
    let put = byte;
    if (equal === 4) {
      times = byte;
      put = before;
      equal = 0;
      before = -1;
    } else {
      equal = byte === before ? equal + 1 : 1;
      before = byte;
    }
    if (used + times > room) {
      yield out.subarray(0, used);
      out = new Uint8Array(room);
      used = 0;
    }
    for (; times > 0; times -= 1) {
      out[used] = put;
      used += 1;
      sum = (sum << 8) ^ (crcTable[(sum >>> 24) ^ put] ?? 0);
    }
  }
  if (~sum >>> 0 !== crc) throw new Error('the checksum of a block is wrong');
  if (used > 0) yield out.subarray(0, used);
}

const isHeader = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0x42 &&
  bytes[at + 1] === 0x5a &&
  bytes[at + 2] === 0x68 &&
  (bytes[at + 3] ?? 0) >= 0x31 &&
  (bytes[at + 3] ?? 0) <= 0x39;

/** What is behind the last stream and does not begin as one is left alone, as bzip2(1) does. */
export async function* bunzip2(source: Bytes): Bytes {
  const chunks = source[Symbol.asyncIterator]();
  let bits = new Bits(new Uint8Array(0));
  let ended = false;
  let links = new Uint32Array(0);

  /** Reads, with more input as often as it takes. */
  async function reading<T>(read: (from: Bits) => T, likelyBytes: number): Promise<T> {
    for (let wanted = likelyBytes; ; wanted *= 2) {
      await fill(wanted);
      const from = bits.at;
      try {
        return read(bits);
      } catch (cause) {
        if (!(cause instanceof Short) || ended) throw cause;
        bits.at = from;
      }
    }
  }

  /** Let there be so many bytes to read, or all that there are. */
  async function fill(bytes: number): Promise<void> {
    const from = bits.at >>> 3;
    const pieces = [bits.bytes.subarray(from)];
    let length = bits.bytes.length - from;
    while (!ended && length < bytes) {
      const { value, done } = await chunks.next();
      ended = done === true;
      if (value === undefined) break;
      pieces.push(value);
      length += value.length;
    }
    if (pieces.length === 1) return;
    const { at } = bits;
    bits = new Bits(concat(pieces));
    bits.at = at & 7;
  }

  try {
    for (let streams = 0; ; streams += 1) {
      await fill(4);
      if (!isHeader(bits.bytes, bits.at >>> 3)) {
        if (streams === 0) throw new Error('it does not begin as one');
        return;
      }
      bits.at += 24;
      const maxBytes = LEVEL_BYTES * (bits.take(8) - 0x30);
      if (links.length < maxBytes) links = new Uint32Array(maxBytes);
      let sum = 0;
      for (;;) {
        const magic = await reading((from) => from.take(48), 10);
        if (magic === END_MAGIC) break;
        if (magic !== BLOCK_MAGIC) throw new Error('neither a block nor the end where one should be');
        const block = await reading((from) => readBlock(from, maxBytes, links), maxBytes / 4);
        yield* bytesOf(block);
        sum = ((sum << 1) | (sum >>> 31)) ^ block.crc;
      }
      if ((await reading((from) => from.take(32), 4)) !== sum >>> 0)
        throw new Error('the checksum of a stream is wrong');
      bits.at = (bits.at + 7) & ~7;
    }
  } finally {
    await chunks.return?.();
  }
}

/** A whole file in memory, of at most `maxBytes` when unpacked. */
export function bunzip2Chunk(packed: Uint8Array, maxBytes: number): Uint8Array {
  const bits = new Bits(packed);
  const pieces: Uint8Array[] = [];
  let length = 0;
  if (!isHeader(packed, 0)) throw new Error('it does not begin as bzip2 data');
  bits.at = 24;
  const blockBytes = LEVEL_BYTES * (bits.take(8) - 0x30);
  const links = new Uint32Array(blockBytes);
  for (let magic = bits.take(48); magic !== END_MAGIC; magic = bits.take(48)) {
    if (magic !== BLOCK_MAGIC) throw new Error('neither a block nor the end where one should be');
    for (const piece of bytesOf(readBlock(bits, blockBytes, links))) {
      length += piece.length;
      if (length > maxBytes) throw new Error(`it unpacks to more than ${maxBytes} bytes`);
      pieces.push(piece);
    }
  }
  return concat(pieces);
}
