/** A world that a seed decides: with it and the virtual clock, a kernel does the same every time. */

import type { Host } from './host.ts';

/** When a seeded kernel believes to start: 2026-01-01T00:00:00Z. */
const EPOCH_NS = 1_767_225_600 * 1e9;

/** `host`, but for randomness and the date, which `seed` decides. */
export function seededHost(host: Host, seed: string): Host {
  return { ...host, entropy: seededEntropy(seed), realtimeNs: () => EPOCH_NS };
}

/**
 * xoshiro128** by Blackman and Vigna, its state spread from a hash of the seed. For repeatable runs, not for secrets:
 * who knows the seed knows every key that the kernel makes.
 */
function seededEntropy(seed: string): Host['entropy'] {
  let [a, b, c, d] = [1, 2, 3, 4].map((part) => hash(`${part}:${seed}`)) as [number, number, number, number];
  const next = (): number => {
    const word = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return word;
  };
  return (into) => {
    for (let at = 0; at < into.length; at += 4) {
      const word = next();
      for (let byte = at; byte < Math.min(at + 4, into.length); byte++) into[byte] = word >>> (8 * (byte - at));
    }
  };
}

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** FNV-1a, 32 bits, its bits mixed once more; never 0. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  return (value ^ (value >>> 16)) | 1;
}
