import { expect, it } from 'vitest';
import { HostError } from '../../../errors/host-error.ts';
import { Turns } from './turns.ts';

it('calls are made one after another, in the order in which they came', async () => {
  const turns = new Turns();
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const one = turns.take(async () => {
    log.push('first begins');
    await first.promise;
    log.push('first ends');
  });
  const two = turns.take(async () => void log.push('second'));
  await Promise.resolve();
  expect(log).toEqual(['first begins']);
  first.resolve();
  await Promise.all([one, two]);
  expect(log).toEqual(['first begins', 'first ends', 'second']);
});

it('one that fails keeps nobody from his turn: a problem is a value, anything else is thrown', async () => {
  const turns = new Turns();
  const problem = turns.take(async () => {
    throw new HostError('session-not-found');
  });
  const mistake = turns.take(async () => {
    throw new RangeError('ours');
  });
  const after = turns.take(async () => 7);
  expect(await problem).toMatchObject({ problem: { name: 'session-not-found' } });
  await expect(mistake).rejects.toThrow('ours');
  expect(await after).toEqual({ value: 7 });
});

it('those that are under way or wait are counted', async () => {
  const turns = new Turns();
  expect(turns.count).toBe(0);
  const all = [turns.take(async () => {}), turns.take(async () => {})];
  expect(turns.count).toBe(2);
  await Promise.all(all);
  expect(turns.count).toBe(0);
});
