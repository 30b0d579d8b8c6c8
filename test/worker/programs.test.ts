/** Programs of C in workerd: the engine's stacks and memories are the platform's, so what they need is looked at there too. */

import { expect, it } from 'vitest';
import { installPrograms } from '../../src/kernel/program/run/install.ts';
import { runProgram } from '../../src/kernel/program/run/run.ts';
import { freshMachine, restore } from '../../src/kernel/snapshot/snapshot.ts';
import { workerHost } from '../../src/worker/host.ts';
import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import probe from '../fixtures/programs/probe-fork.wasm';

it.each([
  [['processes', '20'], 'seconds: 0\n', 0],
  [['forks'], 'child: counter 11, local 7, exit 21\nparent: counter 10, local 6\nsum 20, exits 6\n', 0],
  [['threads'], 'sum 30, results 100\nsum 180\n', 5],
  [['terminal'], 'a terminal: 1, /dev/pts/0\r\nhello\r\nline of 6: hello\r\n^Cinterrupted\r\nexit 9\n', 0],
])('a program runs in a Worker: %j', async (words, said, exitCode) => {
  const kernel = restore(freshMachine(kernelModule, snapshot, 24), snapshot, { host: workerHost, memoryMib: 24 });
  kernel.programs.provide((name) => (name === 'probe' ? probe : undefined));
  await installPrograms(kernel.init, '/bin', ['probe']);
  let out = '';
  const end = await runProgram(kernel, {
    path: '/bin/probe',
    argv: ['probe', ...words],
    stdout: (bytes) => {
      out += new TextDecoder().decode(bytes);
    },
  });
  expect({ out, end }).toEqual({ out: said, end: { exitCode } });
  expect(kernel.programs.memoryBytes).toBe(0);
  kernel.kill();
  await kernel.gone;
});
