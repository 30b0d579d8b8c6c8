/** LZO1X, by the description in Linux's Documentation/staging/lzo.rst. */

import { copyWithin } from './lz4.ts';

/** A block of at most `maxBytes`. */
export function unlzo1x(packed: Uint8Array, maxBytes: number): Uint8Array {
  const out = new Uint8Array(maxBytes);
  let from = 0;
  let to = 0;
  const byte = (): number => {
    const value = packed[from];
    if (value === undefined) throw new Error('it ends too early');
    from += 1;
    return value;
  };
  /** Zeros are 255 each; the first other byte ends the number. */
  const longer = (least: number): number => {
    let value = least;
    for (;;) {
      const next = byte();
      if (next !== 0) return value + next;
      value += 255;
      if (value > maxBytes + 1024) throw new Error('a block that is too long');
    }
  };
  const literals = (count: number): void => {
    if (from + count > packed.length) throw new Error('it ends too early');
    if (to + count > maxBytes) throw new Error('a block that is too long');
    out.set(packed.subarray(from, from + count), to);
    from += count;
    to += count;
  };
  const match = (distance: number, length: number): void => {
    if (distance > to) throw new Error('it looks back to before its beginning');
    if (to + length > maxBytes) throw new Error('a block that is too long');
    copyWithin(out, to, distance, length);
    to += length;
  };

  /** How many literals the last instruction had: 0 to 3, or 4 for a run of them. */
  let state = 0;
  const first = packed[0] ?? 0;
  if (first > 17) {
    from = 1;
    literals(first - 17);
    state = Math.min(first - 17, 4);
  }
  for (;;) {
    const code = byte();
    let trailing: number;
    if (code >= 64) {
      const length = code >= 128 ? 5 + ((code >> 5) & 3) : 3 + ((code >> 5) & 1);
      match((byte() << 3) + ((code >> 2) & 7) + 1, length);
      trailing = code & 3;
    } else if (code >= 32) {
      const length = (code & 31) === 0 ? longer(31) : code & 31;
      const low = byte();
      const word = low | (byte() << 8);
      match((word >> 2) + 1, length + 2);
      trailing = word & 3;
    } else if (code >= 16) {
      const length = (code & 7) === 0 ? longer(7) : code & 7;
      const low = byte();
      const word = low | (byte() << 8);
      const distance = 16_384 + ((code & 8) << 11) + (word >> 2);
      if (distance === 16_384) return out.subarray(0, to); // the end
      match(distance, length + 2);
      trailing = word & 3;
    } else if (state === 0) {
      literals((code === 0 ? longer(15) : code) + 3);
      state = 4;
      continue;
    } else {
      const distance = (byte() << 2) + (code >> 2) + 1;
      if (state === 4) match(distance + 2048, 3);
      else match(distance, 2);
      trailing = code & 3;
    }
    literals(trailing);
    state = trailing;
  }
}
