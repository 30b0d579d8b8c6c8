/** Reads nft's JSON: objects of one member, and members that must be of a kind. */

import type { Place } from '../plan/issue.ts';

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The only member of an object: what it is, and its value. */
export function only(value: unknown): readonly [string, unknown] | undefined {
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  return entries.length === 1 ? entries[0] : undefined;
}

/** Two members of a list. */
export function pair(place: Place, value: unknown, what: string): readonly [unknown, unknown] | undefined {
  if (Array.isArray(value) && value.length === 2) return [value[0], value[1]];
  return place.fail('bad-option', `${what} is a list of two, not ${JSON.stringify(value)}`);
}

export function readText(place: Place, value: unknown, what: string): string | undefined {
  if (typeof value === 'string' && value.length > 0 && value.length <= 128) return value;
  return place.fail(
    'bad-option',
    value === undefined ? `${what} is missing` : `${JSON.stringify(value)} is no ${what}`,
  );
}

export function readNumber(
  place: Place,
  value: unknown,
  what: string,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  return place.fail('bad-option', `${JSON.stringify(value)} is no ${what}: a whole number from 0 to ${most}`);
}

export function readFlag(place: Place, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  return place.fail('bad-option', `${JSON.stringify(value)} is neither true nor false`) ?? false;
}

/** One of these words. */
export function readWord<K extends string>(place: Place, value: unknown, words: readonly K[]): K | undefined {
  const word = words.find((one) => one === value);
  if (value === undefined) return place.fail('bad-option', `must be given: one of ${words.join(', ')}`);
  return word ?? place.fail('bad-option', `${JSON.stringify(value)} is none of ${words.join(', ')}`);
}

/** A word or a list of words. */
export function readWords<K extends string>(place: Place, value: unknown, words: readonly K[]): K[] {
  if (value === undefined) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.flatMap((one, i) => readWord(Array.isArray(value) ? place.at(i) : place, one, words) ?? []);
}
