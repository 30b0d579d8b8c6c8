/** Finite state entropy as LZFSE has it: tables from frequencies, and bits that are taken from the end of a range. */

/** A number is a base and some bits more. */
export interface Values {
  readonly bases: readonly number[];
  readonly bits: readonly number[];
}

/** Each base begins where the range of the one before ends. */
export function valuesOf(bits: readonly number[]): Values {
  const bases: number[] = [];
  let base = 0;
  for (const one of bits) {
    bases.push(base);
    base += 2 ** one;
  }
  return { bases, bits };
}

/** What each state stands for, and how it is followed: by `next` plus so many bits. */
export interface Table {
  readonly symbol: Uint8Array;
  readonly next: Uint16Array;
  readonly bits: Uint8Array;
  /** States that there are: a power of 2. Those behind the sum of the frequencies stand for nothing. */
  readonly states: number;
  readonly used: number;
}

export function tableOf(states: number, frequencies: readonly number[]): Table {
  const table = { symbol: new Uint8Array(states), next: new Uint16Array(states), bits: new Uint8Array(states), states };
  let used = 0;
  for (const [symbol, frequency] of frequencies.entries()) {
    if (frequency === 0) continue;
    if (used + frequency > states) throw new Error('its frequencies are more than its states');
    // So many bits that the states of a symbol, each followed by all of them, are `states` or more: the first take one more.
    const bits = Math.clz32(frequency) - Math.clz32(states);
    const longer = ((2 * states) >> bits) - frequency;
    for (let i = 0; i < frequency; i += 1) {
      const at = used + i;
      table.symbol[at] = symbol;
      table.bits[at] = i < longer ? bits : bits - 1;
      table.next[at] = i < longer ? ((frequency + i) << bits) - states : (i - longer) << (bits - 1);
    }
    used += frequency;
  }
  return { ...table, used };
}

/** Bits of `bytes`, the last ones first. */
export class Bits {
  readonly #bytes: Uint8Array;
  #left: number;

  /** `filling`: the highest bits of the last byte that are none, 0 to 7. */
  constructor(bytes: Uint8Array, filling: number) {
    this.#bytes = bytes;
    this.#left = 8 * bytes.length - filling;
    const last = bytes.at(-1) ?? 0;
    if (filling < 0 || filling > 7 || this.#left < 0 || last >> (8 - filling) !== 0)
      throw new Error('its last bits are wrong');
  }

  /** Up to 24. */
  take(count: number): number {
    const from = this.#left - count;
    if (from < 0) throw new Error('it ends too early');
    this.#left = from;
    const at = from >> 3;
    const bytes = this.#bytes;
    const word =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    return (word >>> (from & 7)) & (2 ** count - 1);
  }
}

/** One of the things that a range is made of: where it stands, and in which table. */
export class Decoder {
  readonly #table: Table;
  #state: number;

  constructor(table: Table, state: number) {
    this.#table = table;
    this.#state = state;
  }

  symbol(from: Bits): number {
    const { symbol, next, bits, used } = this.#table;
    const state = this.#state;
    if (state >= used) throw new Error('a state that stands for nothing');
    this.#state = (next[state] ?? 0) + from.take(bits[state] ?? 0);
    return symbol[state] ?? 0;
  }

  /** The bits that follow the symbol lie behind those of the state. */
  value({ bases, bits }: Values, from: Bits): number {
    const symbol = this.symbol(from);
    return (bases[symbol] ?? 0) + from.take(bits[symbol] ?? 0);
  }
}
