/** Pseudo-random numbers from a seed: the same on every machine. */

import { seededWords } from '../../bytes/seeded-words.ts';

/** A generator of numbers in [0, 1). */
export type Random = () => number;

/** `stream` makes independent generators of one seed. */
export function seededRandom(seed: number, stream: string): Random {
  const next = seededWords(seed, stream);
  return () => next() / 2 ** 32;
}

/** 53 random bits: seeds for others. */
export const seedFrom = (random: Random): number =>
  Math.floor(random() * 2 ** 32) + 2 ** 32 * Math.floor(random() * 2 ** 21);

/** Exponential with this mean: times between events that know nothing of each other. */
export const exponential = (random: Random, mean: number): number => -mean * Math.log(1 - random());
