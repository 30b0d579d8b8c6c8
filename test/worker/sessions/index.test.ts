/** What the index of an owner's sessions promises when a session's making is cut short, and of one whose fork was. */

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { sha256Hex } from '../../../src/worker/access/token.ts';
import { type Outcome, type SessionIndexRpc, valueIn } from '../../../src/worker/session/rpc.ts';
import { sessionIndexClass } from '../../../src/worker/session/session-index.ts';
import { request } from '../harness.ts';

/** The index of an owner of its own, by a clock of ours. */
async function withIndex(act: (index: SessionIndexRpc, clock: { nowMs: number }) => Promise<void>): Promise<void> {
  const stub = env.SESSION_INDEX.getByName(`test:${crypto.randomUUID()}`);
  await runInDurableObject(stub, async (_, state) => {
    const clock = { nowMs: 1_000_000 };
    const SessionIndex = sessionIndexClass(() => clock.nowMs);
    await act(new SessionIndex(state, env), clock);
  });
}

const row = (id: string, nowMs: number) => ({ id, createdMs: nowMs, expiresMs: nowMs + 3_600_000, memoryMib: 24 });

it('a session whose making was killed is found by nobody, and its place is free again after a minute', async () => {
  await withIndex(async (index, clock) => {
    for (let at = 0; at < 16; at++) valueIn(await index.admit(row(`killed ${at}`, clock.nowMs)));
    // What made them was killed here: none of them is ever confirmed.
    expect(valueIn(await index.list())).toEqual([]);
    expect(valueIn(await index.get('killed 3'))).toBeNull();
    expect(await index.admit(row('early', clock.nowMs))).toMatchObject({ problem: { name: 'too-many-sessions' } });
    clock.nowMs += 60_000;
    valueIn(await index.admit(row('made', clock.nowMs)));
    valueIn(await index.confirm('made'));
    expect(valueIn(await index.list()).map(({ id }) => id)).toEqual(['made']);
    clock.nowMs += 60_000;
    expect(valueIn(await index.list()).map(({ id }) => id)).toEqual(['made']);
  });
});

it('a session that took longer to make than it may count is not made: whoever made it is told to come back', async () => {
  await withIndex(async (index, clock) => {
    valueIn(await index.admit(row('late', clock.nowMs)));
    clock.nowMs += 61_000;
    expect(await index.confirm('late')).toMatchObject({ problem: { name: 'kernel-busy' } });
    expect(valueIn(await index.counted())).toEqual({ sessions: 0, memoryMib: 0 });
  });
});

const authorization = 'Bearer test';
const json = { method: 'POST', headers: { 'content-type': 'application/json', authorization } };
const asked = { headers: { authorization } };

it('a fork that is killed before it is told of leaves no session, and its bytes go with its time', async () => {
  const { id } = (await (await request('/v1/sessions', { ...json, body: '{"expires_in_s": 600}' })).json()) as {
    id: string;
  };
  const owner = `local:${await sha256Hex(authorization)}`;
  const copy = crypto.randomUUID();
  // What the route does, up to where it would tell the index: as if its host was killed there.
  const from = env.SESSIONS.getByName(`${owner}/${id}`) as unknown as { fork(name: string): Promise<Outcome<unknown>> };
  valueIn(await from.fork(`${owner}/${copy}`));
  const stub = env.SESSIONS.getByName(`${owner}/${copy}`);
  await runInDurableObject(stub, async (_, state) => {
    expect(await state.storage.getAlarm()).not.toBeNull();
    expect(state.storage.sql.exec('SELECT count(*) AS rows FROM parts').one().rows).toBeGreaterThan(0);
  });
  const { sessions } = (await (await request('/v1/sessions', asked)).json()) as { sessions: { id: string }[] };
  expect(sessions.map((session) => session.id)).toContain(id);
  expect(sessions.map((session) => session.id)).not.toContain(copy);
  expect((await request(`/v1/sessions/${copy}`, asked)).status).toBe(404);
  expect((await request(`/v1/sessions/${id}`, { ...asked, method: 'DELETE' })).status).toBe(204);
});
