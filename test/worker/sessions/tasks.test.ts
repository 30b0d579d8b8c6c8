/** Tasks of a session that outlive a batch, over HTTP. */

import { exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { ORIGIN, request } from '../harness.ts';
import {
  type Answer,
  at,
  call,
  create,
  destroy,
  expectStatus,
  type Json,
  json,
  run,
  suspend,
} from './session-client.ts';

type Tasks = Record<string, { readonly pid: number; readonly results: readonly { readonly ended_ns: number }[] }>;
const tasksOf = ({ tasks }: Answer) => tasks as Tasks;
const sleep = (s: number) => call('nanosleep', { tv_sec: s, tv_nsec: 0 }, null);

it('a call that blocks is pending, others are made meanwhile, and time passes until it is ready', async () => {
  const id = await create({ clock: 'virtual', seed: 1 });
  const begun = await run(id, { tasks: { sleeper: { wait: false, calls: [sleep(5)] } } });
  expect(begun.tasks).toMatchObject({ sleeper: { kept: true, results: [], pending: { index: 0, call: 'nanosleep' } } });
  expect((await run(id, { calls: [call('getpid')] })).results).toMatchObject([{ ret: 1 }]);
  const end = await run(id, {
    tasks: { sleeper: { wait: false } },
    advance: { ns: 60e9, ready: ['sleeper'] },
  });
  const [result] = tasksOf(end).sleeper?.results ?? [];
  expect(result).toMatchObject({ ret: 0 });
  expect(Number(result?.ended_ns) - Number(begun.now_ns)).toBeCloseTo(5e9, -7);
  expect(Number(end.now_ns) - Number(begun.now_ns)).toBeCloseTo(5e9, -7);
  await destroy(id);
});

it('a kept task is there after the session was suspended, under its name', async () => {
  const id = await create();
  const calls = [{ ...call('openat', 'AT_FDCWD', '/', 'O_RDONLY'), as: 'fd' }];
  const first = await run(id, { tasks: { own: { flags: '0', keep: true, calls } } });
  await suspend(id);
  const second = await run(id, { tasks: { own: { calls: [call('getpid'), call('close', 0)] } } });
  const pid = tasksOf(first).own?.pid;
  expect(second.tasks).toMatchObject({ own: { pid, kept: true, results: [{ ret: pid }, { ret: 0 }] } });
  await destroy(id);
});

it('a kept task is interrupted, and goes on with its next call', async () => {
  const id = await create();
  await run(id, { tasks: { sleeper: { wait: false, calls: [call('pause'), call('getppid')] } } });
  const end = await run(id, { tasks: { sleeper: { interrupt: true, calls: [call('gettid')] } } });
  const pid = tasksOf(end).sleeper?.pid;
  expect(end.tasks).toMatchObject({ sleeper: { results: [{ errno: 'EINTR' }, { ret: 1 }, { ret: pid }] } });
  await destroy(id);
});

it('a call that is pending keeps a session from being suspended, and says so', async () => {
  const id = await create();
  await run(id, { tasks: { sleeper: { wait: false, calls: [call('pause')] } } });
  const problem = await expectStatus(await request(at(id, '/suspend'), json('POST')), 409);
  expect(problem.detail).toMatch(/task sleeper .* is inside pause/);
  const end = await run(id, { tasks: { sleeper: { signal: 'SIGKILL' } } });
  expect(end.tasks).toMatchObject({ sleeper: { results: [{ ret: null, exited: { status: 9 } }] } });
  await suspend(id);
  await destroy(id);
});

it('what cannot be asked of a task is a mistake with its place', async () => {
  const id = await create();
  const ask = async (body: object, status = 422) =>
    expectStatus(await request(at(id, '/syscalls'), json('POST', body)), status);
  expect(await ask({ advance: { ns: 1, ready: ['nobody'] } })).toMatchObject({ path: '/advance/ready' });
  const kept = { keep: true, calls: [call('getpid')] };
  expect(await ask({ tasks: { t: { ...kept, signal: 'SIGNOPE' } } })).toMatchObject({ path: '/tasks/t/signal' });
  expect(await ask({ advance: { ready: [] } }, 400)).toMatchObject({ errors: [{ path: 'advance' }] });
  await destroy(id);
});

it('a result that no batch waits for comes over the WebSocket that asked for it', async () => {
  const id = await create();
  const headers = { upgrade: 'websocket', authorization: 'Bearer test' };
  const { webSocket } = await exports.default.fetch(new Request(ORIGIN + at(id, '/socket?push=1'), { headers }));
  if (!webSocket) throw new Error('no WebSocket');
  webSocket.accept();
  const messages: Json[] = [];
  const heard = Promise.withResolvers<void>();
  webSocket.addEventListener('message', ({ data }) => {
    messages.push(JSON.parse(String(data)));
    if (messages.length === 3) heard.resolve();
  });
  const pipe = call('pipe2', { out: 'int[2]' }, 0);
  const reader = { wait: false, calls: [call('read', 0, { out: 8 }, 8)] };
  webSocket.send(JSON.stringify({ calls: [pipe], tasks: { reader } }));
  webSocket.send(JSON.stringify({ calls: [call('write', 1, 'hello', 5)], advance: { ns: 0 } }));
  await heard.promise;
  expect(messages).toContainEqual({
    event: { task: 'reader', result: expect.objectContaining({ ret: 5, out: { utf8: 'hello', base64: 'aGVsbG8=' } }) },
  });
  const { tasks } = await run(id, { tasks: { reader: { wait: false } } });
  expect(tasks).toMatchObject({ reader: { results: [] } });
  // Who waits for a result hears that none will come.
  const closed = new Promise<CloseEvent>((resolve) => webSocket.addEventListener('close', resolve));
  await destroy(id);
  expect(await closed).toMatchObject({ code: 1001, reason: 'the session is over' });
});

it('a deadline ends the call, not the session', async () => {
  const id = await create();
  const calls = [call('pipe2', { out: 'int[2]' }, 0), call('read', 0, { out: 1 }, 1), call('getpid')];
  const { results, stopped } = await run(id, { calls, deadline_ms: 100 });
  expect(results).toMatchObject([{ ret: 0 }, { ret: -4, errno: 'EINTR' }]);
  expect(stopped).toEqual({ index: 1, reason: 'deadline' });
  expect((await run(id, { calls: [call('write', 1, 'x', 1), call('read', 0, { out: 1 }, 1)] })).results).toMatchObject([
    { ret: 1 },
    { ret: 1 },
  ]);
  await destroy(id);
});

it('a wait for what nothing will bring ends the call, not the session', async () => {
  const id = await create({ clock: 'virtual', seed: 1 });
  const { results, stopped } = await run(id, { calls: [call('pause'), call('getpid')] });
  expect(results).toMatchObject([{ ret: -4, errno: 'EINTR' }]);
  expect(stopped).toEqual({ index: 0, reason: 'deadlock' });
  expect((await run(id, { calls: [call('getpid')] })).results).toMatchObject([{ ret: 1 }]);
  await destroy(id);
});
