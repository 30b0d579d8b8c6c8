/** Tasks that outlive a batch, on a kernel that stays. */

import { expect, it } from 'vitest';
import { KeptTasks } from '../../../src/batch/kept/kept-tasks.ts';
import type { CallResult } from '../../../src/batch/language/types.ts';
import { type Batch, playBatch } from '../../../src/batch/player.ts';
import { call } from '../../conformance/kernel.ts';
import { restoredKernel } from '../restored.ts';

const S = 1e9;

/** A kernel, and batches on it as a session plays them. */
function session() {
  const kernel = restoredKernel();
  const kept = new KeptTasks(kernel);
  const play = async (batch: Partial<Batch>) => {
    const results: CallResult[] = [];
    const whole: Batch = { calls: [], tasks: {}, onError: 'continue', strace: false, kept, ...batch };
    const { tasks } = await playBatch(kernel, whole, (result, task) => void (task ?? results.push(result)));
    const taken = Object.entries(tasks).map(([name, end]) => [name, { ...end, ...kept.get(name)?.take() }] as const);
    return { results, tasks: Object.fromEntries(taken), nowNs: kernel.engine.clock.nowNs };
  };
  return { kernel, kept, play };
}

const flags = 'CLONE_FILES|CLONE_FS';
const pipe = [{ ...call('pipe2', { out: 'int[2]' }, 0), as: 'pipe' }];
const read = call('read', 0, { out: 8 }, 8);
const sleep = (seconds: number) => call('nanosleep', { tv_sec: seconds, tv_nsec: 0 }, null);

it('a call that blocks is pending at once, and its result comes with a later batch', async () => {
  const { play } = session();
  const first = await play({ calls: pipe, tasks: { reader: { flags, wait: false, calls: [read] } } });
  expect(first.tasks.reader).toMatchObject({ kept: true, pending: { index: 0, call: 'read' }, results: [] });
  const { results, nowNs } = await play({ calls: [call('write', 1, 'hello', 5)] });
  expect(results).toMatchObject([{ ret: 5 }]);
  const { tasks } = await play({ tasks: { reader: { flags, wait: false, calls: [] } } });
  expect(tasks.reader).toMatchObject({ kept: true, results: [{ ret: 5, out: { utf8: 'hello' } }] });
  expect(tasks.reader).not.toHaveProperty('pending');
  expect(tasks.reader?.results?.[0]?.ended_ns).toBeLessThanOrEqual(nowNs + 10_000);
});

it('time passes for kept tasks only when it is asked to, and stops at the first that is ready', async () => {
  const { play } = session();
  const tasks = {
    long: { flags, wait: false, calls: [sleep(9), sleep(1)] },
    short: { flags, wait: false, calls: [sleep(4)] },
  };
  const begun = await play({ tasks });
  const start = begun.nowNs;
  const none = { flags, wait: false, calls: [] };
  const early = await play({
    tasks: { long: none, short: none },
    advance: { by: { ns: 3 * S }, ready: ['long', 'short'] },
  });
  expect(early.tasks).toMatchObject({ long: { pending: { index: 0 } }, short: { pending: { call: 'nanosleep' } } });
  expect(early.nowNs - start).toBeCloseTo(3 * S, -7);
  const at4 = await play({ tasks: { short: none }, advance: { by: { ns: 60 * S }, ready: ['long', 'short'] } });
  expect(at4.tasks.short?.results).toMatchObject([{ ret: 0 }]);
  expect(Number(at4.tasks.short?.results?.[0]?.ended_ns) - start).toBeCloseTo(4 * S, -7);
  expect(at4.nowNs - start).toBeCloseTo(4 * S, -7);
  const at20 = await play({ tasks: { long: none }, advance: { by: { untilNs: start + 20 * S }, ready: [] } });
  expect(at20.tasks.long?.results?.map(({ ended_ns }) => Math.round((ended_ns - start) / S))).toEqual([9, 10]);
  expect(at20.nowNs).toBeCloseTo(start + 20 * S, -6);
});

it('a batch may wait for what a kept task does', async () => {
  const { play } = session();
  await play({ tasks: { sleeper: { flags, wait: false, calls: [sleep(2)] } } });
  const { tasks } = await play({ tasks: { sleeper: { flags, calls: [call('getpid')] } } });
  expect(tasks.sleeper?.results).toMatchObject([{ ret: 0 }, { ret: tasks.sleeper?.pid }]);
});

it('a signal ends a kept task, and its name is free again', async () => {
  const { play, kernel, kept } = session();
  const first = await play({ calls: pipe, tasks: { reader: { flags, wait: false, calls: [read] } } });
  const { tasks } = await play({ tasks: { reader: { flags, calls: [], signal: 'SIGKILL' } } });
  expect(tasks.reader).toMatchObject({ pid: first.tasks.reader?.pid, results: [{ ret: null, exited: { status: 9 } }] });
  expect(tasks.reader).not.toHaveProperty('kept');
  await kept.reap();
  const again = await play({ tasks: { reader: { flags, keep: true, calls: [call('getpid')] } } });
  expect(again.tasks.reader?.pid).not.toBe(first.tasks.reader?.pid);
  const end = await play({ tasks: { reader: { flags, keep: false, calls: [] } } });
  expect(end.tasks.reader).not.toHaveProperty('kept');
  await kept.reap();
  expect(kept.all).toEqual([]);
  expect(kernel.engine.tasks.map(({ pid }) => pid)).toEqual([1]);
});

it('the calls of many kept tasks run at once, the same each time', async () => {
  const run = async () => {
    const { play } = session();
    const names = Array.from({ length: 20 }, (_, i) => `t${i}`);
    const tasks = Object.fromEntries(
      names.map((name, i) => [name, { flags, wait: false, calls: [sleep(20 - i), call('gettid')] }]),
    );
    await play({ tasks });
    const none = { flags, wait: false, calls: [] };
    return play({
      tasks: Object.fromEntries(names.map((name) => [name, none])),
      advance: { by: { ns: 30 * S }, ready: [] },
    });
  };
  const first = await run();
  expect(Object.values(first.tasks).every(({ results }) => results?.length === 2)).toBe(true);
  expect(await run()).toEqual(first);
});

it('a result that somebody listens for is told, and not kept', async () => {
  const { play, kept } = session();
  const told: unknown[] = [];
  await play({ calls: pipe, tasks: { reader: { flags, wait: false, calls: [read] } } });
  const end = kept.listen((name, result) => told.push([name, result.ret]) > 0);
  await play({ calls: [call('write', 1, 'abc', 3)], advance: { by: { ns: 0 }, ready: [] } });
  end();
  expect(told).toEqual([['reader', 3]]);
  const { tasks } = await play({ tasks: { reader: { flags, wait: false, calls: [] } } });
  expect(tasks.reader?.results).toEqual([]);
});
