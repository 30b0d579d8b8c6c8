import { expect, it } from 'vitest';
import { KernelDead } from '../../kernel/errors.ts';
import { watched } from './watched.ts';

/** A kernel that dies as it is told, and timers that fire when asked. */
function world() {
  const deaths: ((dead: KernelDead) => void)[] = [];
  const timers = new Set<() => void>();
  const kernel = {
    engine: { onDeath: (then: (dead: KernelDead) => void) => void deaths.push(then) },
    task: { waitFor: <T>(promise: Promise<T>) => promise },
    stalled: (detail: string) => {
      for (const die of deaths) die(new KernelDead('deadline', detail, ''));
    },
  };
  const timer = (_: number, fire: () => void) => {
    timers.add(fire);
    return () => void timers.delete(fire);
  };
  return { kernel, host: { timer }, timers };
}

it('only time of the kernel counts', async () => {
  const { kernel, host, timers } = world();
  const armed: number[] = [];
  await watched(kernel, host, async (waitFor) => {
    armed.push(timers.size);
    await waitFor(Promise.resolve().then(() => armed.push(timers.size)));
    armed.push(timers.size);
  });
  expect([...armed, timers.size]).toEqual([1, 0, 1, 0]);
});

it('a kernel that does not get on is told of, and nobody waits for the client of one that is dead', async () => {
  const { kernel, host, timers } = world();
  const forever = new Promise<never>(() => {});
  const work = watched(kernel, host, (waitFor) => {
    for (const fire of [...timers]) fire();
    return waitFor(forever);
  });
  await expect(work).rejects.toMatchObject({ end: 'deadline' });
});
