/**
 * Raw DEFLATE (RFC 1951), for hosts whose own decoder does not tell where the data end: what is behind them stays in the stream. And
 * Deflate64, which Explorer of Windows makes of files above 2 GB and which no host has.
 */

import { concat } from '../../bytes/concat.ts';
import type { ByteReader } from '../byte-reader.ts';
import type { Bytes } from '../decompress.ts';

/** How much more than a copy reaches back to is made before it is passed on. */
const FLUSH = 128 * 1024;
/** Room that there is at first: a file may have a member for every letter. It doubles up to the window and `FLUSH`. */
const FIRST_ROOM = 2048;
const CHUNK_BYTES = 64 * 1024;
/** A block's header with its codes, and one symbol with all that belongs to it, take less. */
const HEADER_NEEDS = 512;
const SYMBOL_NEEDS = 16;

/** 3.2.5: of each length code and each distance code, the first value and the bits behind it. */
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const distancesOf = (codes: number) => {
  const bits = Array.from({ length: codes }, (_, code) => Math.max(0, (code >> 1) - 1));
  const base = bits.map((_, code) => bits.slice(0, code).reduce((sum, one) => sum + 2 ** one, 1));
  return { bits, base };
};

interface Variant {
  /** How far back a copy reaches. */
  readonly window: number;
  readonly longestCopy: number;
  readonly lengthBits: readonly number[];
  readonly lengthBase: readonly number[];
  readonly distances: { readonly bits: readonly number[]; readonly base: readonly number[] };
}
const deflate: Variant = {
  window: 32 * 1024,
  longestCopy: 258,
  lengthBits,
  lengthBase,
  distances: distancesOf(30),
};
/** PKWARE's: two more distances, and a last length of 16 bits. */
const deflate64: Variant = {
  window: 64 * 1024,
  longestCopy: 3 + 65_535,
  lengthBits: [...lengthBits.slice(0, -1), 16],
  lengthBase: [...lengthBase.slice(0, -1), 3],
  distances: distancesOf(32),
};
/** 3.2.7: in which order the lengths of the code for lengths come. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_BITS = 15;

const early = () => new Error('it ends too early');

/** By the next bits: the symbol, times 16, and the length of its code; 0 where there is none. */
interface Code {
  readonly table: Uint16Array;
  readonly bits: number;
}

/** 3.2.2. An incomplete code is one that some bits do not lead through; one with more symbols than there is room for is none. */
function codeOf(lengths: readonly number[]): Code {
  const bits = Math.max(1, ...lengths);
  const counts = new Array<number>(MAX_BITS + 2).fill(0);
  for (const length of lengths) if (length > 0) counts[length] = (counts[length] ?? 0) + 1;
  const next = new Array<number>(MAX_BITS + 2).fill(0);
  let code = 0;
  for (let length = 1; length <= MAX_BITS; length += 1) {
    code = (code + (counts[length - 1] ?? 0)) << 1;
    next[length] = code;
    if (code + (counts[length] ?? 0) > 2 ** length) throw new Error('a code of a block is damaged');
  }
  const table = new Uint16Array(2 ** bits);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    let reversed = 0;
    const value = next[length] ?? 0;
    next[length] = value + 1;
    for (let bit = 0; bit < length; bit += 1) reversed |= ((value >> bit) & 1) << (length - 1 - bit);
    for (let at = reversed; at < table.length; at += 2 ** length) table[at] = symbol * 16 + length;
  }
  return { table, bits };
}

const fixed = {
  literals: codeOf(
    Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
  ),
  distances: codeOf(new Array<number>(32).fill(5)),
};

class Inflater {
  readonly #input: ByteReader;
  readonly #variant: Variant;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #ended = false;
  /** Bits taken off the chunk and not used, the next the lowest. */
  #hold = 0;
  #bits = 0;
  #out: Uint8Array;
  #end = 0;
  #passed = 0;

  constructor(input: ByteReader, variant: Variant) {
    this.#input = input;
    this.#variant = variant;
    this.#out = new Uint8Array(FIRST_ROOM + variant.longestCopy);
  }

  async *run(): Bytes {
    for (let last = 0; last === 0; ) {
      await this.#more(HEADER_NEEDS);
      last = this.#take(1);
      const type = this.#take(2);
      if (type === 0) yield* this.#stored();
      else if (type === 3) throw new Error('a block of a type that there is not');
      else {
        const { literals, distances } = type === 1 ? fixed : this.#codes();
        while (!this.#symbols(literals, distances)) {
          if (this.#isFull && !this.#grow()) yield this.#pass();
          await this.#more(SYMBOL_NEEDS);
        }
      }
    }
    if (this.#end > this.#passed) yield this.#pass();
    this.#input.unread(this.#chunk.subarray(this.#at - (this.#bits >> 3)));
  }

  get #isFull(): boolean {
    return this.#end >= this.#room;
  }

  /** Behind it there is still room for a copy. */
  get #room(): number {
    return this.#out.length - this.#variant.longestCopy;
  }

  /** Whether there is more room now. */
  #grow(): boolean {
    const { window, longestCopy } = this.#variant;
    if (this.#room >= window + FLUSH) return false;
    const more = new Uint8Array(Math.min(2 * this.#room, window + FLUSH) + longestCopy);
    more.set(this.#out.subarray(0, this.#end));
    this.#out = more;
    return true;
  }

  /** What was made and not passed on; what copies may reach back to is kept. */
  #pass(): Uint8Array {
    const made = this.#out.slice(this.#passed, this.#end);
    const { window } = this.#variant;
    if (this.#end > window) {
      this.#out.copyWithin(0, this.#end - window, this.#end);
      this.#end = window;
    }
    this.#passed = this.#end;
    return made;
  }

  /** So that `bytes` are there, unless the stream ends before. */
  async #more(bytes: number): Promise<void> {
    while (!this.#ended && this.#chunk.length - this.#at < bytes) {
      const next = await this.#input.some(CHUNK_BYTES);
      if (next.length === 0) this.#ended = true;
      // Whole bytes among the bits that are held go back at the end: they stay in front.
      const kept = Math.min(this.#at, 4);
      const front = this.#chunk.subarray(this.#at - kept);
      this.#chunk = front.length === 0 ? next : concat([front, next]);
      this.#at = kept;
    }
  }

  #take(count: number): number {
    while (this.#bits < count) {
      const byte = this.#chunk[this.#at];
      if (byte === undefined) throw early();
      this.#at += 1;
      this.#hold |= byte << this.#bits;
      this.#bits += 8;
    }
    const value = this.#hold & (2 ** count - 1);
    this.#hold >>>= count;
    this.#bits -= count;
    return value;
  }

  #symbol({ table, bits }: Code): number {
    while (this.#bits < bits && this.#at < this.#chunk.length) {
      this.#hold |= (this.#chunk[this.#at] ?? 0) << this.#bits;
      this.#at += 1;
      this.#bits += 8;
    }
    const entry = table[this.#hold & (table.length - 1)] ?? 0;
    const length = entry & 15;
    if (length === 0) throw new Error('it has bits that are no code');
    if (length > this.#bits) throw early();
    this.#hold >>>= length;
    this.#bits -= length;
    return entry >> 4;
  }

  async *#stored(): Bytes {
    this.#take(this.#bits & 7);
    const length = this.#take(16);
    if (this.#take(16) !== (~length & 0xffff)) throw new Error("a block's length is damaged");
    for (let left = length; left > 0; ) {
      if (this.#isFull && !this.#grow()) yield this.#pass();
      if (this.#bits > 0) {
        this.#out[this.#end] = this.#take(8);
        this.#end += 1;
        left -= 1;
        continue;
      }
      await this.#more(1);
      const piece = this.#chunk.subarray(this.#at, this.#at + Math.min(left, this.#room - this.#end));
      if (piece.length === 0) throw early();
      this.#out.set(piece, this.#end);
      this.#at += piece.length;
      this.#end += piece.length;
      left -= piece.length;
    }
  }

  /** 3.2.7: the codes of a block, their lengths in a code of their own. */
  #codes(): { readonly literals: Code; readonly distances: Code } {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const count = this.#take(4) + 4;
    const own = new Array<number>(19).fill(0);
    for (const symbol of lengthOrder.slice(0, count)) own[symbol] = this.#take(3);
    const code = codeOf(own);
    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      const symbol = this.#symbol(code);
      if (symbol < 16) lengths.push(symbol);
      else {
        const before = lengths.at(-1);
        if (symbol === 16 && before === undefined) throw new Error('a code of a block is damaged');
        const times = symbol === 16 ? this.#take(2) + 3 : symbol === 17 ? this.#take(3) + 3 : this.#take(7) + 11;
        for (let one = 0; one < times; one += 1) lengths.push(symbol === 16 ? (before ?? 0) : 0);
      }
    }
    if (lengths.length > literals + distances) throw new Error('a code of a block is damaged');
    return { literals: codeOf(lengths.slice(0, literals)), distances: codeOf(lengths.slice(literals)) };
  }

  /** As many as input and room allow; whether the block is over. All that the loop uses is in variables: it is where the time goes. */
  #symbols(literals: Code, distances: Code): boolean {
    const [chunk, out] = [this.#chunk, this.#out];
    const { lengthBits, lengthBase, distances: far } = this.#variant;
    const stopAt = this.#ended ? chunk.length : chunk.length - SYMBOL_NEEDS;
    const { table } = literals;
    const room = this.#room;
    let [at, hold, bits, end] = [this.#at, this.#hold, this.#bits, this.#end];
    let isOver = false;
    while (end < room && (at <= stopAt || this.#ended)) {
      while (bits < MAX_BITS && at < chunk.length) {
        hold |= (chunk[at++] ?? 0) << bits;
        bits += 8;
      }
      const entry = table[hold & (table.length - 1)] ?? 0;
      const taken = entry & 15;
      if (taken === 0) throw new Error('it has bits that are no code');
      if (taken > bits) throw early();
      hold >>>= taken;
      bits -= taken;
      const symbol = entry >> 4;
      if (symbol < 256) {
        out[end++] = symbol;
        continue;
      }
      if (symbol === 256) {
        isOver = true;
        break;
      }
      // What belongs to a copy is rare enough to be taken the slow way.
      this.#at = at;
      this.#hold = hold;
      this.#bits = bits;
      const length = (lengthBase[symbol - 257] ?? Number.NaN) + this.#take(lengthBits[symbol - 257] ?? 0);
      const place = this.#symbol(distances);
      const distance = (far.base[place] ?? Number.NaN) + this.#take(far.bits[place] ?? 0);
      at = this.#at;
      hold = this.#hold;
      bits = this.#bits;
      if (!(length > 0 && distance <= end)) throw new Error('it copies what is not there');
      if (distance >= length) out.copyWithin(end, end - distance, end - distance + length);
      else for (let one = 0; one < length; one += 1) out[end + one] = out[end + one - distance] ?? 0;
      end += length;
    }
    this.#at = at;
    this.#hold = hold;
    this.#bits = bits;
    this.#end = end;
    return isOver;
  }
}

/** Undoes the raw DEFLATE that a stream goes on with. */
export const inflateRaw = (input: ByteReader): Bytes => new Inflater(input, deflate).run();

export const inflate64 = (input: ByteReader): Bytes => new Inflater(input, deflate64).run();
