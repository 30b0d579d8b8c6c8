/** LZMA: the coder that .lzma files, xz and 7z share, by Igor Pavlov's specification (lzma-specification.txt). */

/** An output window larger than this is refused, as the xz decoder refuses it. */
export const MAX_DICTIONARY_BYTES = 128 * 2 ** 20;

/** Throws where a dictionary is larger than what its host has for one. */
export function mustFit(dictionaryBytes: number, windowBytes: number): void {
  if (dictionaryBytes <= windowBytes) return;
  const mib = (bytes: number) => `${Number((bytes / 2 ** 20).toPrecision(3))} MiB`;
  throw new Error(
    `its dictionary of ${mib(dictionaryBytes)} is larger than ${mib(windowBytes)}, which this host has for it`,
  );
}

const PROB_INIT = 1024;
const STATES = 12;
const LEN_PROBS = 2 + 16 * 8 * 2 + 256;
/** Places of the tables of probabilities in one array. */
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * 16;
const IS_REP_G0 = IS_REP + STATES;
const IS_REP_G1 = IS_REP_G0 + STATES;
const IS_REP_G2 = IS_REP_G1 + STATES;
const IS_REP0_LONG = IS_REP_G2 + STATES;
const POS_SLOT = IS_REP0_LONG + STATES * 16;
const POS_SPECIAL = POS_SLOT + 4 * 64;
const POS_ALIGN = POS_SPECIAL + 115;
const LEN = POS_ALIGN + 16;
const REP_LEN = LEN + LEN_PROBS;
const LITERAL = REP_LEN + LEN_PROBS;

/** So many bytes one symbol takes of the input, and not more. */
export const SYMBOL_BYTES = 24;

/** Takes what is made. `bytes` is the window's own memory: copy or use it before the next symbol. */
export type Emit = (bytes: Uint8Array) => void;

export class LzmaCoder {
  readonly #window: Uint8Array;
  readonly #emit: Emit;
  #probs = new Uint16Array(LITERAL);
  #lc = 0;
  #lpMask = 0;
  #pbMask = 0;
  #state = 0;
  #reps = [0, 0, 0, 0] as [number, number, number, number];
  #range = 0xffffffff;
  #code = 0;
  /** In the window: where the next byte goes, and from where on it was not emitted. */
  #at = 0;
  #emitted = 0;
  /** Bytes since the window was reset, which distances may reach back to. */
  #made = 0;
  #before = 0;
  #input: Uint8Array = new Uint8Array(0);
  #from = 0;

  constructor(dictionaryBytes: number, emit: Emit) {
    this.#window = new Uint8Array(Math.max(4096, dictionaryBytes));
    this.#emit = emit;
  }

  /** All bytes made. */
  get total(): number {
    return this.#before + this.#made;
  }

  /** Bytes made since the window was reset. */
  get made(): number {
    return this.#made;
  }

  /** lc, lp and pb in one byte; resets the state too. */
  setProperties(byte: number): void {
    if (byte >= 9 * 5 * 5) throw new Error('properties that there are not');
    this.#lc = byte % 9;
    this.#lpMask = (1 << (Math.floor(byte / 9) % 5)) - 1;
    this.#pbMask = (1 << Math.floor(byte / 45)) - 1;
    this.#probs = new Uint16Array(LITERAL + (0x300 << (this.#lc + (Math.floor(byte / 9) % 5))));
    this.resetState();
  }

  resetState(): void {
    this.#probs.fill(PROB_INIT);
    this.#state = 0;
    this.#reps = [0, 0, 0, 0];
  }

  resetWindow(): void {
    this.#before += this.#made;
    this.#made = 0;
  }

  /** The five bytes that the range coder begins with. */
  begin(bytes: Uint8Array): void {
    if (bytes.length < 5) throw new Error('it ends too early');
    if (bytes[0] !== 0) throw new Error('corrupt');
    this.#range = 0xffffffff;
    this.#code = bytes.subarray(1, 5).reduce((value, byte) => (value << 8) | byte, 0) >>> 0;
  }

  /** Bytes that are as they are. */
  copy(bytes: Uint8Array): void {
    for (const byte of bytes) this.#put(byte);
  }

  /** Emit what was made. */
  flush(): void {
    if (this.#at > this.#emitted) this.#emit(this.#window.subarray(this.#emitted, this.#at));
    this.#emitted = this.#at;
    if (this.#at === this.#window.length) this.#at = this.#emitted = 0;
  }

  /**
   * Symbols from `input` until `made` reaches `enough`, or fewer than `reserve` bytes are left, or the end marker; more than
   * `end` is an error. Answers how much of the input was used, and whether the marker was met.
   */
  decode(
    input: Uint8Array,
    { end, enough = end, reserve = 0 }: { readonly end: number; readonly enough?: number; readonly reserve?: number },
  ): { readonly used: number; readonly marker: boolean } {
    this.#input = input;
    this.#from = 0;
    const last = input.length - reserve;
    while (this.#made < enough && this.#from <= last) {
      if (!this.#symbol(end)) return { used: this.#from, marker: true };
    }
    return { used: this.#from, marker: false };
  }

  #shift(): void {
    const byte = this.#input[this.#from];
    if (byte === undefined) throw new Error('it ends too early');
    this.#from += 1;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | byte) >>> 0;
  }

  #bit(index: number): number {
    if (this.#range < 0x1000000) this.#shift();
    const prob = this.#probs[index] ?? 0;
    const bound = (this.#range >>> 11) * prob;
    if (this.#code < bound) {
      this.#range = bound;
      this.#probs[index] = prob + ((2048 - prob) >> 5);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    this.#probs[index] = prob - (prob >> 5);
    return 1;
  }

  #tree(base: number, bits: number): number {
    let node = 1;
    for (let left = bits; left > 0; left -= 1) node = node * 2 + this.#bit(base + node);
    return node - (1 << bits);
  }

  #reverseTree(base: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let index = 0; index < bits; index += 1) {
      const bit = this.#bit(base + node);
      node = node * 2 + bit;
      value |= bit << index;
    }
    return value;
  }

  #direct(bits: number): number {
    let value = 0;
    for (let left = bits; left > 0; left -= 1) {
      if (this.#range < 0x1000000) this.#shift();
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit) this.#code -= this.#range;
      value = value * 2 + bit;
    }
    return value;
  }

  #length(base: number, posState: number): number {
    if (this.#bit(base) === 0) return 2 + this.#tree(base + 2 + posState * 8, 3);
    if (this.#bit(base + 1) === 0) return 10 + this.#tree(base + 2 + 128 + posState * 8, 3);
    return 18 + this.#tree(base + 2 + 256, 8);
  }

  #put(byte: number): void {
    this.#window[this.#at] = byte;
    this.#at += 1;
    this.#made += 1;
    if (this.#at === this.#window.length) this.flush();
  }

  #back(distance: number): number {
    const at = this.#at - distance - 1;
    return this.#window[at < 0 ? at + this.#window.length : at] ?? 0;
  }

  /** Answers false at the end marker. */
  #symbol(end: number): boolean {
    const posState = this.#made & this.#pbMask;
    const state = this.#state;
    if (this.#bit(IS_MATCH + state * 16 + posState) === 0) {
      this.#literal();
      return true;
    }
    const reps = this.#reps;
    let length: number;
    if (this.#bit(IS_REP + state) === 0) {
      length = this.#length(LEN, posState);
      this.#state = state < 7 ? 7 : 10;
      const distance = this.#distance(length);
      if (distance === 0xffffffff) return false;
      reps[3] = reps[2];
      reps[2] = reps[1];
      reps[1] = reps[0];
      reps[0] = distance;
    } else {
      if (this.#bit(IS_REP_G0 + state) === 0) {
        if (this.#bit(IS_REP0_LONG + state * 16 + posState) === 0) {
          this.#state = state < 7 ? 9 : 11;
          this.#match(reps[0], 1, end);
          return true;
        }
      } else {
        let distance: number;
        if (this.#bit(IS_REP_G1 + state) === 0) {
          distance = reps[1];
        } else {
          if (this.#bit(IS_REP_G2 + state) === 0) {
            distance = reps[2];
          } else {
            distance = reps[3];
            reps[3] = reps[2];
          }
          reps[2] = reps[1];
        }
        reps[1] = reps[0];
        reps[0] = distance;
      }
      length = this.#length(REP_LEN, posState);
      this.#state = state < 7 ? 8 : 11;
    }
    this.#match(reps[0], length, end);
    return true;
  }

  #literal(): void {
    const before = this.#made > 0 ? this.#back(0) : 0;
    const place = ((this.#made & this.#lpMask) << this.#lc) + (before >> (8 - this.#lc));
    const base = LITERAL + 0x300 * place;
    let node = 1;
    if (this.#state >= 7) {
      let match = this.#back(this.#reps[0]);
      while (node < 0x100) {
        const matchBit = (match >> 7) & 1;
        match = (match << 1) & 0xff;
        const bit = this.#bit(base + ((1 + matchBit) << 8) + node);
        node = node * 2 + bit;
        if (matchBit !== bit) break;
      }
    }
    while (node < 0x100) node = node * 2 + this.#bit(base + node);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
    this.#put(node & 0xff);
  }

  #distance(length: number): number {
    const slot = this.#tree(POS_SLOT + Math.min(length - 2, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + this.#reverseTree(POS_SPECIAL + base - slot, bits);
    return base + this.#direct(bits - 4) * 16 + this.#reverseTree(POS_ALIGN, 4);
  }

  #match(distance: number, length: number, end: number): void {
    if (distance >= this.#made || distance >= this.#window.length) {
      throw new Error('it looks back to before its beginning');
    }
    if (this.#made + length > end) throw new Error('it is longer than it says');
    for (let left = length; left > 0; left -= 1) this.#put(this.#back(distance));
  }
}
