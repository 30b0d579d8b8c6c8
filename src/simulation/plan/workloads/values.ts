/** Values that several kinds of workloads have. */

import type { Place } from '../issue.ts';

export function readCount(place: Place, value: number | undefined, most: number): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= most)) return value;
  return place.fail('bad-option', `${value} is no number from 1 to ${most}`);
}

/** Only the members that have a value. */
export function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
