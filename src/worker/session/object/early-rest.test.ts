import { expect, it } from 'vitest';
import { EarlyRest } from './early-rest.ts';

/** A session whose time passes by `look()`. */
function session({ isStored = true } = {}) {
  const state = { isWanted: false, isInMemory: true, calls: 0, rests: 0 };
  let pauses: (() => void)[] = [];
  const early = new EarlyRest({
    isWanted: () => state.isWanted,
    pause: () => new Promise<void>((resolve) => pauses.push(resolve)),
    isUnused: () => state.isInMemory && state.calls === 0,
    rest: async () => {
      state.rests++;
      if (isStored) state.isInMemory = false;
    },
  });
  const look = async () => {
    const all = pauses;
    pauses = [];
    for (const one of all) one();
    await new Promise((resolve) => setImmediate(resolve));
    return all.length;
  };
  /** Half a second, after which it may be asked for its memory. */
  const pass = async () => {
    for (let looks = 0; looks < 4; looks++) await look();
  };
  return { state, used: () => void early.used(), look, pass };
}

it('a session that nobody calls is at rest once somebody waits for memory', async () => {
  const { state, used, look, pass } = session();
  used();
  await pass();
  await look();
  expect(state.rests).toBe(0);
  state.isWanted = true;
  await look();
  expect(state).toMatchObject({ rests: 1, isInMemory: false });
  expect(await look()).toBe(0);
});

it('one that is called keeps its memory, and for a while when the call has ended', async () => {
  const { state, used, look, pass } = session();
  used();
  state.isWanted = true;
  state.calls = 1;
  expect(await look()).toBe(1);
  expect(await look()).toBe(0);
  state.calls = 0;
  used();
  await pass();
  used(); // called again in time
  await pass();
  expect(state.rests).toBe(0);
  await look();
  expect(state.rests).toBe(1);
});

it('one that cannot be stored is asked again when something was done with it; one that nobody wants has the alarm', async () => {
  const { state, used, look, pass } = session({ isStored: false });
  state.isWanted = true;
  used();
  await pass();
  await look();
  expect([state.rests, await look()]).toEqual([1, 0]);
  used();
  await pass();
  await look();
  expect(state.rests).toBe(2);
  state.isWanted = false;
  used();
  let looks = 0;
  while ((await look()) > 0) looks++;
  expect(looks).toBe(50);
});
