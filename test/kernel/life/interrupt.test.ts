/** A deadline interrupts calls, not the kernel; and no task that could run waits for a program that thinks. */

import { describe, expect, it } from 'vitest';
import { KeptTasks } from '../../../src/batch/kept/kept-tasks.ts';
import type { CallResult } from '../../../src/batch/language/types.ts';
import type { PlayedCall, TaskRequest } from '../../../src/batch/player.ts';
import { playTimed } from '../../../src/batch/syscall-batch.ts';
import type { ClockPolicy } from '../../../src/kernel/host.ts';
import { freshMachine, restore } from '../../../src/kernel/snapshot/snapshot.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { call } from '../../conformance/kernel.ts';
import { kernelModule, restoredKernel, snapshot } from '../restored.ts';

/** A kernel that stays, and batches on it. */
function session(clock: ClockPolicy) {
  const kernel = restore(freshMachine(kernelModule, snapshot), snapshot, { host: nodeHost, clock, memoryMib: 24 });
  const kept = new KeptTasks(kernel);
  const play = async (calls: readonly PlayedCall[], deadlineMs: number, tasks: Record<string, TaskRequest> = {}) => {
    const results: CallResult[] = [];
    const ofTasks: Record<string, CallResult[]> = {};
    const report = await playTimed(
      { kernel, disks: [] },
      { calls, tasks, onError: 'continue', strace: false, deadlineMs, kept },
      (result, task) => {
        if (task === undefined) results.push(result);
        else ofTasks[task] = [...(ofTasks[task] ?? []), result];
      },
      { host: nodeHost },
    );
    return { results, ofTasks, report };
  };
  return { kernel, kept, play };
}

const pipe = { ...call('pipe2', { out: 'int[2]' }, 0), as: 'pipe' };
const read = call('read', { ref: 'pipe.0' }, { out: 1 }, 1);
const EINTR = { ret: -4, errno: 'EINTR' };

describe('at its deadline', () => {
  it.each<[string, readonly PlayedCall[]]>([
    ['read of an empty pipe', [pipe, read]],
    ['pause', [call('pause')]],
    [
      'sleep, which a signal that nobody handles would have go on',
      [call('nanosleep', { tv_sec: 1000, tv_nsec: 0 }, null)],
    ],
    ['poll', [call('ppoll', null, 0, null, null, 8)]],
    [
      'epoll',
      [{ ...call('epoll_create1', 0), as: 'e' }, call('epoll_wait', { ref: 'e' }, { out: 'epoll_event[1]' }, 1, -1)],
    ],
    [
      'futex',
      [
        { ...call('mmap2', 0, 4096, 3, 34, -1, 0), as: 'm' },
        call('futex', { ref: 'm' }, 'FUTEX_WAIT', 0, null, null, 0),
      ],
    ],
    [
      'accept',
      [
        { ...call('socket', 'AF_INET', 'SOCK_STREAM', 0), as: 's' },
        call('listen', { ref: 's' }, 1),
        call('accept', { ref: 's' }, null, null),
      ],
    ],
    ['waiting for a child', [call('clone', 'SIGCHLD', 0, 0, 0, 0), call('wait4', -1, null, 0, null)]],
    ['sigtimedwait', [call('rt_sigtimedwait', ['SIGUSR1'], null, null, 8)]],
  ])('%s answers EINTR, the rest is not made, and the kernel goes on', async (_, calls) => {
    const { play, kernel } = session('wall');
    const { results, report } = await play([...calls, call('getpid'), call('getppid')], 30);
    expect(results.at(-1)).toMatchObject(EINTR);
    expect(report.stopped).toEqual({ index: calls.length - 1, reason: 'deadline' });
    expect(results).toHaveLength(calls.length);
    expect((await play([call('getpid')], 1000)).results).toMatchObject([{ ret: 1 }]);
    kernel.kill();
  });

  it('what a call has done by then is its result', async () => {
    const { play, kernel } = session('wall');
    const calls = [pipe, call('write', { ref: 'pipe.1' }, { base64: 'AAAA'.repeat(40_000) }, 120_000), call('getpid')];
    const { results, report } = await play(calls, 50);
    expect(results[1]).toMatchObject({ ret: 65_536 });
    expect(report.stopped).toEqual({ index: 2, reason: 'deadline' });
    kernel.kill();
  });

  it('tasks are interrupted, those that wait for one another too, and kept ones go on', async () => {
    const { play, kept, kernel } = session('wall');
    const flags = 'CLONE_FILES|CLONE_FS';
    const { report, ofTasks } = await play([pipe], 50, {
      reads: { flags, calls: [{ ...read, as: 'got' }] },
      waits: { flags, calls: [{ ...call('getpid'), after: 'late' }] },
      sleeps: {
        flags,
        calls: [call('nanosleep', { tv_sec: 1000, tv_nsec: 0 }, null), { ...call('getpid'), as: 'late' }],
      },
      stays: { flags, keep: true, calls: [call('read', 0, { out: 1 }, 1)] },
    });
    expect(ofTasks).toMatchObject({ reads: [EINTR], sleeps: [EINTR] });
    expect(report.tasks).toMatchObject({
      reads: { stopped: { index: 0, reason: 'deadline' } },
      waits: { stopped: { index: 0, reason: 'deadline' } },
      sleeps: { stopped: { index: 0, reason: 'deadline' } },
      stays: { kept: true, pending: { call: 'read' } },
    });
    await play([call('write', 1, 'x', 1)], 1000);
    const end = await play([], 1000, { stays: { flags, calls: [] } });
    expect(end.report.tasks.stays).not.toHaveProperty('pending');
    expect(kept.get('stays')?.take().results).toMatchObject([{ ret: 1 }]);
    kernel.kill();
  });

  it('a call that nothing interrupts ends the kernel, and that is said', async () => {
    const { play, kernel } = session('wall');
    const calls = [call('vfork'), call('getpid')]; // its child has no program that would exec
    await expect(play(calls, 30)).rejects.toMatchObject({ message: /not to be interrupted.*call 0 \(vfork\)/s });
    expect(kernel.dead).toBeDefined();
  });
});

it('a wait for what never comes is interrupted in a kernel that stays: somebody may bring it later', async () => {
  const { play, kernel } = session('virtual');
  const { results, report } = await play([pipe, read, call('getpid')], 10_000);
  expect(results.at(-1)).toMatchObject(EINTR);
  expect(report.stopped).toEqual({ index: 1, reason: 'deadlock' });
  expect((await play([call('getpid')], 1000)).results).toMatchObject([{ ret: 1 }]);
  kernel.kill();
});

it('two tasks are spawned at once', async () => {
  const kernel = restoredKernel();
  const tasks = await Promise.all([kernel.spawn(), kernel.spawn(), kernel.spawn()]);
  expect(new Set(tasks.map(({ pid }) => pid)).size).toBe(3);
  expect(await Promise.all(tasks.map((task) => task.syscall('getpid')))).toEqual(tasks.map(({ pid }) => pid));
  kernel.kill();
});
