/**
 * LZFSE, the compression of Apple's disk images since macOS 10.11: blocks that are each as they are, LZVN, or literals and matches
 * whose numbers are packed by finite state entropy.
 */

import { viewOf } from '../../parts/table.ts';
import { Bits, Decoder, type Table, tableOf, valuesOf } from './fse.ts';
import { unlzvn } from './lzvn.ts';
import { Output } from './output.ts';

const repeated = (count: number, value: number): number[] => new Array<number>(count).fill(value);

/** Lengths of literals and of matches, and distances: how many bits follow each symbol. */
export const LITERALS = valuesOf([...repeated(16, 0), 2, 3, 5, 8]);
export const MATCHES = valuesOf([...repeated(16, 0), 3, 5, 8, 11]);
export const DISTANCES = valuesOf(Array.from({ length: 64 }, (_, i) => i >> 2));

const LENGTH_STATES = 64;
const DISTANCE_STATES = 256;
const LITERAL_STATES = 1024;
const SYMBOLS = { literalLength: 20, matchLength: 20, distance: 64, literal: 256 };
const ALL_SYMBOLS = 360;

/** What a block of this kind may have at most; an encoder begins another one before. */
const MAX_MATCHES = 10_000;
const MAX_LITERALS = 4 * MAX_MATCHES;

interface Block {
  readonly rawBytes: number;
  readonly headerBytes: number;
  readonly literals: number;
  readonly literalBytes: number;
  readonly literalFilling: number;
  readonly literalStates: readonly number[];
  readonly matches: number;
  readonly matchBytes: number;
  readonly matchFilling: number;
  readonly states: readonly [literalLength: number, matchLength: number, distance: number];
  /** Of the four alphabets, one behind another. */
  readonly frequencies: readonly number[];
}

export function unlzfse(packed: Uint8Array, maxBytes: number): Uint8Array {
  const output = new Output(maxBytes);
  let at = 0;
  const piece = (from: number, bytes: number): Uint8Array => {
    if (from + bytes > packed.length) throw new Error('it ends too early');
    return packed.subarray(from, from + bytes);
  };
  for (;;) {
    const magic = String.fromCharCode(...piece(at, 4));
    if (magic === 'bvx$') return output.bytes.subarray(0, output.length);
    const begin = output.length;
    const rawBytes = viewOf(piece(at + 4, 4)).getUint32(0, true);
    if (magic === 'bvx-') {
      output.literals(piece(at + 8, rawBytes));
      at += 8 + rawBytes;
    } else if (magic === 'bvxn') {
      const bytes = viewOf(piece(at + 8, 4)).getUint32(0, true);
      unlzvn(piece(at + 12, bytes), output);
      at += 12 + bytes;
    } else if (magic === 'bvx1' || magic === 'bvx2') {
      const block = magic === 'bvx1' ? plainHeader(piece(at, PLAIN_BYTES)) : packedHeader(packed, at);
      const from = at + block.headerBytes;
      const literals = literalsOf(block, piece(from, block.literalBytes));
      undo(block, literals, piece(from + block.literalBytes, block.matchBytes), output);
      at = from + block.literalBytes + block.matchBytes;
    } else throw new Error('a block of a kind that there is not');
    if (output.length - begin !== rawBytes) throw new Error('a block has another length than it says');
  }
}

const PLAIN_BYTES = 772;

/** `bvx1`: every number in bytes of its own. */
function plainHeader(bytes: Uint8Array): Block {
  const fields = viewOf(bytes);
  const u16 = (at: number): number => fields.getUint16(at, true);
  const u32 = (at: number): number => fields.getUint32(at, true);
  const filling = (at: number): number => -fields.getInt32(at, true);
  return checked({
    rawBytes: u32(4),
    headerBytes: PLAIN_BYTES,
    literals: u32(12),
    matches: u32(16),
    literalBytes: u32(20),
    matchBytes: u32(24),
    literalFilling: filling(28),
    literalStates: [32, 34, 36, 38].map((at) => u16(at)),
    matchFilling: filling(40),
    states: [u16(44), u16(46), u16(48)],
    frequencies: Array.from({ length: ALL_SYMBOLS }, (_, i) => u16(50 + 2 * i)),
  });
}

const PACKED_BYTES = 32;

/** `bvx2`: fields of bits, then the frequencies, the more the longer. */
function packedHeader(packed: Uint8Array, at: number): Block {
  if (at + PACKED_BYTES > packed.length) throw new Error('it ends too early');
  const fields = viewOf(packed.subarray(at, at + PACKED_BYTES));
  const bits = (word: number, from: number, count: number): number =>
    Number((fields.getBigUint64(8 + 8 * word, true) >> BigInt(from)) & ((1n << BigInt(count)) - 1n));
  const headerBytes = bits(2, 0, 32);
  if (headerBytes < PACKED_BYTES || at + headerBytes > packed.length)
    throw new Error('a header of a size that cannot be');
  return checked({
    rawBytes: fields.getUint32(4, true),
    headerBytes,
    literals: bits(0, 0, 20),
    literalBytes: bits(0, 20, 20),
    matches: bits(0, 40, 20),
    literalFilling: 7 - bits(0, 60, 3),
    literalStates: [0, 10, 20, 30].map((from) => bits(1, from, 10)),
    matchBytes: bits(1, 40, 20),
    matchFilling: 7 - bits(1, 60, 3),
    states: [bits(2, 32, 10), bits(2, 42, 10), bits(2, 52, 10)],
    frequencies: frequenciesIn(packed.subarray(at + PACKED_BYTES, at + headerBytes)),
  });
}

function checked(block: Block): Block {
  if (block.literals > MAX_LITERALS || block.literals % 4 !== 0 || block.matches > MAX_MATCHES)
    throw new Error('a block with more than it may have');
  return block;
}

/** Of 2 to 14 bits each: 0 and 1 of two, 2 and 3 of three, 4 to 7 of five, up to 23 of eight. None at all: all are 0. */
function frequenciesIn(bytes: Uint8Array): number[] {
  let at = 0;
  const take = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i += 1, at += 1) value |= (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1) << i;
    return value;
  };
  const one = (): number => {
    if (take(1) === 0) return take(1);
    if (take(1) === 0) return 2 + take(1);
    if (take(1) === 0) return 4 + take(2);
    return take(1) === 0 ? 8 + take(4) : 24 + take(10);
  };
  if (bytes.length === 0) return repeated(ALL_SYMBOLS, 0);
  const all = Array.from({ length: ALL_SYMBOLS }, one);
  if (Math.ceil(at / 8) !== bytes.length) throw new Error('its frequencies have another length than it says');
  return all;
}

function tablesOf({ frequencies }: Block) {
  let at = 0;
  const next = (count: number, states: number): Table => {
    at += count;
    return tableOf(states, frequencies.slice(at - count, at));
  };
  return {
    literalLength: next(SYMBOLS.literalLength, LENGTH_STATES),
    matchLength: next(SYMBOLS.matchLength, LENGTH_STATES),
    distance: next(SYMBOLS.distance, DISTANCE_STATES),
    literal: next(SYMBOLS.literal, LITERAL_STATES),
  };
}

/** Four at a time, each with a state of its own. */
function literalsOf(block: Block, packed: Uint8Array): Uint8Array {
  const literals = new Uint8Array(block.literals);
  if (block.literals === 0) return literals;
  const bits = new Bits(packed, block.literalFilling);
  const { literal } = tablesOf(block);
  const decoders = block.literalStates.map((state) => new Decoder(literal, state));
  for (let at = 0; at < literals.length; ) for (const one of decoders) literals[at++] = one.symbol(bits);
  return literals;
}

function undo(block: Block, literals: Uint8Array, packed: Uint8Array, output: Output): void {
  if (block.matches === 0) return;
  const bits = new Bits(packed, block.matchFilling);
  const { literalLength, matchLength, distance } = tablesOf(block);
  const [first, second, third] = block.states;
  const decoders = [
    new Decoder(literalLength, first),
    new Decoder(matchLength, second),
    new Decoder(distance, third),
  ] as const;
  let used = 0;
  let back = 0;
  for (let i = 0; i < block.matches; i += 1) {
    const count = decoders[0].value(LITERALS, bits);
    const length = decoders[1].value(MATCHES, bits);
    // 0: as far back as the one before.
    back = decoders[2].value(DISTANCES, bits) || back;
    if (used + count > literals.length) throw new Error('it uses more literals than it has');
    output.literals(literals.subarray(used, used + count));
    output.match(length, back);
    used += count;
  }
}
