import { describe, expect, it } from 'vitest';
import { call, play } from '../../test/conformance/kernel.ts';
import { mustWakeUp } from './virtual-budget.ts';

describe('a call that lets virtual time pass', () => {
  it('for 10⁹ seconds ends the batch at once', async () => {
    const calls = [call('getpid'), call('nanosleep', { tv_sec: 1_000_000_000, tv_nsec: 0 }, null)];
    await expect(play({ calls })).rejects.toMatchObject({ kind: 'program-too-long', members: { path: '/calls/1' } });
  });

  it.each([
    call('clock_nanosleep', 'CLOCK_MONOTONIC', 0, { tv_sec: 1e9, tv_nsec: 0 }, null),
    call('ppoll', null, 0, { tv_sec: 1e9, tv_nsec: 0 }, null, 0),
    call('pselect6_time64', 0, null, null, null, { tv_sec: '1000000000', tv_nsec: 0 }, null),
  ])('whatever its name ($call)', (made) => expect(() => mustWakeUp(made, '/calls/0')).toThrow(/at most/));

  it.each([
    call('nanosleep', { tv_sec: 86_400, tv_nsec: 0 }, null),
    call('clock_nanosleep', 'CLOCK_REALTIME', 'TIMER_ABSTIME', { tv_sec: 2e9, tv_nsec: 0 }, null),
    call('settimeofday', { tv_sec: 2e9, tv_usec: 0 }, null),
    call('nanosleep', null, null),
  ])('for less, or until a time of day, may ($call)', (made) => {
    expect(() => mustWakeUp(made, '/calls/0')).not.toThrow();
  });
});
