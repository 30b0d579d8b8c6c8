import { expect, test } from 'vitest';
import { watchStandstill } from './standstill.ts';

/** Looks as they come, with so much virtual time and so many programs more at each. */
function looks(count: number, step: (n: number) => { ns: number | undefined; made: number }): boolean {
  let then: (() => void) | undefined;
  const host = {
    timer: (_: number, next: () => void) => {
      then = next;
      return () => {};
    },
  };
  let [now, stood] = [step(0), false];
  watchStandstill(host, { reachedNs: () => now.ns, made: () => now.made }, () => {
    stood = true;
  });
  for (let n = 1; n <= count && !stood; n++) {
    now = step(n);
    then?.();
  }
  return stood;
}

test('programs that are started for a minute while nobody waits are told of', () => {
  expect(looks(60, (n) => ({ ns: 5e4 * n, made: 10 * n }))).toBe(true);
  expect(looks(59, (n) => ({ ns: 5e4 * n, made: 10 * n }))).toBe(false);
});

test('time that passes, few programs, and set-ups before it begins are nothing to tell of', () => {
  expect(looks(1000, (n) => ({ ns: 2e6 * n, made: 10 * n }))).toBe(false);
  expect(looks(1000, (n) => ({ ns: 0, made: n }))).toBe(false);
  expect(looks(1000, (n) => ({ ns: undefined, made: 10 * n }))).toBe(false);
  expect(looks(1000, (n) => ({ ns: n - 2000, made: 10 * n }))).toBe(false);
});
