import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { HostedTask } from '../hosted-task.ts';
import { UserMode } from './user-mode.ts';

const task = {} as HostedTask;
const other = {} as HostedTask;

function held(othersCouldRun: boolean) {
  let interrupted = 0;
  const user = new UserMode({
    othersCouldRun: () => othersCouldRun,
    interrupt: () => interrupted++,
    turn: () => new Promise(() => {}),
    isTurnDear: false,
    monotonicNs: () => 0,
  });
  void user.hold(task);
  return { user, interrupted: () => interrupted };
}

test('a program that has done lets others run at once, not in the next turn of the event loop', () => {
  const { user, interrupted } = held(true);
  expect(interrupted()).toBe(0);
  user.yields(other);
  expect(interrupted()).toBe(0);
  user.yields(task);
  expect(interrupted()).toBe(1);
});

test('where nobody else could run it keeps the kernel for its next call', () => {
  const { user, interrupted } = held(false);
  user.yields(task);
  expect(interrupted()).toBe(0);
});

test('what the host does for itself is not interrupted', async () => {
  const { user, interrupted } = held(true);
  const work = Promise.withResolvers<void>();
  const done = user.still(work.promise);
  user.yields(task);
  expect(interrupted()).toBe(0);
  work.resolve();
  await done;
});

test('calls without end leave the event loop its turns', async () => {
  let turns = 0;
  const user = new UserMode({
    othersCouldRun: () => true,
    interrupt: () => expect.fail('the task that calls is not interrupted'),
    turn: () => setImmediate().then(() => void turns++),
    isTurnDear: false,
    monotonicNs: () => 0,
  });
  const caller = { ready: true, take: () => true } as unknown as HostedTask;
  for (let call = 0; call < 2560; call++) {
    if (call % 2) expect(await user.next(caller)).toBe(1);
    else {
      const answer = user.hold(caller);
      expect(user.goOn(caller)).toBe(true);
      expect(await answer).toBe(1);
    }
  }
  expect(turns).toBeGreaterThanOrEqual(10);
});

/** How many turns the event loop has while a task calls so often. */
async function turnsOf(
  calls: number,
  msACall: number,
  bytesACall: number,
  { clock = true, isTurnDear = false } = {},
): Promise<number> {
  let turns = 0;
  let nowMs = 0;
  const user = new UserMode({
    othersCouldRun: () => false,
    interrupt: () => {},
    turn: async () => void turns++,
    isTurnDear,
    monotonicNs: clock ? () => nowMs * 1e6 : undefined,
  });
  const caller = { ready: true, take: () => true } as unknown as HostedTask;
  for (let call = 0; call < calls; call++) {
    nowMs += msACall;
    user.ended(bytesACall);
    await user.next(caller);
  }
  return turns;
}

test('calls that take long leave the event loop its turns sooner, by the clock or by their bytes', async () => {
  expect(await turnsOf(2560, 0.001, 0)).toBe(10);
  expect(await turnsOf(2560, 0.001, -14)).toBe(10);
  expect(await turnsOf(10_240, 0.001, 0, { isTurnDear: true })).toBe(10);
  expect(await turnsOf(10_240, 50, 0, { clock: false })).toBe(10);
  expect(await turnsOf(160, 5, 0)).toBeGreaterThanOrEqual(30);
  expect(await turnsOf(100, 60, 0)).toBeGreaterThanOrEqual(80);
  expect(await turnsOf(100, 0, 0x7ffff000)).toBe(100);
});
