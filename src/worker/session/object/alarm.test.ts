import { expect, it } from 'vitest';
import { Alarm } from './alarm.ts';

/** A clock, and the times that the alarm was written. */
function world() {
  const written: number[] = [];
  const time = { nowMs: 0 };
  const storage = { setAlarm: async (ms: number | Date) => void written.push(Number(ms)) };
  return { time, written, alarm: new Alarm(storage, () => time.nowMs) };
}

const FAR = 1e9;

it('a session in memory is looked after when nobody called for four seconds', async () => {
  const { alarm, written } = world();
  await alarm.set(FAR, true);
  expect(written).toEqual([4000]);
});

it('one that is at rest is woken when its time is over', async () => {
  const { alarm, written } = world();
  await alarm.set(FAR, false);
  expect(written).toEqual([FAR]);
});

it('the end of its time comes first', async () => {
  const { alarm, written } = world();
  await alarm.set(1500, true);
  expect(written).toEqual([1500]);
});

it('many calls are few writes: one a second', async () => {
  const { alarm, written, time } = world();
  for (; time.nowMs < 3000; time.nowMs += 10) await alarm.set(FAR, true);
  expect(written).toEqual([4000, 5000, 6000]);
});

it('after it rang it is set anew', async () => {
  const { alarm, written } = world();
  await alarm.set(FAR, true);
  alarm.rang();
  await alarm.set(FAR, true);
  expect(written).toEqual([4000, 4000]);
});

it('one that is due later than it should is set anew', async () => {
  const { alarm, written } = world();
  await alarm.set(FAR, false);
  await alarm.set(FAR, true);
  expect(written).toEqual([FAR, 4000]);
});
