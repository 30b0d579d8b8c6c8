/** Names of futexes: one of each process, for as long as somebody waits. */

import { expect, it } from 'vitest';
import { Futexes, FutexNames } from './futexes.ts';

const WAIT = 128;
const WAKE = 129;
const REQUEUE = 131;
const at = 0x1000;

function begun(futexes: Futexes, ...args: readonly number[]) {
  const call = futexes.named(args);
  if (call === undefined || call === 'nobody') return expect.fail(`${call}`);
  return call;
}

it('two processes that wait at one address have two names, each its own address', () => {
  const names = new FutexNames();
  const [one, other] = [new Futexes(names), new Futexes(names)];
  const [mine, its] = [begun(one, at, WAIT, 0, 0, 7, 8), begun(other, at, WAIT, 0)];
  const [a = 0, b = 0] = [mine.args[0], its.args[0]];
  expect(a).not.toBe(b);
  expect([one.addressOf(a), one.addressOf(b), other.addressOf(b)]).toEqual([at, undefined, at]);
  expect(mine.args.slice(1)).toEqual([WAIT, 0, 0, 7, 8]);
});

it('a wake has the name of who waits, and is nobody’s where none does', () => {
  const futexes = new Futexes(new FutexNames());
  expect(futexes.named([at, WAKE, 1])).toBe('nobody');
  const wait = begun(futexes, at, WAIT, 0);
  expect(begun(futexes, at, WAKE, 1).args[0]).toBe(wait.args[0]);
  wait.done();
  expect(begun(futexes, at + 4, WAIT, 0).args[0]).not.toBe(undefined);
});

it('names are used again once nobody waits, whatever was woken or moved', () => {
  const names = new FutexNames();
  const futexes = new Futexes(names);
  const first = names.take() ?? 0;
  names.give(first);
  for (let i = 0; i < 100_000; i++) {
    const wait = begun(futexes, at + 4 * i, WAIT, 0);
    const moved = begun(futexes, at + 4 * i, REQUEUE, 0, 1, 0x100_0000 + 4 * i);
    moved.done();
    begun(futexes, 0x100_0000 + 4 * i, WAKE, 1).done();
    wait.done();
  }
  expect(futexes.named([at, WAKE, 1])).toBe('nobody');
  expect((names.take() ?? 0) - first).toBeLessThan(64);
  const kept = new Futexes(names);
  begun(kept, at, WAIT, 0);
  kept.end();
  expect(kept.named([at, WAKE, 1])).toBe('nobody');
});

it.each([
  ['is shared', [at, 0, 0]],
  ['lies at an odd place', [at + 1, WAIT, 0]],
  ['moves to an odd place', [at, REQUEUE, 0, 0, at + 2]],
  ['is where names are', [0xf000_0000, WAIT, 0]],
])('one that %s is left to the kernel', (_, args) => {
  expect(new Futexes(new FutexNames()).named(args)).toBeUndefined();
});
