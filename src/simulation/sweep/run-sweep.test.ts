/** A sweep's networks are looked at one after another, as long as somebody wants them, and planned when they run. */

import { expect, test } from 'vitest';
import type { PlannedSimulation } from '../simulate.ts';
import { planSweep, runSweep } from './run-sweep.ts';

const network = { seed: 0 };
const axes = { seed: [1, 2, 3, 4] };

test('each has a turn of the event loop behind it, and they end with whoever asked', async () => {
  const seen: string[] = [];
  const plan = (one: unknown) => {
    seen.push(`plan ${(one as typeof network).seed}`);
    return {} as PlannedSimulation;
  };
  await planSweep(network, { seed: [1, 2] }, plan, async () => void seen.push('turn'));
  expect(seen).toEqual(['plan 1', 'turn', 'plan 2', 'turn']);
  const gone = new Error('gone');
  let turns = 0;
  const leaving = async () => {
    if (++turns === 2) throw gone;
  };
  await expect(planSweep(network, axes, plan, leaving)).rejects.toBe(gone);
  expect(seen.length).toBe(6);
});

test('of all but the one that runs nothing is kept', async () => {
  let planned = 0;
  const plan = () => {
    planned++;
    return { run: async () => ({ result: {}, wallMs: 0 }) } as unknown as PlannedSimulation;
  };
  const runs = await planSweep(network, axes, plan);
  expect(planned).toBe(4);
  const counts: number[] = [];
  for await (const _ of runSweep(runs, () => ({}))) counts.push(planned);
  expect(counts).toEqual([5, 6, 7, 8]);
});
