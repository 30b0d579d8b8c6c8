/** When events of a request come and end: one after another in time, repeated ones as often as they do. */

import type { Place } from '../plan/issue.ts';
import type { EventSpec } from '../plan/request.ts';
import { readTime } from '../plan/words.ts';

export interface Occurrence {
  readonly index: number;
  readonly place: Place;
  readonly spec: EventSpec;
  readonly atNs: number;
  /** It begins, or what it did is undone. */
  readonly begins: boolean;
}

/** Of all events together. */
const most = 100_000;

export function planOccurrences(place: Place, events: readonly EventSpec[], durationNs: number): Occurrence[] {
  const timings = events.map((spec, index) => timingOf(place.at(index), spec, durationNs));
  const count = timings.reduce(
    (sum, timing) => sum + (timing ? timing.count * (timing.forNs === undefined ? 1 : 2) : 0),
    0,
  );
  if (count > most) {
    place.fail('over-budget', `${count} events: ${most} are the most`);
    return [];
  }
  const all = events.flatMap((spec, index) => {
    const timing = timings[index];
    return timing ? occurrencesOf(place.at(index), spec, index, timing) : [];
  });
  // What ends makes way for what begins at the same instant.
  return all.toSorted((a, b) => a.atNs - b.atNs || Number(a.begins) - Number(b.begins) || a.index - b.index);
}

interface Timing {
  readonly atNs: number;
  readonly everyNs: number;
  readonly forNs: number | undefined;
  /** How often it begins. */
  readonly count: number;
}

function occurrencesOf(
  place: Place,
  spec: EventSpec,
  index: number,
  { atNs, everyNs, forNs, count }: Timing,
): Occurrence[] {
  return Array.from({ length: count }, (_, n) => atNs + n * everyNs).flatMap((beginsNs) => [
    { index, place, spec, atNs: beginsNs, begins: true },
    ...(forNs === undefined ? [] : [{ index, place, spec, atNs: beginsNs + forNs, begins: false }]),
  ]);
}

function timingOf(place: Place, spec: EventSpec, durationNs: number): Timing | undefined {
  const atNs = readTime(place.at('at'), spec.at);
  const time = (key: 'every' | 'for') => (key in spec ? readTime(place.at(key), (spec as never)[key]) : undefined);
  const everyNs = time('every');
  const forNs = time('for');
  const times = 'times' in spec ? spec.times : undefined;
  if (atNs === undefined) return undefined;
  if (everyNs !== undefined && everyNs < leastNs) return place.at('every').fail('bad-option', 'every 100us at most');
  if (forNs !== undefined && forNs < 1) place.at('for').fail('bad-option', 'it lasts a nanosecond at least');
  if (everyNs !== undefined && forNs !== undefined && forNs >= everyNs)
    place.at('for').fail('bad-option', 'it ends before it comes again');
  if (times !== undefined && (everyNs === undefined || !Number.isInteger(times) || times < 1))
    place.at('times').fail('bad-option', 'a whole number from 1, beside `every`');
  if (atNs >= durationNs) place.at('at').warn('the simulation has ended by then');
  const left = Math.max(0, durationNs - atNs);
  const count = everyNs === undefined ? 1 : Math.min(times ?? most + 1, Math.ceil(left / everyNs));
  return { atNs, everyNs: everyNs ?? 0, forNs, count };
}

const leastNs = 1e5;
