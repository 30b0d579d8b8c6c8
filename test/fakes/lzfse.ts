/** Compresses as LZFSE, simply: what its decoder is held against. Blocks of every kind; 7-Zip reads its LZVN and `bvx2`. */

import type { Values } from '../../src/storage/formats/dmg/lzfse/fse.ts';
import { DISTANCES, LITERALS, MATCHES } from '../../src/storage/formats/dmg/lzfse/lzfse.ts';

export type LzfseBlock = 'plain' | 'lzvn' | 'fse' | 'fse-old';

interface Step {
  readonly literals: Uint8Array;
  readonly match: number;
  readonly distance: number;
}

const MAX_MATCH = 2359;
const MAX_LITERALS = 315;
const MIN_MATCH = 4;

/** Greedy, by a table of where each four bytes were last. */
function steps(bytes: Uint8Array, maxDistance: number, maxLiterals: number, maxMatch: number): Step[] {
  const last = new Map<number, number>();
  const found: Step[] = [];
  let from = 0;
  let at = 0;
  const key = (i: number) =>
    (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24);
  const step = (match: number, distance: number) => {
    found.push({ literals: bytes.subarray(from, at), match, distance });
    at += match;
    from = at;
  };
  while (at < bytes.length) {
    const before = at + MIN_MATCH <= bytes.length ? last.get(key(at)) : undefined;
    last.set(key(at), at);
    let match = 0;
    if (before !== undefined && at - before <= maxDistance)
      while (match < maxMatch && at + match < bytes.length && bytes[before + match] === bytes[at + match]) match += 1;
    if (match >= MIN_MATCH) step(match, at - (before ?? 0));
    else {
      at += 1;
      if (at - from === maxLiterals) step(0, 1);
    }
  }
  if (at > from) step(0, 1);
  return found;
}

/** Bits one behind another, the lowest of each first. */
class BitWriter {
  readonly bytes: number[] = [];
  #count = 0;
  push(value: number, count: number): void {
    for (let i = 0; i < count; i += 1, this.#count += 1) {
      if (this.#count % 8 === 0) this.bytes.push(0);
      const at = this.bytes.length - 1;
      this.bytes[at] = (this.bytes[at] ?? 0) | (((value >> i) & 1) << (this.#count % 8));
    }
  }
  get filling(): number {
    return (8 - (this.#count % 8)) % 8;
  }
}

/** As many as there are states in all, none of a symbol that occurs without one. */
function frequenciesOf(symbols: readonly number[], alphabet: number, states: number): number[] {
  const counts = new Array<number>(alphabet).fill(0);
  for (const symbol of symbols) counts[symbol] = (counts[symbol] ?? 0) + 1;
  if (symbols.length === 0) return counts;
  const scaled = counts.map((count) => (count === 0 ? 0 : Math.max(1, Math.floor((count * states) / symbols.length))));
  const sum = () => scaled.reduce((all, one) => all + one, 0);
  const most = () => scaled.indexOf(Math.max(...scaled));
  while (sum() > states) scaled[most()] = (scaled[most()] ?? 0) - 1;
  scaled[most()] = (scaled[most()] ?? 0) + states - sum();
  return scaled;
}

class Encoder {
  state = 0;
  readonly #frequencies: readonly number[];
  readonly #states: number;
  constructor(frequencies: readonly number[], states: number) {
    this.#frequencies = frequencies;
    this.#states = states;
  }
  push(symbol: number, into: BitWriter): void {
    const frequency = this.#frequencies[symbol] ?? 0;
    const first = this.#frequencies.slice(0, symbol).reduce((all, one) => all + one, 0);
    const bits = Math.clz32(frequency) - Math.clz32(this.#states);
    const longer = ((2 * this.#states) >> bits) - frequency;
    // The one of its states that is followed by where it is now.
    for (let i = 0; i < frequency; i += 1) {
      const count = i < longer ? bits : bits - 1;
      const next = i < longer ? ((frequency + i) << bits) - this.#states : (i - longer) << (bits - 1);
      if (this.state < next || this.state >= next + 2 ** count) continue;
      into.push(this.state - next, count);
      this.state = first + i;
      return;
    }
    throw new Error('no state leads there');
  }
}

const symbolOf = ({ bases }: Values, value: number): number => {
  let symbol = bases.findLastIndex((base) => base <= value);
  if (symbol < 0) symbol = 0;
  return symbol;
};

/** As `frequenciesIn` of the decoder reads them. */
function pushFrequency(value: number, into: BitWriter): void {
  const [code, bits] =
    (
      [
        [0b00, 2],
        [0b10, 2],
        [0b001, 3],
        [0b101, 3],
        [0b00011, 5],
        [0b01011, 5],
        [0b10011, 5],
        [0b11011, 5],
      ] as const
    )[value] ?? (value < 24 ? [0b0111 | ((value - 8) << 4), 8] : [0b1111 | ((value - 24) << 4), 14]);
  into.push(code, bits);
}

function fseBlock(bytes: Uint8Array, isOld: boolean): { block: Uint8Array; used: number } {
  const all = steps(bytes, 262_139, MAX_LITERALS, MAX_MATCH);
  const taken: Step[] = [];
  let literalCount = 0;
  for (const one of all) {
    if (taken.length === 10_000 || literalCount + one.literals.length > 39_000) break;
    taken.push(one);
    literalCount += one.literals.length;
  }
  const used = taken.reduce((sum, { literals, match }) => sum + literals.length + match, 0);
  const literals = taken.flatMap((one) => [...one.literals]);
  while (literals.length % 4 !== 0) literals.push(literals[0] ?? 0);
  const triples = taken.map(
    (one, i) =>
      [one.literals.length, one.match, i > 0 && taken[i - 1]?.distance === one.distance ? 0 : one.distance] as const,
  );
  const kinds = [
    { values: LITERALS, states: 64 },
    { values: MATCHES, states: 64 },
    { values: DISTANCES, states: 256 },
  ];
  const frequencies = kinds.map(({ values, states }, kind) =>
    frequenciesOf(
      triples.map((one) => symbolOf(values, one[kind] ?? 0)),
      values.bases.length,
      states,
    ),
  );
  const literalFrequencies = frequenciesOf(literals, 256, 1024);

  const literalBits = new BitWriter();
  const literalEncoders = [0, 1, 2, 3].map(() => new Encoder(literalFrequencies, 1024));
  for (let i = literals.length - 1; i >= 0; i -= 1) literalEncoders[i % 4]?.push(literals[i] ?? 0, literalBits);
  const matchBits = new BitWriter();
  for (let i = 0; i < 8; i += 1) matchBits.push(0, 8); // as Apple's does, and 7-Zip wants it
  const encoders = kinds.map(({ states }, kind) => new Encoder(frequencies[kind] ?? [], states));
  for (const triple of triples.toReversed()) {
    for (const kind of [2, 1, 0]) {
      const { values } = kinds[kind] ?? { values: LITERALS };
      const symbol = symbolOf(values, triple[kind] ?? 0);
      matchBits.push((triple[kind] ?? 0) - (values.bases[symbol] ?? 0), values.bits[symbol] ?? 0);
      encoders[kind]?.push(symbol, matchBits);
    }
  }

  const everything = [...frequencies.flat(), ...literalFrequencies];
  const literalStates = literalEncoders.map(({ state }) => state);
  const states = encoders.map(({ state }) => state);
  const payload = [...literalBits.bytes, ...matchBits.bytes];
  if (isOld) {
    const header = new Uint8Array(772);
    const view = new DataView(header.buffer);
    header.set(new TextEncoder().encode('bvx1'));
    const words = [
      used,
      payload.length,
      literals.length,
      taken.length,
      literalBits.bytes.length,
      matchBits.bytes.length,
    ];
    for (const [i, word] of words.entries()) view.setUint32(4 + 4 * i, word, true);
    view.setInt32(28, -literalBits.filling, true);
    for (const [i, state] of literalStates.entries()) view.setUint16(32 + 2 * i, state, true);
    view.setInt32(40, -matchBits.filling, true);
    for (const [i, state] of states.entries()) view.setUint16(44 + 2 * i, state, true);
    for (const [i, one] of everything.entries()) view.setUint16(50 + 2 * i, one, true);
    return { block: Uint8Array.of(...header, ...payload), used };
  }
  const packed = new BitWriter();
  for (const one of everything) pushFrequency(one, packed);
  const header = new Uint8Array(32 + packed.bytes.length);
  const view = new DataView(header.buffer);
  header.set(new TextEncoder().encode('bvx2'));
  view.setUint32(4, used, true);
  const word = (at: number, ...fields: readonly (readonly [value: number, from: number])[]) =>
    view.setBigUint64(
      at,
      fields.reduce((sum, [value, from]) => sum | (BigInt(value) << BigInt(from)), 0n),
      true,
    );
  word(8, [literals.length, 0], [literalBits.bytes.length, 20], [taken.length, 40], [7 - literalBits.filling, 60]);
  const [a = 0, b = 0, c = 0, d = 0] = literalStates;
  word(16, [a, 0], [b, 10], [c, 20], [d, 30], [matchBits.bytes.length, 40], [7 - matchBits.filling, 60]);
  const [l = 0, m = 0, e = 0] = states;
  word(24, [header.length, 0], [l, 32], [m, 42], [e, 52]);
  header.set(packed.bytes, 32);
  return { block: Uint8Array.of(...header, ...payload), used };
}

/** Every operation that there is, by what fits. */
function lzvn(bytes: Uint8Array): number[] {
  const out: number[] = [];
  let previous = 0;
  for (const { literals, match, distance } of steps(bytes, 65_535, 271, 271)) {
    let rest = [...literals];
    if (rest.length > 3 || match === 0) {
      const alone = rest;
      if (alone.length >= 16) out.push(0xe0, alone.length - 16, ...alone);
      else if (alone.length > 0) out.push(0xe0 | alone.length, ...alone);
      rest = [];
    }
    if (match === 0) continue;
    const count = rest.length;
    const most = count === 0 ? 10 : count === 1 ? 8 : count === 2 ? 6 : 4;
    const first = Math.min(match, most);
    let left = match - first;
    if (distance === previous && count > 0) out.push((count << 6) | ((first - 3) << 3) | 6, ...rest);
    else if (distance < 1536) out.push((count << 6) | ((first - 3) << 3) | (distance >> 8), distance & 255, ...rest);
    else if (distance < 16_384 && match <= 34) {
      const more = match - 3;
      out.push(0xa0 | (count << 3) | (more >> 2), ((distance << 2) & 255) | (more & 3), distance >> 6, ...rest);
      left = 0;
    } else out.push((count << 6) | ((first - 3) << 3) | 7, distance & 255, distance >> 8, ...rest);
    previous = distance;
    for (; left >= 16; left -= Math.min(left, 271)) out.push(0xf0, Math.min(left, 271) - 16);
    if (left > 0) out.push(0xf0 | left);
    out.push(0x0e);
  }
  return [...out, 6, 0, 0, 0, 0, 0, 0, 0];
}

const word32 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
const magic = (text: string): number[] => [...new TextEncoder().encode(text)];

/** `bytes`, each piece of them as the next of `kinds`. */
export function lzfse(bytes: Uint8Array, kinds: readonly LzfseBlock[], pieceBytes = 60_000): Uint8Array {
  const out: Uint8Array[] = [];
  for (let at = 0, number = 0; at < bytes.length; number += 1) {
    const kind = kinds[number % kinds.length];
    const piece = bytes.subarray(at, at + pieceBytes);
    if (kind === 'plain') out.push(Uint8Array.of(...magic('bvx-'), ...word32(piece.length)), piece);
    else if (kind === 'lzvn') {
      const packed = lzvn(piece);
      out.push(Uint8Array.of(...magic('bvxn'), ...word32(piece.length), ...word32(packed.length), ...packed));
    } else {
      const { block, used } = fseBlock(piece, kind === 'fse-old');
      out.push(block);
      at += used;
      continue;
    }
    at += piece.length;
  }
  out.push(Uint8Array.of(...magic('bvx$')));
  return Uint8Array.from(Buffer.concat(out));
}
