/** Virtual time and waiting: what comes is waited for, however long it takes; what never comes is a deadlock, at once. */

import { describe, expect, it } from 'vitest';
import type { PlayedCall } from '../../../src/batch/player.ts';
import { call, play } from '../../conformance/kernel.ts';

const DAY = 86_400;
const timerfd = { ...call('timerfd_create', 'CLOCK_MONOTONIC', 0), as: 'timer' };
const in2Days = { it_value: { tv_sec: 2 * DAY, tv_nsec: 0 } };

describe('a wait without end is a deadlock', () => {
  it.each<[string, readonly PlayedCall[]]>([
    ['pause', [call('pause')]],
    ['ppoll without a timeout', [call('ppoll', null, 0, null, null, 8)]],
    ['pselect6 without a timeout', [call('pselect6', 0, null, null, null, null, null)]],
    [
      'epoll_wait of -1',
      [{ ...call('epoll_create1', 0), as: 'e' }, call('epoll_wait', { ref: 'e' }, { out: 'epoll_event[1]' }, 1, -1)],
    ],
    ['sigsuspend', [call('rt_sigsuspend', [], 8)]],
    ['rt_sigtimedwait without a timeout', [call('rt_sigtimedwait', ['SIGUSR1'], null, null, 8)]],
    [
      'a pipe, after the last timer',
      [
        timerfd,
        call('timerfd_settime', { ref: 'timer' }, 0, { it_value: { tv_sec: 60, tv_nsec: 0 } }, null),
        { ...call('pipe2', { out: 'int[2]' }, 0), as: 'pipe' },
        call('read', { ref: 'pipe.0' }, { out: 1 }, 1),
      ],
    ],
  ])('%s', async (_, calls) => {
    await expect(play({ calls })).rejects.toMatchObject({ kind: 'program-deadlock' });
  });
});

describe('a wait with an end comes to it', () => {
  it.each<[string, readonly PlayedCall[], number]>([
    ['sleep', [call('nanosleep', { tv_sec: 2 * DAY, tv_nsec: 0 }, null)], 0],
    ['poll', [call('ppoll', null, 0, { tv_sec: 2 * DAY, tv_nsec: 0 }, null, 8)], 0],
    [
      'timerfd',
      [
        timerfd,
        call('timerfd_settime', { ref: 'timer' }, 0, in2Days, null),
        call('read', { ref: 'timer' }, { out: 8 }, 8),
      ],
      8,
    ],
  ])('%s', async (_, calls, ret) => {
    const { results } = await play({ calls });
    expect(results.at(-1)).toMatchObject({ ret });
    expect(results.at(-1)?.ns).toBeGreaterThanOrEqual(2 * DAY * 1e9);
  });
});
