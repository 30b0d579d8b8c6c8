/** Pseudo-random words from a seed: the same on every machine. For repeatable runs, never for secrets. */

/** The next 32 bits, unsigned. */
export type Words = () => number;

/**
 * sfc32 of PractRand by Chris Doty-Humphrey: 128 bits of state, whole-number arithmetic only. A seed is a whole number up to 2^53.
 * `stream` makes independent generators of one seed.
 */
export function seededWords(seed: number, stream: string): Words {
  let [a, b, c, counter] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, fnv1a(stream), 1];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}

/** FNV-1a, 32 bits, of the text's UTF-8. */
export function fnv1a(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
