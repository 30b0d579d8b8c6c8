/** Time of programs that no request waits for: counted while the kernel works, and no more than there is. */

import { expect, it } from 'vitest';
import type { Kernel } from '../../../kernel/kernel.ts';
import { ProgramTime } from './program-time.ts';

/** A kernel that works as it is told, looks that are made by hand, and an owner who has so many milliseconds. */
function world(mostMs: number) {
  let nowNs = 0;
  let look = () => {};
  let spentMs = 0;
  const calls: unknown[][] = [];
  const kernel = {
    dead: undefined as string | undefined,
    engine: { busy: true },
    programs: { running: [{ name: 'sh', pid: 33 }] },
    init: { syscall: async (...call: unknown[]) => void calls.push(call) },
    kill(_: string, message: string) {
      kernel.dead = message;
    },
  };
  let counted = false;
  const time = new ProgramTime({
    host: {
      monotonicNs: () => nowNs,
      timer(_, then) {
        look = then;
        return () => {};
      },
    },
    meter: {
      async spent(_, ms) {
        spentMs += ms;
        return spentMs > mostMs;
      },
    },
    owner: () => 'token:a',
    isCounted: () => counted,
  });
  time.watch(kernel as unknown as Kernel);
  const pass = async (ms: number) => {
    nowNs += ms * 1e6;
    look();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const count = (now: boolean) => {
    counted = now;
  };
  return { kernel, calls, pass, spentMs: () => spentMs, count };
}

it('is what passed while the kernel worked, and no request was counted', async () => {
  const { kernel, pass, spentMs, count } = world(10_000);
  await pass(250);
  kernel.engine.busy = false;
  await pass(250);
  kernel.engine.busy = true;
  count(true);
  await pass(250);
  count(false);
  await pass(400);
  expect(spentMs()).toBe(650);
  kernel.programs.running.pop();
  await pass(250);
  await pass(250);
  expect(spentMs()).toBe(650);
});

it('ends the programs when there is no more of it, and the kernel where they go on', async () => {
  const { kernel, calls, pass } = world(300);
  await pass(250);
  expect(calls).toEqual([]);
  await pass(250);
  expect([calls, kernel.dead]).toEqual([[['kill', 33, 9]], undefined]);
  await pass(250);
  expect(kernel.dead).toMatch(/used up/);
});
