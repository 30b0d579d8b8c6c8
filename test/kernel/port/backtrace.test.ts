/** Where a kernel ended can be read: its functions have names, although the binary has none. */

import { expect, it } from 'vitest';
import { ptr } from '../../../src/kernel/memory.ts';
import { kernelBacktrace, kernelSymbols } from '../../../src/node/kernel-symbols.ts';
import kernelJson from '../../../wasm/dist/kernel.json' with { type: 'json' };
import { restoredKernel } from '../restored.ts';

it('a panic tells the way from the system call to panic()', async () => {
  const kernel = restoredKernel();
  await kernel.init.syscall('exit_group', 7).catch(() => {});
  const functions = (await kernelBacktrace(kernel.dead))?.split('\n').map((line) => line.trim().replace(/\+0x.*/, ''));
  expect(functions?.[0]).toBe('Call Trace:');
  expect(functions?.[1]).toBe('panic');
  expect(functions).toEqual(expect.arrayContaining(['do_exit', 'lkl_user_loop']));
});

it('a trap tells where wasm found it', async () => {
  const kernel = restoredKernel();
  // Whatever pointers the kernel finds now lead out of its memory.
  const { memory } = kernel.engine;
  const from = kernel.memoryBytes / 2;
  memory.view(ptr(from), kernel.memoryBytes - from).fill(0xff);
  await kernel.init.syscall('getdents64', 0, 0, 0).catch(() => {});
  expect(kernel.dead?.end).toBe('trap');
  const trace = await kernelBacktrace(kernel.dead);
  expect(trace).toMatch(/^Call Trace:\n \w/);
  expect(trace).not.toContain('wasm-function');
});

it('a deadline has no place in the kernel', async () => {
  const kernel = restoredKernel();
  kernel.kill('deadline', 'too late');
  expect(await kernelBacktrace(kernel.dead)).toBeUndefined();
});

it('every function has a name', async () => {
  const symbols = await kernelSymbols();
  expect(symbols).toHaveLength(kernelJson.names.functions);
  expect(symbols.filter((name) => name === '')).toEqual([]);
});
