/** Pseudo-random numbers from a seed: the same on every machine. */

/** A generator of numbers in [0, 1). */
export type Random = () => number;

/**
 * sfc32 of PractRand by Chris Doty-Humphrey: 128 bits of state, whole-number arithmetic only.
 * `stream` makes independent generators of one seed.
 */
export function seededRandom(seed: number, stream: string): Random {
  let [a, b, c, counter] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, hash(stream), 1];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return () => next() / 2 ** 32;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

/** 53 random bits: seeds for others. */
export const seedFrom = (random: Random): number =>
  Math.floor(random() * 2 ** 32) + 2 ** 32 * Math.floor(random() * 2 ** 21);

/** Exponential with this mean: times between events that know nothing of each other. */
export const exponential = (random: Random, mean: number): number => -mean * Math.log(1 - random());
