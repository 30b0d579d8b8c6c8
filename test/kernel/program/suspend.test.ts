/** A kernel in which programs ran, suspended and resumed: programs run in it again, and those of before have no part in them. */

import { expect, it } from 'vitest';
import { AT_FDCWD } from '../../../src/abi/uapi/fs.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { must } from '../../../src/kernel/kernel-error.ts';
import { cleanMachine, freshMachine } from '../../../src/kernel/snapshot/snapshot.ts';
import { resume, suspend } from '../../../src/kernel/snapshot/suspend.ts';
import { close, openat } from '../../../src/kernel/syscalls/file.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { host } from '../kernel.ts';
import { kernelModule, snapshot } from '../restored.ts';
import { answer, modules, programKernel } from './kit.ts';

const clean = freshMachine(kernelModule, snapshot, 64);

async function again(kernel: Kernel): Promise<Kernel> {
  const suspended = await suspend(kernel, { clean: () => clean.memory.bytes, turn: nodeHost.turn });
  kernel.kill();
  const machine = freshMachine(kernelModule, snapshot, 64);
  cleanMachine(machine);
  machine.grow(suspended.state.memoryBytes);
  const next = await resume(machine, suspended, snapshot.buildId, { host });
  next.programs.provide((name) => new Map(Object.entries(modules)).get(name));
  return next;
}

it('programs run in a kernel that was suspended after some had', async () => {
  let kernel = await programKernel();
  for (let generation = 0; generation < 3; generation++) {
    expect(await answer(kernel, ['probe', 'processes', '5'])).toMatchObject({ exitCode: 0 });
    kernel = await again(kernel);
  }
  expect((await answer(kernel, ['probe-fork', 'forks'])).exitCode).toBe(0);
});

it('what still refers to a program of before does not refer to one of now', async () => {
  const first = await programKernel();
  let fd = -1;
  await answer(first, ['probe', 'hang'], {
    started: ({ pid, kill }) =>
      void openat(first.init, AT_FDCWD, `/proc/${pid}/mem`, 0).then((opened) => {
        fd = must('openat', opened);
        return kill(9);
      }),
  });
  const kernel = await again(first);
  const end = await answer(kernel, ['probe', 'cat'], {
    // While a new program runs, which would be the first of its kernel again, the old one's memory is let go.
    started: () => void close(kernel.init, fd),
    stdin: (() => {
      const said = ['one', 'two'].map((text) => new TextEncoder().encode(text));
      return async () => {
        await kernel.turn();
        return said.shift();
      };
    })(),
  });
  expect(end).toEqual({ exitCode: 0, out: 'onetwo', err: '' });
});
