/** A kernel that has ended leaves nothing: its stacks unwind, however it ended. */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TaskExited } from '../../../src/kernel/errors.ts';
import { ends } from '../ends.ts';
import { restoredKernel } from '../restored.ts';

const soak = fileURLToPath(new URL('../../../scripts/soak.ts', import.meta.url));

describe('nothing of a kernel is left', () => {
  it.each(Object.entries(ends))('%s', async (_, end) => {
    const kernel = restoredKernel(24);
    await end(kernel);
    expect(kernel.dead).toBeDefined();
    await kernel.gone;
    expect(kernel.engine.stacks).toBe(0);
    expect(kernel.engine.ioInFlight).toBe(0);
  });
});

it('a task that exits takes its stack with it, while the kernel goes on', async () => {
  const kernel = restoredKernel(24);
  const before = kernel.engine.stacks;
  for (let i = 0; i < 40; i++) {
    const child = await kernel.spawn();
    await expect(child.syscall('exit', 0)).rejects.toBeInstanceOf(TaskExited);
    expect(await kernel.init.syscall('wait4', child.pid, 0, 0, 0)).toBe(child.pid);
  }
  // Kernel threads woke for the first time meanwhile: each has its stack then.
  expect(kernel.engine.stacks - before).toBeLessThan(10);
  kernel.kill();
  await kernel.gone;
});

it('hundreds of kernels of every end leave no mapping, memory or file behind', () => {
  const options = ['--expose-gc', '--max-semi-space-size=2', soak, '--rounds', '8', '--json'];
  const run = execFileSync(process.execPath, options, { encoding: 'utf8' });
  const rows = JSON.parse(run) as { end: string; mappings: number[]; rssMib: number[]; files: number[] }[];
  expect(rows.map(({ end }) => end)).toEqual(Object.keys(ends));
  const grown = (what: 'mappings' | 'rssMib' | 'files') => (rows.at(-1)?.[what][2] ?? 0) - (rows[0]?.[what][0] ?? 0);
  // One stack left behind by each were 8 mappings and some MiB for each: the code grows a little until all of it has run.
  expect(grown('mappings')).toBeLessThan(150);
  expect(grown('rssMib')).toBeLessThan(40);
  expect(grown('files')).toBe(0);
}, 120_000);
