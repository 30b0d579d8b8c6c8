import { expect, test } from 'vitest';
import { Pace } from './pace.ts';

/** A process that waits, and is nobody's child here. */
const SLEEPS = 1;

interface Around {
  readonly isOpen?: boolean;
  readonly computedMs?: () => number;
}

function paced(
  threads: readonly { readonly tid: number; readonly isWaiting: boolean }[],
  { isOpen = false, computedMs = () => 0 }: Around = {},
) {
  const passes = Promise.withResolvers<void>();
  const creeps = Promise.withResolvers<number>();
  const outside: Promise<void>[] = [];
  const pace = new Pace({
    engine: {
      holdTime: (work) => void work.then(() => passes.resolve()),
      pass(ns) {
        creeps.resolve(ns);
        return Promise.resolve();
      },
    },
    threads: () => threads,
    processes: () => [SLEEPS],
    computedMs,
    hasCome: () => false,
    isOpen,
    outside: (until) => void outside.push(until),
  });
  return { pace, passes: passes.promise, creeps: creeps.promise, outside };
}

test('time passes where all threads wait in the kernel', async () => {
  const { pace, passes, outside } = paced([{ tid: SLEEPS, isWaiting: true }]);
  await passes;
  expect(outside).toHaveLength(0);
  pace.close();
});

test.each([
  ['a thread waits for the machine', [{ tid: SLEEPS, isWaiting: false }], false],
  ['the machine may connect', [{ tid: SLEEPS, isWaiting: true }], true],
])('while %s it does at the pace of what is outside, until the next call', async (_, threads, isOpen) => {
  const { pace, passes, outside } = paced(threads, { isOpen });
  await passes;
  expect(outside).toHaveLength(1);
  pace.called();
  await outside[0];
  pace.close();
});

test('for a program that calls for seconds and never waits time passes as fast as it computes', async () => {
  let asked = 0;
  const { pace, creeps } = paced([{ tid: SLEEPS, isWaiting: false }], { computedMs: () => 2000 * asked++ });
  const calls = setInterval(() => pace.called(), 1);
  expect(await creeps).toBe(1e9);
  clearInterval(calls);
  pace.close();
});
