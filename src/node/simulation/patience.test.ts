/** A thread that hears nothing is ended once, at its time; one that has done its work is left alone. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Patience } from './patience.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const deadlineMs = 5000;
const silenceMs = 3000;

function patience(answers: () => boolean) {
  const ends: string[] = [];
  const one = new Patience(
    () => answers() && one.heard(),
    (bound) => void ends.push(bound),
  );
  return { one, ends };
}

it('a deadline ends a thread once', () => {
  const { one, ends } = patience(() => false);
  one.bound({ deadlineMs });
  vi.advanceTimersByTime(5500);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(ends).toEqual(['deadlineMs']);
});

it('a silence ends a thread, however long it answered before', () => {
  let hears = true;
  const { one, ends } = patience(() => hears);
  one.bound({ silenceMs });
  vi.advanceTimersByTime(600_000);
  expect(ends).toEqual([]);
  hears = false;
  vi.advanceTimersByTime(60_000);
  expect(ends).toEqual(['silenceMs']);
});

it.each([[{ deadlineMs }], [{ silenceMs }]])('a thread that is done has all the time for its answer: %j', (bounds) => {
  const { one, ends } = patience(() => false);
  one.bound(bounds);
  vi.advanceTimersByTime(1500);
  one.bound({});
  vi.advanceTimersByTime(60_000);
  expect(ends).toEqual([]);
});
