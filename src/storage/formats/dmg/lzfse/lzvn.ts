/** LZVN, which LZFSE has for small blocks: one byte tells how many literals come and what is copied after them. */

import type { Output } from './output.ts';

const END = 0x06;
const NOTHING = [0x0e, 0x16];

/** All of `packed`, which is one block's, is `output`'s by then. */
export function unlzvn(packed: Uint8Array, output: Output): void {
  let at = 0;
  /** That of the match before. */
  let distance = 0;
  const byte = (more: number): number => {
    const value = packed[at + more];
    if (value === undefined) throw new Error('it ends too early');
    return value;
  };
  /** An operation of so many bytes, behind which its literals lie. */
  const copy = (bytes: number, literals: number, match: number): void => {
    const from = at + bytes;
    if (from + literals > packed.length) throw new Error('it ends too early');
    output.literals(packed.subarray(from, from + literals));
    output.match(match, distance);
    at = from + literals;
  };
  for (;;) {
    const code = byte(0);
    if (code === END) return;
    if (NOTHING.includes(code)) {
      at += 1;
      continue;
    }
    const [high, low] = [code >> 4, code & 15];
    if (high === 0xe) {
      // Literals alone: up to 15 of them, or 16 and more.
      if (low > 0) copy(1, low, 0);
      else copy(2, byte(1) + 16, 0);
    } else if (high === 0xf) {
      // A match alone, at the distance of the last one.
      if (low > 0) copy(1, 0, low);
      else copy(2, 0, byte(1) + 16);
    } else if (high === 0xa || high === 0xb) {
      // 101LLMMM DDDDDDMM DDDDDDDD
      const rest = byte(1) + 256 * byte(2);
      distance = rest >> 2;
      copy(3, (code >> 3) & 3, (((code & 7) << 2) | (rest & 3)) + 3);
    } else {
      const [literals, match, kind] = [code >> 6, ((code >> 3) & 7) + 3, code & 7];
      if (high === 7 || high === 0xd || (kind === 6 && literals === 0))
        throw new Error('an operation that there is not');
      if (kind === 6) copy(1, literals, match);
      else if (kind === 7) {
        // LLMMM111 DDDDDDDD DDDDDDDD
        distance = byte(1) + 256 * byte(2);
        copy(3, literals, match);
      } else {
        // LLMMMDDD DDDDDDDD
        distance = kind * 256 + byte(1);
        copy(2, literals, match);
      }
    }
  }
}
