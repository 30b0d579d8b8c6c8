import { expect, test } from 'vitest';
import { Pace } from './pace.ts';

/** A process that waits, and is nobody's child here. */
const SLEEPS = 1;

function paced(threads: readonly { readonly tid: number; readonly isWaiting: boolean }[], isOpen = false) {
  const passes = Promise.withResolvers<void>();
  const outside: Promise<void>[] = [];
  const pace = new Pace({
    engine: { holdTime: (work) => void work.then(() => passes.resolve()) },
    threads: () => threads,
    processes: () => [],
    isOpen,
    outside: (until) => void outside.push(until),
  });
  return { pace, passes: passes.promise, outside };
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
  const { pace, passes, outside } = paced(threads, isOpen);
  await passes;
  expect(outside).toHaveLength(1);
  pace.called();
  await outside[0];
  pace.close();
});
